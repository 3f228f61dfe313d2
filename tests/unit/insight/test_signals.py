"""What changed in run history is told, once; what did not change is not."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random

import pytest

from atom.insight.signals import Signal, signals_from_runs

NOW = datetime(2026, 10, 3, 12, tzinfo=UTC)
_NUMBERS = count(1)


@dataclass(frozen=True)
class Run:
    run_id: uuid.UUID
    workflow: str
    status: str
    requested_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


def run(ago: timedelta, status: str = "succeeded", seconds: float = 60, workflow: str = "restart-unhealthy") -> Run:
    requested = NOW - ago
    started = requested + timedelta(seconds=1)
    return Run(
        uuid.UUID(int=next(_NUMBERS)), workflow, status, requested, started, started + timedelta(seconds=seconds)
    )


def history(statuses: str, *, every: timedelta = timedelta(hours=2), seconds: list[float] | None = None) -> list[Run]:
    """One run a letter, oldest first, ending just before NOW: s succeeded, f failed, r rolled back."""
    words = {"s": "succeeded", "f": "failed", "r": "rolled_back"}
    random = Random(5)
    return [
        run(every * (len(statuses) - i), words[s], seconds[i] if seconds else random.uniform(50, 70))
        for i, s in enumerate(statuses)
    ]


def kinds(signals: list[Signal]) -> list[str]:
    return [signal.kind for signal in signals]


def test_a_workflow_that_begins_to_fail_is_told_with_its_failed_runs() -> None:
    runs = history("s" * 30 + "sffsfsffsf")
    (signal,) = signals_from_runs(runs, NOW)
    assert (signal.kind, signal.direction, signal.labels) == (
        "run_failure_rate",
        "up",
        {"workflow": "restart-unhealthy"},
    )
    assert (signal.baseline, signal.value) == (0.0, 0.6)
    assert set(signal.run_ids) == {r.run_id for r in runs if r.status == "failed"}
    assert 0.99 < signal.score <= 1
    assert signal.window_start < signal.window_end <= NOW


def test_rollbacks_count_as_failures_and_by_themselves() -> None:
    assert kinds(signals_from_runs(history("s" * 30 + "rrrrrssrrs"), NOW)) == ["run_failure_rate", "run_rollback_rate"]


def test_a_workflow_that_always_failed_half_the_time_is_no_news() -> None:
    assert signals_from_runs(history("sf" * 25), NOW) == []


def test_slower_runs_are_told_in_seconds() -> None:
    random = Random(9)
    seconds = [random.uniform(50, 70) for _ in range(30)] + [random.uniform(200, 280) for _ in range(12)]
    (signal,) = signals_from_runs(history("s" * 42, seconds=seconds), NOW)
    assert (signal.kind, signal.direction) == ("run_duration", "up")
    assert signal.baseline == pytest.approx(60, rel=0.1)
    assert signal.value == pytest.approx(240, rel=0.1)
    assert len(signal.run_ids) == 12


def test_one_run_that_took_for_ever_is_told() -> None:
    random = Random(9)
    seconds = [random.uniform(50, 70) for _ in range(39)] + [3600.0]
    runs = history("s" * 40, seconds=seconds)
    signals = [s for s in signals_from_runs(runs, NOW + timedelta(hours=1)) if s.kind == "run_duration"]
    assert [s.run_ids for s in signals] == [(runs[-1].run_id,)]


def test_a_burst_of_requests_is_told() -> None:
    calm = [run(timedelta(hours=6 * i)) for i in range(1, 28)]
    burst = [run(timedelta(minutes=3 * i)) for i in range(1, 10)]
    (signal,) = signals_from_runs([*calm, *burst], NOW)
    assert (signal.kind, signal.value) == ("run_volume", 9)
    assert signal.baseline == pytest.approx(1 / 6, rel=0.1)


def test_the_first_runs_ever_are_no_burst() -> None:
    assert signals_from_runs([run(timedelta(minutes=i)) for i in range(1, 50)], NOW) == []


@pytest.mark.parametrize("statuses", ["", "f", "f" * 19])
def test_too_few_runs_give_nothing(statuses: str) -> None:
    assert signals_from_runs(history(statuses), NOW) == []


def test_old_news_is_not_told() -> None:
    runs = history("s" * 30 + "f" * 10)
    assert "run_failure_rate" in kinds(signals_from_runs(runs, NOW))
    assert signals_from_runs(runs, NOW + timedelta(days=2)) == []


def test_the_same_anomaly_keeps_its_key_as_time_goes_by() -> None:
    runs = history("s" * 30 + "f" * 9)
    first = signals_from_runs(runs, NOW)
    later = signals_from_runs([*runs, run(timedelta(minutes=30), "failed")], NOW)
    assert {s.dedupe_key for s in first if s.kind == "run_failure_rate"} == {
        s.dedupe_key for s in later if s.kind == "run_failure_rate"
    }


def test_workflows_are_judged_apart_and_unfinished_runs_not_at_all() -> None:
    good = [run(timedelta(hours=2 * i), workflow="good") for i in range(1, 40)]
    pending = [Run(uuid.uuid4(), "good", "queued", NOW - timedelta(hours=5), None, None) for _ in range(3)]
    bad = history("s" * 30 + "f" * 10)
    signals = signals_from_runs([*bad, *good, *pending], NOW)
    assert {s.labels["workflow"] for s in signals} == {"restart-unhealthy"}


def test_the_order_of_the_runs_does_not_matter() -> None:
    runs = history("s" * 30 + "sffsfsffsf")
    shuffled = Random(1).sample(runs, len(runs))
    assert signals_from_runs(runs, NOW) == signals_from_runs(shuffled, NOW)


def test_steady_histories_are_silent_in_97_of_100() -> None:
    """Three tests at 0.5 % and one at 0.2 %; a tenth of all runs fail throughout."""
    random = Random(42)
    alarms = 0
    for _ in range(300):
        statuses = "".join(random.choices("sfr", [18, 1, 1], k=60))
        seconds = [random.lognormvariate(4, 0.3) for _ in statuses]
        alarms += bool(signals_from_runs(history(statuses, seconds=seconds), NOW))
    assert alarms <= 9, f"{alarms} of 300 histories"
