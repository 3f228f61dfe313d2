from __future__ import annotations

from collections.abc import Iterator

from atom.gate.rule import Objection, Rule, Severity
from atom.gate.scopes import Call

RULE = Rule(
    id="WPK401",
    name="unknown-action",
    severity=Severity.HIGH,
    scope=Call,
    why="The runtime has no such action, so nobody can say what it would do, and the run would fail half-way.",
    remedy="Use an action of the runtime's catalogue, or install the runtime version that has it.",
    sources=("Atom design: actions declare their effect",),
    bad=("step: {uses: magic.wand@v1}", "step: {compensate: {uses: magic.wand@v1}}"),
    good=("step: {uses: k8s.workload.scale@v1}",),
)


@RULE.check
def unknown_action(call: Call) -> Iterator[Objection]:
    if call.known is None:
        yield RULE.finding(f"{call.pointer}/uses", f"the runtime does not know {call.uses}")
