"""Each label means what `atom/dataset/labels.py` says it means."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from atom.dataset.errors import UnknownRunStatus
from atom.dataset.labels import Labels, is_finished, label
from atom.dataset.runs import Decision, StepFacts
from tests.unit.dataset.run_facts import NOON, STEPS, ending, facts

MUCH_LATER = NOON + timedelta(days=9)


def labels(*, next_request: datetime | None = None, observed_until: datetime = MUCH_LATER, **changes: Any) -> Labels:
    return label(facts(**changes), next_request=next_request, observed_until=observed_until, error="")


def test_a_verified_success_is_resolved() -> None:
    found = labels()
    assert (found.outcome, found.effectiveness, found.verify, found.ttr_s) == ("success", "resolved", "passed", 192.0)
    assert (found.recurred_24h, found.rolled_back, found.recovered_before_action, found.censored) == (False,) * 4
    assert (found.human.decision, found.human.override, found.human.latency_s) == ("approved", False, 74.0)
    assert (found.root_cause.cause, found.root_cause.candidates) == (None, ("crash-loop", "deadlock"))


@pytest.mark.parametrize(
    ("status", "steps", "outcome", "verify", "effectiveness"),
    [
        ("failed", ending(all_ready="failed"), "failure", "failed", "ineffective"),
        ("failed", STEPS[:2], "failure", "not_run", "unknown"),
        ("failed", ending(has_spare_capacity="failed")[:1], "refused", "not_run", "unknown"),
        ("rejected", (), "declined", "not_run", "unknown"),
        ("expired", (), "declined", "not_run", "unknown"),
        ("cancelled", STEPS[:2], "cancelled", "not_run", "unknown"),
        ("unknown", STEPS[:3], "unknown", "not_run", "unknown"),
        ("succeeded", STEPS[:3], "success", "not_run", "unknown"),
    ],
)
def test_other_endings(status: Any, steps: Any, outcome: str, verify: str, effectiveness: str) -> None:
    found = labels(status=status, steps=steps)
    assert (found.outcome, found.verify, found.effectiveness) == (outcome, verify, effectiveness)
    assert found.ttr_s is None


def test_a_run_whose_outcome_is_unknown_is_censored() -> None:
    assert labels(status="unknown").censored


def test_nothing_to_do_is_recovery_before_action() -> None:
    assert labels(steps=ending(restart="skipped")).recovered_before_action


def test_compensation_is_rollback() -> None:
    undone = StepFacts("restart", "compensation", "k8s.workload.scale@v1", "write", "succeeded", 1.0)
    assert labels(status="failed", steps=(*STEPS, undone)).rolled_back
    assert not labels(status="failed", steps=(*STEPS, replace(undone, status="skipped"))).rolled_back


@pytest.mark.parametrize(
    ("next_request", "observed_until", "recurred"),
    [
        (timedelta(hours=23), timedelta(days=9), True),
        (timedelta(hours=25), timedelta(days=9), False),
        (timedelta(hours=2), timedelta(hours=3), True),
        (None, timedelta(hours=3), None),
        (None, timedelta(days=9), False),
    ],
)
def test_recurrence_is_known_only_when_it_was_seen_or_a_day_has_passed(
    next_request: timedelta | None, observed_until: timedelta, recurred: bool | None
) -> None:
    again = None if next_request is None else NOON + next_request
    found = labels(next_request=again, observed_until=NOON + observed_until)
    assert found.recurred_24h is recurred
    assert found.censored is (recurred is None)


def test_approving_what_policy_calls_unsafe_is_an_override() -> None:
    assert labels(risk="unsafe").human.override
    rejected = labels(risk="unsafe", status="rejected", decisions=(Decision("approve", 3), Decision("reject", 9))).human
    assert (rejected.decision, rejected.override, rejected.latency_s) == ("rejected", False, 9)
    assert labels(decisions=()).human.decision == "none"


def test_one_declared_cause_is_the_cause() -> None:
    assert labels(cause_classes=("deadlock",)).root_cause.cause == "deadlock"


def test_a_status_that_nobody_defined_is_refused() -> None:
    with pytest.raises(UnknownRunStatus, match="'finished'"):
        is_finished(facts(status="finished"))


@pytest.mark.parametrize("status", ["pending_approval", "queued", "running"])
def test_an_unfinished_run_is_not_finished(status: Any) -> None:
    assert not is_finished(facts(status=status, finished_at=None))
