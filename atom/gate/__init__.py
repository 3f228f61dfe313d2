"""May it run: rules object to parts of a package, the score weighs the objections, the verdict says what follows."""

from atom.gate.rule import Rule, Severity
from atom.gate.rules import all_rules
from atom.gate.score import Contribution, Risk
from atom.gate.verdict import Finding, Mode, Verdict, judge, ruleset_digest

__all__ = [
    "Contribution",
    "Finding",
    "Mode",
    "Risk",
    "Rule",
    "Severity",
    "Verdict",
    "all_rules",
    "judge",
    "ruleset_digest",
]
