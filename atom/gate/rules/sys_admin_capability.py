from __future__ import annotations

from collections.abc import Iterator

from atom.gate.rule import Objection, Rule, Severity
from atom.gate.scopes import PodSpec, mapping

RULE = Rule(
    id="WPK103",
    name="sys-admin-capability",
    severity=Severity.CRITICAL,
    scope=PodSpec,
    why="CAP_SYS_ADMIN, alone or as part of ALL, is enough to leave the container.",
    remedy="Add only the narrow capability that is needed (NET_BIND_SERVICE, CHOWN, …).",
    sources=("Kubernetes Pod Security Standards, baseline: Capabilities", "capabilities(7)"),
    bad=(
        "pod: {containers: [{name: a, securityContext: {capabilities: {add: [SYS_ADMIN]}}}]}",
        "pod: {containers: [{name: a, securityContext: {capabilities: {add: [NET_BIND_SERVICE, cap_sys_admin]}}}]}",
        "pod: {initContainers: [{name: a, securityContext: {capabilities: {add: [all]}}}]}",
    ),
    good=(
        "pod: {containers: [{name: a, securityContext: {capabilities: {add: [NET_BIND_SERVICE], drop: [ALL]}}}]}",
        "pod: {containers: [{name: a}]}",
    ),
)


@RULE.check
def sys_admin(pod: PodSpec) -> Iterator[Objection]:
    for at, container in pod.containers():
        added = mapping(mapping(container.get("securityContext")).get("capabilities")).get("add")
        for index, capability in enumerate(added if isinstance(added, list) else []):
            if str(capability).strip().upper().removeprefix("CAP_") in ("SYS_ADMIN", "ALL"):
                where = f"{at}/securityContext/capabilities/add/{index}"
                yield RULE.finding(where, f"container {container.get('name', '')} adds the capability {capability}")
