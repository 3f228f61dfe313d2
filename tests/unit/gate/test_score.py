"""The laws of the score."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atom.gate.rule import Severity
from atom.gate.score import Risk, contributions, risk_of

HITS = st.lists(
    st.tuples(st.sampled_from(["R1", "R2", "R3", "R4"]), st.sampled_from("abcdefgh")).map(
        lambda pair: (*pair, list(Severity)[int(pair[0][1]) - 1])  # a rule has one severity
    ),
    max_size=20,
)


def total(hits: list[tuple[str, str, Severity]]) -> int:
    return sum(share.points for share in contributions(hits))


@pytest.mark.parametrize(
    ("severities", "score", "risk"),
    [
        ([], 0, Risk.SAFE),
        ([Severity.LOW], 5, Risk.SAFE),
        ([Severity.LOW] * 4, 19, Risk.SAFE),
        ([Severity.MEDIUM], 25, Risk.CAUTION),
        ([Severity.MEDIUM] * 3, 58, Risk.CAUTION),
        ([Severity.MEDIUM] * 30, 69, Risk.CAUTION),
        ([Severity.HIGH], 70, Risk.UNSAFE),
        ([Severity.CRITICAL], 90, Risk.UNSAFE),
        ([Severity.CRITICAL, Severity.HIGH], 97, Risk.UNSAFE),
    ],
)
def test_the_score_is_the_chance_that_one_finding_does_harm(severities: list[Severity], score: int, risk: Risk) -> None:
    hits = [(f"R{severity}", str(index), severity) for index, severity in enumerate(severities)]
    assert total(hits) == score
    assert risk_of(score) is risk


@settings(max_examples=60, deadline=None)
@given(HITS, st.randoms(use_true_random=False))
def test_order_and_repetition_do_not_matter(hits: list[tuple[str, str, Severity]], random: object) -> None:
    shuffled = [*hits, *hits]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert contributions(shuffled) == contributions(hits)


@settings(max_examples=60, deadline=None)
@given(HITS, HITS)
def test_one_more_finding_never_lowers_the_score(
    hits: list[tuple[str, str, Severity]], more: list[tuple[str, str, Severity]]
) -> None:
    assert total(hits) <= total(hits + more) <= 100


@settings(max_examples=60, deadline=None)
@given(HITS)
def test_shares_are_whole_never_negative_and_heavier_rules_never_get_less(
    hits: list[tuple[str, str, Severity]],
) -> None:
    shares = contributions(hits)
    assert all(share.points >= 0 for share in shares)
    by_weight = sorted(shares, key=lambda share: list(Severity).index(share.severity))
    assert all(by_weight[0].points + 1 >= share.points for share in by_weight)


@settings(max_examples=60, deadline=None)
@given(HITS)
def test_without_a_grave_finding_nothing_is_unsafe(hits: list[tuple[str, str, Severity]]) -> None:
    light = [hit for hit in hits if hit[2] in (Severity.MEDIUM, Severity.LOW)]
    assert risk_of(total(light)) is not Risk.UNSAFE
