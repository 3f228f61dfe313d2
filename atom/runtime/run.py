"""One run in progress: its clocks, its scope for expressions, and the one way in which anything is attempted."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import count
from random import Random
from typing import Any

import orjson

from atom.errors import AtomError
from atom.package.expressions import compile_expression
from atom.package.model import OnFailure, Package, Retry
from atom.runtime.action import Call, Change, Targets
from atom.runtime.cluster import Cluster
from atom.runtime.errors import (
    ActionCrashed,
    Cancelled,
    ExpressionNotBoolean,
    ResultTooLarge,
    RunTimedOut,
    StepTimedOut,
)
from atom.runtime.journal import Control, Journal, Phase, StepRecord, StepStatus
from atom.runtime.retry import delay, wants_another

RESULT_BYTES = 64 * 1024
SAFE_POINT_SECONDS = 5.0  # a wait is cut into pieces no longer than this, so that a cancellation is heard

Json = dict[str, Any]
_log = logging.getLogger(__name__)
_UNDOING = {Phase.COMPENSATION, Phase.ROLLBACK}


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to attempt, and under which terms."""

    phase: Phase
    id: str
    uses: str | None
    timeout: timedelta
    retry: Retry | None = None


class Halted(Exception):
    """The run goes no further, because of `error` in `phase` at `step`."""

    def __init__(self, phase: Phase, step: str, error: AtomError, on_failure: OnFailure) -> None:
        super().__init__(str(error))
        self.phase = phase
        self.step = step
        self.error = error
        self.on_failure = on_failure


class Disowned(Exception):
    """The control could not say whether the run may go on: it ends unrecorded, and `__cause__` leaves the engine."""


@dataclass(slots=True)
class Run:
    """What the steps of one run share.

    `scope` is what expressions see. `written` maps each step that wrote, or may have, to its changes, in order.
    `id` marks the run's writes and seeds the jitter of its retries.
    """

    id: str
    package: Package
    cluster: Cluster
    journal: Journal
    control: Control
    scope: Json
    monotonic: Callable[[], float] = time.monotonic
    targets: Targets = field(init=False)
    records: list[StepRecord] = field(default_factory=list)
    written: dict[str, list[Change]] = field(default_factory=dict)
    began: datetime = field(init=False)
    _wall_began: float = field(init=False)

    def __post_init__(self) -> None:
        limits = self.package.spec.limits
        self.targets = Targets(limits.max_targets, limits.max_target_percent)
        self.began = self.cluster.now()
        self._wall_began = self.monotonic()

    def safe_point(self) -> None:
        """Raises Cancelled, or RunTimedOut by whichever of the two clocks says so first; Disowned if nobody knows."""
        try:
            self.control.raise_if_cancelled()
        except Cancelled:
            raise
        except Exception as error:
            raise Disowned from error
        limit = self.package.spec.limits.timeout
        if self.cluster.now() - self.began >= limit:
            raise RunTimedOut(limit, "cluster's")
        if self.monotonic() - self._wall_began >= limit.total_seconds():
            raise RunTimedOut(limit, "wall")

    def holds(self, condition: str, result: Json | None = None) -> bool:
        """Whether a CEL condition is true in the run's scope. Raises ExpressionFailed or ExpressionNotBoolean."""
        scope = self.scope if result is None else {**self.scope, "result": result}
        value = compile_expression(condition).evaluate(scope)
        if not isinstance(value, bool):
            raise ExpressionNotBoolean(condition, value)
        return value

    def perform(self, task: Task, body: Callable[[Call], Json]) -> Json:
        """Attempt `body` until it succeeds or its retries are used up; each attempt is journalled.

        Raises the last attempt's AtomError; an exception that is none becomes ActionCrashed. What the journal raises
        passes through: it is never a reason to try again.
        """
        random = Random(f"{self.id}/{task.phase}/{task.id}")
        for attempt in count(1):
            ended = self._attempt(task, attempt, body)
            if not isinstance(ended, AtomError):
                return ended
            stopped = isinstance(ended, Cancelled | RunTimedOut)
            if stopped or task.retry is None or not wants_another(task.retry, attempt, ended):
                raise ended
            self._wait(task.phase, delay(task.retry.backoff, attempt, random))
        raise AssertionError("count() does not end")

    def skip(self, task: Task) -> None:
        """Journal that a step's `when` was false."""
        record = self._started(task, attempt=1)
        self._finished(record, StepStatus.SKIPPED, result={"skipped": True, "changed": False})

    def _attempt(self, task: Task, attempt: int, body: Callable[[Call], Json]) -> Json | AtomError:
        record = self._started(task, attempt)
        began = self.cluster.now()
        call = Call(
            self.cluster,
            mark=f"{self.id}/{task.phase}/{task.id}",
            pause=self._pauser(task, began + task.timeout),
            targets=self.targets if task.phase not in _UNDOING else Targets(None, None),
            wrote_before=attempt > 1 and any(r.effects for r in self._earlier(task)),
        )
        ended: Json | AtomError
        try:
            ended = body(call)
            size = len(orjson.dumps(ended))
            if size > RESULT_BYTES:
                ended = ResultTooLarge(size, RESULT_BYTES)
        except Disowned:
            raise
        except AtomError as error:
            ended = error
        except Exception as error:
            _log.exception("step %s (%s) crashed", task.id, task.uses)
            ended = ActionCrashed(task.uses or "an expression", error)
        if call.changes and task.phase is Phase.STEP:
            self.written.setdefault(task.id, []).extend(call.changes)
        seconds = (self.cluster.now() - began).total_seconds()
        if isinstance(ended, AtomError):
            status = StepStatus.INTERRUPTED if isinstance(ended, Cancelled | RunTimedOut) else StepStatus.FAILED
            self._finished(record, status, seconds, call.changes, error=ended.as_dict())
        else:
            status = StepStatus.COMPENSATED if task.phase is Phase.COMPENSATION else StepStatus.SUCCEEDED
            self._finished(record, status, seconds, call.changes, result=ended)
        return ended

    def _earlier(self, task: Task) -> list[StepRecord]:
        return [record for record in self.records if (record.phase, record.id) == (task.phase, task.id)]

    def _started(self, task: Task, attempt: int) -> StepRecord:
        record = StepRecord(
            position=len(self.records) + 1,
            phase=task.phase,
            id=task.id,
            uses=task.uses,
            attempt=attempt,
            status=StepStatus.RUNNING,
            started_at=datetime.now(UTC),
            cluster=self.cluster.label,
        )
        self.journal.step_started(record)
        return record

    def _finished(
        self,
        record: StepRecord,
        status: StepStatus,
        seconds: float = 0.0,
        changes: list[Change] | None = None,
        result: Mapping[str, Any] | None = None,
        error: Mapping[str, str] | None = None,
    ) -> None:
        ended = replace(
            record,
            status=status,
            finished_at=datetime.now(UTC),
            cluster_seconds=seconds,
            result=result,
            effects=tuple(changes or ()),
            error=error,
        )
        self.records.append(ended)
        self.journal.step_finished(ended)

    def _pauser(self, task: Task, deadline: datetime) -> Callable[[float], None]:
        def pause(seconds: float) -> None:
            left = (deadline - self.cluster.now()).total_seconds()
            if left <= 0:
                raise StepTimedOut(task.timeout)
            self._wait(task.phase, min(seconds, left))

        return pause

    def _wait(self, phase: Phase, seconds: float) -> None:
        """Undoing is not interrupted: a half-undone change is worse than a late end."""
        while seconds > 0:
            if phase not in _UNDOING:
                self.safe_point()
            piece = min(seconds, SAFE_POINT_SECONDS)
            self.cluster.sleep(piece)
            seconds -= piece


def shown(result: Json) -> str:
    """The numbers and list sizes of a result, for a person: `spec.replicas=4, status.readyReplicas=3`."""
    facts = []
    for path, value in _leaves(result):
        if isinstance(value, list):
            facts.append(f"{len(value)} {path}")
        elif isinstance(value, bool | int | float):
            facts.append(f"{path}={value}")
    return ", ".join(facts)[:500] or "that it does not hold"


def _leaves(value: Json, prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, member in value.items():
        if isinstance(member, dict):
            yield from _leaves(member, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", member
