"""Takes back what a run wrote, as its package says: step by step in reverse, or by steps of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from atom.errors import AtomError
from atom.package.expressions import resolve
from atom.package.model import Backoff, Retry, Step
from atom.runtime.actions import ACTIONS
from atom.runtime.journal import Phase
from atom.runtime.run import Run, Task

# A compensation has no `retry` of its own in the language; giving up at the first hiccup would leave the change behind.
_RETRY = Retry(
    max_attempts=5,
    backoff=Backoff(initial=timedelta(seconds=1), factor=2, max=timedelta(seconds=15), jitter=0.2),
    retry_on=["conflict", "unavailable", "throttled"],
)


@dataclass(frozen=True, slots=True)
class Undoing:
    """Which steps were undone, in that order, and what went wrong."""

    undone: tuple[str, ...] = ()
    errors: list[dict[str, Any]] = field(default_factory=list)


def undo(run: Run) -> Undoing:
    """Carry out the package's `rollback`. Never raises for what fails: it goes on with the rest and reports.

    `compensate-reverse` looks only at steps that wrote, or may have; a step that was refused, skipped or found nothing
    to do has nothing to take back, and a compensation of it would overwrite somebody else's change.
    """
    rollback = run.package.spec.rollback
    match rollback.strategy:
        case "compensate-reverse":
            return _reverse(run)
        case "steps":
            return _own_steps(run, rollback.steps)
        case "none":
            return Undoing()


def _reverse(run: Run) -> Undoing:
    by_id = {step.id: step for step in run.package.spec.steps}
    undone: list[str] = []
    errors: list[dict[str, Any]] = []
    for id_ in reversed(run.written):
        back = by_id[id_].compensate
        if back is None:
            continue
        task = Task(Phase.COMPENSATION, id_, back.uses, back.timeout, _RETRY)
        try:
            if _carried_out(run, task, back.with_, back.when):
                undone.append(id_)
        except AtomError as error:
            errors.append({**error.as_dict(), "phase": str(task.phase), "step": id_})
    return Undoing(tuple(undone), errors)


def _own_steps(run: Run, steps: list[Step]) -> Undoing:
    """All steps that wrote count as undone when every rollback step succeeded; the first that fails ends it."""
    for step in steps:
        task = Task(Phase.ROLLBACK, step.id, step.uses, step.timeout, step.retry or _RETRY)
        try:
            _carried_out(run, task, step.with_, step.when)
        except AtomError as error:
            return Undoing(errors=[{**error.as_dict(), "phase": str(task.phase), "step": step.id}])
    return Undoing(tuple(reversed(run.written)))


def _carried_out(run: Run, task: Task, with_: dict[str, Any], when: str | None) -> bool:
    if when is not None and not run.holds(when):
        run.skip(task)
        return False
    given = resolve(with_, run.scope)
    run.perform(task, lambda call: ACTIONS[str(task.uses)](call, given))
    return True
