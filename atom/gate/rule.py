"""What a rule is: metadata, logic and examples in one value.

A rule file makes one `Rule` named RULE and registers its check. The examples are the rule's tests and documentation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Severity(StrEnum):
    """How likely a finding makes a run harmful; `score.PROBABILITY` has the numbers."""

    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Objection:
    """A rule's complaint about the node at JSON pointer `at`."""

    at: str
    message: str


Check = Callable[[Any], Iterable[Objection]]


@dataclass(frozen=True, slots=True)
class Rule:
    """`scope` is the view, or views, of `scopes.py` that the check is called with.

    `bad` and `good` are YAML mappings with one key that says where the rest belongs, see `examples.py`.
    """

    id: str
    name: str
    severity: Severity
    scope: type | tuple[type, ...]
    why: str
    remedy: str
    sources: tuple[str, ...]
    bad: tuple[str, ...]
    good: tuple[str, ...]
    _checks: list[Check] = field(default_factory=list, repr=False, compare=False)

    def check(self, function: Check) -> Check:
        """Decorator: `function` judges one view."""
        self._checks.append(function)
        return function

    def finding(self, at: str, message: str) -> Objection:
        return Objection(at, message)

    def judge(self, view: object) -> Iterator[Objection]:
        """The objections to `view`; none if it is outside the scope."""
        if isinstance(view, self.scope):
            for function in self._checks:
                yield from function(view)

    def metadata(self) -> dict[str, Any]:
        """What a reader of the ruleset sees of it, as JSON."""
        return {
            "id": self.id,
            "name": self.name,
            "severity": self.severity.value,
            "why": self.why,
            "remedy": self.remedy,
            "sources": list(self.sources),
            "bad": list(self.bad),
            "good": list(self.good),
        }
