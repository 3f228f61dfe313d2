"""How a run ended.

| what happened                                                       | status      | outcome         |
|---------------------------------------------------------------------|-------------|-----------------|
| verified, after at least one write                                  | succeeded   | resolved        |
| verified, and nothing had to be written                             | succeeded   | nothing_to_do   |
| the parameters, the plan or a preflight assertion refused           | failed      | refused         |
| a step (or a preflight reading) failed; nothing was undone          | failed      | step_failed     |
| verification failed; nothing was undone                             | failed      | verify_failed   |
| the run used up its time; nothing was undone                        | failed      | timed_out       |
| any of the three before, and what was written has been undone       | rolled_back | rolled_back     |
| any of them, and undoing failed                                     | failed      | rollback_failed |
| cancelled; what was written has been undone where that is declared  | cancelled   | cancelled       |
| cancelled, and undoing failed                                       | cancelled   | rollback_failed |

`status` is for the run's state machine; `outcome` is what a person, and the training data, want to know. `error` always
names the first cause, also after a rollback, and `left_changed` what is not as it was before the run.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from atom.runtime.action import Change
from atom.runtime.journal import StepRecord

Status = Literal["succeeded", "failed", "rolled_back", "cancelled"]
Ending = Literal[
    "resolved",
    "nothing_to_do",
    "refused",
    "step_failed",
    "verify_failed",
    "timed_out",
    "rolled_back",
    "rollback_failed",
    "cancelled",
]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of a run, with everything that evidence needs.

    `error` is `AtomError.as_dict()` of the first cause plus `phase` and `step`, and `undo_errors`: a list of the same
    for compensations that failed. `undone` names the steps that were compensated, in the order in which they were;
    `left_changed` the addresses of objects that were written and not undone.
    """

    status: Status
    outcome: Ending
    cluster: str
    duration_seconds: float  # on the cluster's clock
    steps: tuple[StepRecord, ...]
    effects: tuple[Change, ...]
    undone: tuple[str, ...] = ()
    left_changed: tuple[str, ...] = ()
    error: dict[str, Any] | None = None
