from __future__ import annotations

from collections.abc import Iterator

from atom.gate.rule import Objection, Rule, Severity
from atom.gate.scopes import Unresolved

RULE = Rule(
    id="WPK001",
    name="unresolved-value",
    severity=Severity.MEDIUM,
    scope=Unresolved,
    why="What is computed when the package runs, or hidden in a text, cannot be judged before it runs.",
    remedy="Write the value out in the manifest, pod specification or command, or use an action that takes it as data.",
    sources=("Saltzer and Schroeder 1975, §I.A.3: fail-safe defaults",),
    bad=(
        "pod: {containers: [{name: a, image: {cel: params.image}}]}",
        "step: {with: {manifest: {cel: params.manifest}}}",
        "step: {with: {manifest: 'kind: Pod'}}",
        "script: {cel: params.script}",
        "step: {uses: http.request@v1, with: {url: {cel: params.url}}}",
        "step: {with: {patch: [{op: add, path: /spec/template/spec/hostPID, value: true}]}}",
    ),
    good=(
        "manifest: {apiVersion: apps/v1, kind: Deployment, metadata: {name: {cel: params.name}}, spec: {replicas: 2}}",
        "step: {uses: k8s.workload.scale@v1, with: {replicas: {cel: params.replicas}}}",
    ),
)


@RULE.check
def unresolved(value: Unresolved) -> Iterator[Objection]:
    yield RULE.finding(value.pointer, value.what)
