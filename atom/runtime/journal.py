"""What the engine tells about a run while it goes, and how it learns that it should stop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from atom.runtime.action import Change


class Phase(StrEnum):
    """Which part of the package an entry belongs to."""

    PREFLIGHT = "preflight"
    STEP = "step"
    VERIFY = "verify"
    COMPENSATION = "compensation"  # the `compensate` of the step with the same id
    ROLLBACK = "rollback"  # a step of `rollback.steps`


class StepStatus(StrEnum):
    """`compensated` is a compensation that succeeded; `interrupted` was ended by a cancellation or the run's limit."""

    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    SKIPPED = "skipped"
    COMPENSATED = "compensated"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, slots=True)
class StepRecord:
    """One attempt at one step. (phase, id, attempt) is unique in a run; `position` counts entries from 1.

    Times are UTC wall clock; `cluster_seconds` is how long it took on the cluster's clock. `result` is plain JSON of
    at most `run.RESULT_BYTES`; `error` is `AtomError.as_dict()`.
    """

    position: int
    phase: Phase
    id: str
    uses: str | None
    attempt: int
    status: StepStatus
    started_at: datetime
    cluster: str
    finished_at: datetime | None = None
    cluster_seconds: float | None = None
    result: Mapping[str, Any] | None = None
    effects: tuple[Change, ...] = ()
    error: Mapping[str, str] | None = None


class Journal(Protocol):
    """Where transitions are kept. A started entry is durable before the step acts.

    Whatever a method raises ends the run at once, without compensation: a run that cannot be recorded, or that lost
    its lease to another worker, must not write.
    """

    def step_started(self, record: StepRecord) -> None: ...

    def step_finished(self, record: StepRecord) -> None:
        """The same entry, ended. Called exactly once after its `step_started`."""


class Control(Protocol):
    """Asked at every safe point: between steps, and while one waits (at most 5 s of cluster time apart)."""

    def raise_if_cancelled(self) -> None:
        """Raises `atom.runtime.errors.Cancelled`."""
