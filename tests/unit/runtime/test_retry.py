"""The laws of backing off."""

from __future__ import annotations

from datetime import timedelta
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atom.package.errors import ParametersInvalid
from atom.package.model import Backoff, Retry
from atom.runtime.errors import (
    ActionCrashed,
    ClusterUnavailable,
    DisruptionBudgetSpent,
    ObjectChanged,
    StepTimedOut,
    TargetLimitExceeded,
    TargetNotFound,
)
from atom.runtime.retry import cause_of, delay, wants_another

REFUSED = ParametersInvalid(expected="a", found="b", remedy="c")


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (ObjectChanged("web", "1", "2"), "conflict"),
        (ClusterUnavailable("scale"), "unavailable"),
        (DisruptionBudgetSpent("pod", 1, 2), "throttled"),
        (StepTimedOut(timedelta(seconds=1)), "timeout"),
        (ActionCrashed("x@v1", RuntimeError()), None),
        (TargetNotFound("web"), None),
        (TargetLimitExceeded("1", "2"), None),
        (REFUSED, None),
    ],
)
def test_each_failure_has_at_most_one_cause(error, cause):
    assert cause_of(error) == cause


def test_only_any_covers_what_has_no_name():
    named = Retry(maxAttempts=3, retryOn=["conflict", "unavailable", "throttled", "timeout"])

    assert not wants_another(named, 1, REFUSED)
    assert wants_another(Retry(maxAttempts=3, retryOn=["any"]), 1, REFUSED)


def test_attempts_come_to_an_end():
    retry = Retry(maxAttempts=3, retryOn=["any"])

    assert [wants_another(retry, attempt, REFUSED) for attempt in (1, 2, 3)] == [True, True, False]
    assert not wants_another(None, 1, REFUSED)


@settings(deadline=None)
@given(
    initial=st.integers(0, 600),
    factor=st.floats(1, 10),
    longest=st.integers(0, 3600),
    jitter=st.floats(0, 1),
    attempt=st.integers(1, 1000),
    seed=st.integers(),
)
def test_a_pause_is_within_its_jitter_of_the_capped_exponential(initial, factor, longest, jitter, attempt, seed):
    backoff = Backoff(initial=timedelta(seconds=initial), factor=factor, max=timedelta(seconds=longest), jitter=jitter)
    wanted = min(longest, initial * factor ** min(attempt - 1, 60))
    seconds = delay(backoff, attempt, Random(seed))

    assert wanted * (1 - jitter) - 1e-6 <= seconds <= wanted * (1 + jitter) + 1e-6
    assert seconds == delay(backoff, attempt, Random(seed))
