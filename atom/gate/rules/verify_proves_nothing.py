from __future__ import annotations

import re
from collections.abc import Iterator

from atom.gate.rule import Objection, Rule, Severity
from atom.gate.scopes import Whole
from atom.package.model import Effect

_RESULT = re.compile(r"\bresult\b")

RULE = Rule(
    id="WPK403",
    name="verify-proves-nothing",
    severity=Severity.MEDIUM,
    scope=Whole,
    why="A package that changes something but whose checks never look at the outcome cannot tell success from failure.",
    remedy="Let at least one verify step compare its `result` with what the change should have brought about.",
    sources=("Atom design: every run is verified",),
    bad=("spec: {verify: [{id: check, uses: k8s.workload.get@v1, expect: 'true'}]}",),
    good=(
        "spec: {verify: [{id: check, uses: k8s.workload.get@v1, expect: result.status.readyReplicas > 0}]}",
        "spec: {steps: [{id: act, uses: k8s.workload.get@v1}], "
        "verify: [{id: check, uses: k8s.workload.get@v1, expect: 'true'}]}",
    ),
)


@RULE.check
def verify_proves_nothing(whole: Whole) -> Iterator[Objection]:
    changes = any(call.role == "step" and call.effect is not Effect.READ for call in whole.calls)
    looks = any(_RESULT.search(check.expect or "") for check in whole.package.spec.verify)
    if changes and not looks:
        yield RULE.finding("/spec/verify", "no verify step looks at its result")
