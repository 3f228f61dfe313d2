from __future__ import annotations

from collections.abc import Iterator

from atom.gate.rule import Objection, Rule, Severity
from atom.gate.scopes import PodSpec, mapping

RULE = Rule(
    id="WPK102",
    name="privileged-container",
    severity=Severity.CRITICAL,
    scope=PodSpec,
    why="A privileged container has every device and capability of the node: it is root there.",
    remedy="Drop `privileged`; add the one capability that the task needs, if any.",
    sources=("Kubernetes Pod Security Standards, baseline: Privileged Containers",),
    bad=(
        "pod: {containers: [{name: a, securityContext: {privileged: true}}]}",
        "pod: {initContainers: [{name: a, securityContext: {privileged: true}}]}",
        "pod: {ephemeralContainers: [{name: a, securityContext: {privileged: true}}]}",
    ),
    good=(
        "pod: {containers: [{name: a, securityContext: {privileged: false}}]}",
        "pod: {containers: [{name: a}]}",
    ),
)


@RULE.check
def privileged(pod: PodSpec) -> Iterator[Objection]:
    for at, container in pod.containers():
        if mapping(container.get("securityContext")).get("privileged") not in (None, False):
            where = f"{at}/securityContext/privileged"
            yield RULE.finding(where, f"container {container.get('name', '')} is privileged")
