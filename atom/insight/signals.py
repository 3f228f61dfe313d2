"""What run history says about itself: a workflow that fails, rolls back, takes or comes unlike it used to."""

from __future__ import annotations

import math
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, Protocol

from atom.insight.series import SHORTEST, Direction, Series, detect

Kind = Literal["run_failure_rate", "run_rollback_rate", "run_duration", "run_volume"]

RECENT_RUNS = 10  # runs judged together: enough for 4 of 10 to stand out, few enough to notice within a bad hour
_BASELINE_RUNS = 90  # runs before those, at most
_SHORTEST_BASELINE = 10
_SHIFTED = 30  # a change of level further back than this many runs is no news
_HORIZON = timedelta(days=28)  # older runs are forgotten
_FRESH = timedelta(hours=24)  # the latest run must have ended within this, or there is no news
_VOLUME_WINDOW = timedelta(hours=1)
_SHORTEST_VOLUME_BASELINE = timedelta(hours=3)
_ALPHA = 0.005  # chance of a signal of one kind for one workflow when nothing has changed
_FEWEST = 3  # failures, rollbacks or runs under which nothing is worth a signal
_MOST_EVIDENCE = 50  # run ids kept
_BRIEFEST = 0.01  # seconds; durations below are taken as this


class FinishedRun(Protocol):
    """What is looked at of a run; `atom.dataset.runs.RunFacts` is one."""

    @property
    def run_id(self) -> uuid.UUID: ...
    @property
    def workflow(self) -> str: ...
    @property
    def status(self) -> str: ...
    @property
    def requested_at(self) -> datetime: ...
    @property
    def started_at(self) -> datetime | None: ...
    @property
    def finished_at(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Signal:
    """One anomaly, as a row of `insight_signals`.

    `score`: 1 - p, how unlikely this were if nothing had changed. `baseline` and `value`: share of runs for the rates,
    seconds for the duration, runs an hour for the volume. `dedupe_key` is the same for every look at the same anomaly
    on one UTC day.
    """

    kind: Kind
    labels: dict[str, str]
    direction: Direction
    score: float
    baseline: float
    value: float
    window_start: datetime
    window_end: datetime
    run_ids: tuple[uuid.UUID, ...]
    dedupe_key: str


def signals_from_runs(runs: Iterable[FinishedRun], now: datetime) -> list[Signal]:
    """The signals in one tenant's runs at `now`, per workflow; runs in any order, finished or not.

    Rates compare the last 10 executed runs with up to 90 before them, durations look for a shift or outliers among
    those 100, volume compares the last hour with the days before. Only runs that were executed count for the first
    three; every request counts for volume. Nothing is said on fewer than 20 runs, nor 24 h after the last one.
    """
    by_workflow: dict[str, list[FinishedRun]] = defaultdict(list)
    for run in runs:
        if now - _HORIZON <= run.requested_at <= now:
            by_workflow[run.workflow].append(run)
    found: list[Signal | None] = []
    for _, mine in sorted(by_workflow.items()):
        done = sorted((run for run in mine if _executed(run, now)), key=_ended)[-(RECENT_RUNS + _BASELINE_RUNS) :]
        if len(done) >= RECENT_RUNS + _SHORTEST_BASELINE and now - _ended(done[-1]) <= _FRESH:
            found += [
                _rate("run_failure_rate", done, lambda run: run.status in ("failed", "rolled_back", "unknown")),
                _rate("run_rollback_rate", done, lambda run: run.status == "rolled_back"),
                _duration(done),
            ]
        found.append(_volume(mine, now))
    return [signal for signal in found if signal is not None]


def _rate(kind: Kind, done: Sequence[FinishedRun], bad: Callable[[FinishedRun], bool]) -> Signal | None:
    """Are more of the last runs bad than before? Fisher's exact test, one-sided.

    R. A. Fisher, "The Design of Experiments" (1935), ch. 2. It is exact for any counts, so _ALPHA really bounds it.
    """
    before, recent = done[:-RECENT_RUNS], done[-RECENT_RUNS:]
    bad_before, bad_recent = [run for run in before if bad(run)], [run for run in recent if bad(run)]
    p = _fisher(len(bad_recent), len(recent), len(bad_before), len(before))
    if len(bad_recent) < _FEWEST or p > _ALPHA:
        return None
    return _signal(kind, "up", 1 - p, len(bad_before) / len(before), len(bad_recent) / len(recent), bad_recent)


def _duration(done: Sequence[FinishedRun]) -> Signal | None:
    """Do runs take longer, or less, than they did? On logarithms, since durations are skewed and change by factors."""
    if len(done) < SHORTEST:
        return None
    series = Series([_ended(run) for run in done], [math.log(max(_seconds(run), _BRIEFEST)) for run in done])
    fresh = [a for a in detect(series) if a.start >= len(done) - (_SHIFTED if a.kind == "level-shift" else RECENT_RUNS)]
    if not fresh:
        return None
    worst = max(fresh, key=lambda anomaly: (anomaly.kind == "level-shift", anomaly.score, anomaly.end))
    evidence = done[worst.start : worst.end + 1]
    return _signal(
        "run_duration", worst.direction, worst.score, math.exp(worst.baseline), math.exp(worst.value), evidence
    )


def _volume(runs: Sequence[FinishedRun], now: datetime) -> Signal | None:
    """Were more runs asked for in the last hour than the days before let expect? Exact test of two Poisson rates.

    J. Przyborowski, H. Wilenski, Biometrika 31 (1940): given the total, the recent count is binomial. The first run
    only marks where observation begins, so it is not counted.
    """
    asked = sorted(runs, key=lambda run: run.requested_at)
    since = now - _VOLUME_WINDOW
    span = since - asked[0].requested_at
    recent = [run for run in asked[1:] if run.requested_at > since]
    if span < _SHORTEST_VOLUME_BASELINE or len(recent) < _FEWEST:
        return None
    before = len(asked) - 1 - len(recent)
    share = _VOLUME_WINDOW / (_VOLUME_WINDOW + span)
    p = _binomial_tail(len(recent), before + len(recent), share)
    if p > _ALPHA:
        return None
    hours = span / timedelta(hours=1)
    return _signal("run_volume", "up", 1 - p, before / hours, len(recent), recent)  # the window is one hour


def _signal(
    kind: Kind, direction: Direction, score: float, baseline: float, value: float, evidence: Sequence[FinishedRun]
) -> Signal:
    workflow = evidence[-1].workflow
    end = max(run.finished_at or run.requested_at for run in evidence)
    return Signal(
        kind=kind,
        labels={"workflow": workflow},
        direction=direction,
        score=min(max(score, 0.0), 1.0),
        baseline=baseline,
        value=value,
        window_start=min(run.requested_at for run in evidence),
        window_end=end,
        run_ids=tuple(run.run_id for run in evidence[-_MOST_EVIDENCE:]),
        dedupe_key=f"{kind}/{workflow}/{direction}/{end.astimezone(UTC):%Y-%m-%d}",
    )


def _executed(run: FinishedRun, now: datetime) -> bool:
    ended = run.status in ("succeeded", "failed", "rolled_back", "unknown")
    return ended and run.started_at is not None and run.finished_at is not None and run.finished_at <= now


def _ended(run: FinishedRun) -> datetime:
    assert run.finished_at is not None, "only executed runs are asked"
    return run.finished_at


def _seconds(run: FinishedRun) -> float:
    assert run.started_at is not None, "only executed runs are asked"
    return (_ended(run) - run.started_at).total_seconds()


def _fisher(bad_recent: int, recent: int, bad_before: int, before: int) -> float:
    """P(at least `bad_recent` of `recent`) if the bad ones were dealt out at random: the hypergeometric tail."""
    bad, total = bad_recent + bad_before, recent + before
    ways = sum(math.comb(bad, k) * math.comb(total - bad, recent - k) for k in range(bad_recent, min(bad, recent) + 1))
    return ways / math.comb(total, recent)


def _binomial_tail(least: int, n: int, p: float) -> float:
    """P(X >= least) for X ~ Binomial(n, p), summed in logarithms so that large n does not overflow; 0 < p < 1."""
    return min(
        1.0,
        math.fsum(
            math.exp(
                math.lgamma(n + 1)
                - math.lgamma(k + 1)
                - math.lgamma(n - k + 1)
                + k * math.log(p)
                + (n - k) * math.log1p(-p)
            )
            for k in range(least, n + 1)
        ),
    )
