from __future__ import annotations

from collections.abc import Iterator

from atom.gate.rule import Objection, Rule, Severity
from atom.gate.scopes import Call
from atom.package.model import Effect

RULE = Rule(
    id="WPK405",
    name="effect-undeclared",
    severity=Severity.MEDIUM,
    scope=Call,
    why="Whoever reads the playbook should see which steps change something without knowing every action.",
    remedy="Add `effect: write` (or `destroy`) to the step.",
    sources=("Atom design: actions declare their effect",),
    bad=("spec: {steps: [{id: act, uses: k8s.workload.scale@v1}]}",),
    good=(
        "spec: {steps: [{id: act, uses: k8s.workload.scale@v1, effect: write}]}",
        "spec: {steps: [{id: act, uses: k8s.workload.get@v1}]}",
    ),
)


@RULE.check
def effect_undeclared(call: Call) -> Iterator[Objection]:
    if call.role == "step" and call.declared is None and call.known not in (None, Effect.READ):
        yield RULE.finding(call.pointer, f"step {call.body['id']} changes something and does not say so")
