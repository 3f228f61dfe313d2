"""How findings become one number, and the number a class.

Each finding is taken as an independent chance p that a run does harm, so the score is the chance that at least one
does: round(100·(1 - ∏(1 - p))). It is independent of order, never lower for one finding more, and explainable.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from atom.gate.rule import Severity

PROBABILITY = {Severity.CRITICAL: 0.90, Severity.HIGH: 0.70, Severity.MEDIUM: 0.25, Severity.LOW: 0.05}
CAUTION_FROM = 20
UNSAFE_FROM = 70
_GRAVE = {Severity.CRITICAL, Severity.HIGH}


class Risk(StrEnum):
    SAFE = "safe"
    CAUTION = "caution"
    UNSAFE = "unsafe"


@dataclass(frozen=True, slots=True, order=True)
class Contribution:
    """The share of the score that one rule has at one object (a JSON pointer). Shares add up to the score."""

    rule: str
    object: str
    severity: Severity
    points: int


def contributions(hits: Iterable[tuple[str, str, Severity]]) -> tuple[Contribution, ...]:
    """Shares of the hits (rule id, object pointer, severity), each rule counted once per object.

    The score is split in proportion to -ln(1 - p), because those are what the product adds up; whole points are given
    by largest remainder, ties in order of rule and object. Without a critical or high hit the sum stays below
    UNSAFE_FROM: many small doubts call for a person, they do not prove harm.
    """
    distinct = sorted(set(hits))
    weights = [-math.log1p(-PROBABILITY[severity]) for _, _, severity in distinct]
    whole = math.fsum(weights)
    if not whole:
        return ()
    score = round(100 * -math.expm1(-whole))
    if not any(severity in _GRAVE for _, _, severity in distinct):
        score = min(score, UNSAFE_FROM - 1)
    exact = [score * weight / whole for weight in weights]
    points = [math.floor(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda index: (points[index] - exact[index], index))
    for index in by_remainder[: score - sum(points)]:
        points[index] += 1
    return tuple(Contribution(*hit, share) for hit, share in zip(distinct, points, strict=True))


def risk_of(score: int) -> Risk:
    """safe below 20, caution below 70, else unsafe."""
    if score >= UNSAFE_FROM:
        return Risk.UNSAFE
    return Risk.CAUTION if score >= CAUTION_FROM else Risk.SAFE
