from __future__ import annotations

from collections.abc import Iterator

from atom.gate.rule import Objection, Rule, Severity
from atom.gate.scopes import Call
from atom.package.model import Effect

RULE = Rule(
    id="WPK404",
    name="effect-understated",
    severity=Severity.HIGH,
    scope=Call,
    why="A step that is declared more harmless than its action misleads whoever approves it.",
    remedy="Declare the effect that the action has.",
    sources=("Atom design: actions declare their effect",),
    bad=("step: {uses: k8s.workload.scale@v1, effect: read}",),
    good=("step: {uses: k8s.workload.scale@v1, effect: write}", "step: {uses: k8s.workload.get@v1, effect: write}"),
)


@RULE.check
def effect_understated(call: Call) -> Iterator[Objection]:
    order = list(Effect)
    if call.known and call.declared and order.index(call.declared) < order.index(call.known):
        message = f"{call.uses} is declared {call.declared.value} but does {call.known.value}"
        yield RULE.finding(f"{call.pointer}/effect", message)
