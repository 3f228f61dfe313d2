from __future__ import annotations

from collections.abc import Iterator

from atom.gate.rule import Objection, Rule, Severity
from atom.gate.scopes import Call
from atom.package.model import Effect

RULE = Rule(
    id="WPK406",
    name="write-in-check",
    severity=Severity.HIGH,
    scope=Call,
    why="Preflight and verify run without compensation and may run many times: they must only look.",
    remedy="Move the change into `steps`.",
    sources=("Atom design: preflight, steps, verify, rollback",),
    bad=(
        "spec: {preflight: [{id: look, uses: k8s.workload.scale@v1, assert: 'true'}]}",
        "spec: {verify: [{id: check, uses: k8s.workload.scale@v1, expect: result.changed}]}",
    ),
    good=("spec: {preflight: [{id: look, uses: k8s.workload.get@v1, assert: result.spec.replicas > 1}]}",),
)


@RULE.check
def write_in_check(call: Call) -> Iterator[Objection]:
    if call.role in ("preflight", "verify") and {call.known, call.declared} & {Effect.WRITE, Effect.DESTROY}:
        yield RULE.finding(f"{call.pointer}/uses", f"{call.uses} changes something during {call.role}")
