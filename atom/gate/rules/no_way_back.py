from __future__ import annotations

from collections.abc import Iterator

from atom.gate.rule import Objection, Rule, Severity
from atom.gate.scopes import Call
from atom.package.model import Effect

RULE = Rule(
    id="WPK402",
    name="no-way-back",
    severity=Severity.MEDIUM,
    scope=Call,
    why="A change without compensation or rollback stays when verification fails.",
    remedy="Give the step a `compensate`, or the package a `rollback`; if neither can exist, let a person approve it.",
    sources=("Atom's own: what nothing undoes must not start by itself",),
    bad=("spec: {rollback: {strategy: none, reason: not needed}}",),
    good=(
        "spec: {rollback: {strategy: compensate-reverse}}",
        "spec: {rollback: {strategy: none, reason: each step undoes itself}, steps: [{id: act, uses: "
        "k8s.workload.scale@v1, effect: write, compensate: {uses: k8s.workload.scale@v1}}]}",
        "spec: {rollback: {strategy: none, reason: reads only}, steps: [{id: act, uses: k8s.workload.get@v1}]}",
    ),
)


@RULE.check
def no_way_back(call: Call) -> Iterator[Objection]:
    way_back = "compensate" in call.body or call.package.spec.rollback.strategy != "none"
    if call.role == "step" and call.effect is not Effect.READ and not way_back:
        yield RULE.finding(call.pointer, f"nothing undoes what step {call.body['id']} changes")
