from __future__ import annotations

from collections.abc import Iterator

from atom.gate.rule import Objection, Rule, Severity
from atom.gate.scopes import PodSpec

RULE = Rule(
    id="WPK104",
    name="host-namespace",
    severity=Severity.CRITICAL,
    scope=PodSpec,
    why="In the node's network, process or IPC namespace a container sees and reaches what belongs to the node.",
    remedy="Leave hostNetwork, hostPID and hostIPC out.",
    sources=("Kubernetes Pod Security Standards, baseline: Host Namespaces",),
    bad=(
        "pod: {hostPID: true, containers: []}",
        "pod: {hostNetwork: true, containers: []}",
        "step: {with: {patch: {spec: {template: {spec: {hostPID: true}}}}}}",
        "manifest: {apiVersion: v1, kind: Pod, spec: {hostIPC: true, containers: []}}",
    ),
    good=("pod: {hostPID: false, containers: []}", "pod: {containers: []}"),
)


@RULE.check
def host_namespace(pod: PodSpec) -> Iterator[Objection]:
    for member in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.body.get(member) not in (None, False):
            yield RULE.finding(f"{pod.pointer}/{member}", f"the pod asks for {member}")
