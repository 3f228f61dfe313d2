"""The verdict on a package: a value with its own digest, to which approvals bind."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from typing import Any

from atom.gate.rule import Objection, Rule, Severity
from atom.gate.rules import all_rules
from atom.gate.scopes import Call, views
from atom.gate.score import Contribution, Risk, contributions, risk_of
from atom.package.digests import json_digest, package_digest
from atom.package.model import Digest, Effect, Package
from atom.package.pointers import nearest

_EXCERPT = 160  # characters


class Mode(StrEnum):
    """Whether a run may start by itself or needs a person."""

    AUTO = "auto"
    MANUAL = "manual"


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule's objection at one place of the package. `line` is 1-based, `excerpt` that line of the file."""

    rule: str
    severity: Severity
    pointer: str
    line: int
    message: str
    remedy: str
    excerpt: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """`score` is 0-100; `contributions` add up to it; findings stand in the order of the file."""

    score: int
    risk: Risk
    mode: Mode
    findings: tuple[Finding, ...]
    contributions: tuple[Contribution, ...]
    ruleset_digest: Digest
    package_digest: Digest

    @property
    def digest(self) -> Digest:
        """SHA-256 over the RFC 8785 form of `as_dict()`."""
        return json_digest(self.as_dict())

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON; `from_dict` is its inverse."""
        return {
            "score": self.score,
            "risk": self.risk.value,
            "mode": self.mode.value,
            "findings": [_plain(finding) for finding in self.findings],
            "contributions": [_plain(contribution) for contribution in self.contributions],
            "ruleset_digest": self.ruleset_digest,
            "package_digest": self.package_digest,
        }

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Verdict:
        """From what `as_dict` made. Raises KeyError, TypeError or ValueError for anything else."""
        return cls(
            score=value["score"],
            risk=Risk(value["risk"]),
            mode=Mode(value["mode"]),
            findings=tuple(Finding(**{**one, "severity": Severity(one["severity"])}) for one in value["findings"]),
            contributions=tuple(
                Contribution(**{**one, "severity": Severity(one["severity"])}) for one in value["contributions"]
            ),
            ruleset_digest=value["ruleset_digest"],
            package_digest=value["package_digest"],
        )


def judge(package: Package, known_actions: Mapping[str, Effect]) -> Verdict:
    """The verdict of all rules. `known_actions` is the runtime's catalogue: action name to effect."""
    source = package.data.decode("utf-8").splitlines()
    seen = tuple(views(package, known_actions))
    objections = [
        (rule, view.pointer, objection) for view in seen for rule in all_rules() for objection in rule.judge(view)
    ]
    shares = contributions((rule.id, where, rule.severity) for rule, where, _ in objections)
    score = sum(share.points for share in shares)
    risk = risk_of(score)
    findings = {_finding(package, source, rule, objection) for rule, _, objection in objections}
    return Verdict(
        score=score,
        risk=risk,
        mode=_mode(package, risk, [view for view in seen if isinstance(view, Call)]),
        findings=tuple(sorted(findings, key=lambda one: (one.line, one.pointer, one.rule, one.message))),
        contributions=shares,
        ruleset_digest=ruleset_digest(known_actions),
        package_digest=package.digest,
    )


def ruleset_digest(known_actions: Mapping[str, Effect]) -> Digest:
    """Digest over everything but the package that a verdict depends on: rules, the gate's code, the known actions.

    A stored verdict with another ruleset digest is stale.
    """
    return json_digest(
        {
            "rules": [rule.metadata() for rule in all_rules()],
            "code": _code_digests(),
            "actions": {name: effect.value for name, effect in known_actions.items()},
        }
    )


def _mode(package: Package, risk: Risk, calls: list[Call]) -> Mode:
    """auto only if nothing was objected to beyond trifles, nobody asked for a person, and every change can be undone.

    A value that the rules could not resolve is a finding heavy enough that the risk is not safe.
    """
    spec = package.spec
    if risk is not Risk.SAFE or spec.approval.mode == "manual":
        return Mode.MANUAL
    changes = [call for call in calls if call.role == "step" and call.effect is not Effect.READ]
    package_way_back = spec.rollback.strategy != "none" and spec.risk.reversibility in ("reversible", "compensable")
    can_return = all(package_way_back or "compensate" in call.body for call in changes)
    destroys = any(call.effect is Effect.DESTROY for call in calls)
    return Mode.AUTO if can_return and not destroys else Mode.MANUAL


def _finding(package: Package, source: list[str], rule: Rule, objection: Objection) -> Finding:
    line, _ = nearest(package.lines, objection.at)
    excerpt = source[line - 1].strip() if line <= len(source) else ""
    return Finding(
        rule=rule.id,
        severity=rule.severity,
        pointer=objection.at,
        line=line,
        message=objection.message,
        remedy=rule.remedy,
        excerpt=excerpt if len(excerpt) <= _EXCERPT else excerpt[: _EXCERPT - 1] + "…",
    )


def _plain(value: Finding | Contribution) -> dict[str, Any]:
    return {**asdict(value), "severity": value.severity.value}


@cache
def _code_digests() -> dict[str, Digest]:
    """Digest of each source file of the gate, by its path."""
    return {name: package_digest(file.read_bytes()) for name, file in _sources(resources.files("atom.gate"), "")}


def _sources(folder: Traversable, prefix: str) -> Iterator[tuple[str, Traversable]]:
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from _sources(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith(".py"):
            yield f"{prefix}{entry.name}", entry
