"""Carries out one package: preflight, steps, verification, and undoing where that did not help.

The engine knows no database, no Dagster and no Kubernetes: it is handed a cluster to act on, a journal to tell, and a
control to ask whether it should stop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from graphlib import TopologicalSorter
from typing import Any

from atom.errors import AtomError
from atom.package.expressions import resolve
from atom.package.model import Effect, OnFailure, Package, Preflight, Step
from atom.package.parameters import validate_parameters
from atom.runtime.action import Call
from atom.runtime.actions import ACTIONS
from atom.runtime.cluster import Cluster
from atom.runtime.errors import (
    ActionUnknown,
    Cancelled,
    EffectUndeclared,
    PreflightRefused,
    RunTimedOut,
)
from atom.runtime.journal import Control, Journal, Phase
from atom.runtime.outcome import Ending, Outcome, Status
from atom.runtime.run import Disowned, Halted, Json, Run, Task, shown
from atom.runtime.undo import Undoing, undo
from atom.runtime.verification import hold


def execute(
    package: Package,
    parameters: Mapping[str, Any],
    cluster: Cluster,
    journal: Journal,
    control: Control,
    *,
    run_id: str,
    monotonic: Callable[[], float] = time.monotonic,
) -> Outcome:
    """Run `package` once and say how it ended.

    1. The parameters are validated, and every action is known and has the effect that its step declares.
    2. Preflight assertions, in file order; the first that does not hold ends the run before anything is changed.
    3. Steps in the order of `needs`, then of the file; a step whose `when` is false is skipped.
    4. Verification, in file order.
    5. If 3 or 4 failed, was cancelled or ran out of time: what was written is undone as `rollback` says.

    Never raises for what the package or the cluster does. What `journal` and `control` raise (other than Cancelled
    from control) passes through, and then nothing more is written. `run_id` must be the run's own: it marks its writes.
    """
    run = Run(run_id, package, cluster, journal, control, scope={"steps": {}, "preflight": {}}, monotonic=monotonic)
    try:
        run.scope["params"] = validate_parameters(package, dict(parameters))
        order = _plan(package)
    except AtomError as error:
        return _outcome(run, "failed", "refused", error.as_dict())
    try:
        for check in package.spec.preflight:
            _preflight(run, check)
        for step in order:
            _step(run, step)
        for step in package.spec.verify:
            _verify(run, step)
    except Halted as halted:
        return _halted(run, halted)
    except Disowned as disowned:
        raise disowned.__cause__ or disowned from None
    return _outcome(run, "succeeded", "resolved" if run.written else "nothing_to_do")


def in_order(steps: list[Step]) -> list[Step]:
    """Steps such that each follows all it needs, otherwise as in the file. A loaded package has no circle in them."""
    place = {step.id: index for index, step in enumerate(steps)}
    sorter = TopologicalSorter({step.id: step.needs for step in steps})
    sorter.prepare()
    ordered: list[Step] = []
    ready: set[str] = set()
    while sorter.is_active():
        ready.update(sorter.get_ready())
        first = min(ready, key=place.__getitem__)
        ready.remove(first)
        sorter.done(first)
        ordered.append(steps[place[first]])
    return ordered


def _plan(package: Package) -> list[Step]:
    """The steps in order, once everything the package may do is known to this runtime and declared."""
    spec = package.spec
    for check in spec.preflight:
        if check.uses:
            _check_effect(check.uses, Effect.READ)
    for step in spec.verify:
        _check_effect(step.uses, Effect.READ)
    for step in (*spec.steps, *spec.rollback.steps):
        _check_effect(step.uses, step.effect)
        if step.compensate:
            _check_effect(step.compensate.uses, None)
    return in_order(spec.steps)


def _check_effect(uses: str, declared: Effect | None) -> None:
    if uses not in ACTIONS:
        raise ActionUnknown(uses)
    if declared is not None and declared is not ACTIONS[uses].effect:
        raise EffectUndeclared(uses, declared, ACTIONS[uses].effect)


def _preflight(run: Run, check: Preflight) -> None:
    task = Task(Phase.PREFLIGHT, check.id, check.uses, run.package.spec.limits.timeout)

    def body(call: Call) -> Json:
        result = ACTIONS[check.uses](call, resolve(check.with_, run.scope)) if check.uses else {}
        if not run.holds(check.assert_, result=result):
            raise PreflightRefused(check.assert_, shown(result), check.message)
        return result

    run.scope["preflight"][check.id] = _guarded(run, task, OnFailure.ABORT, lambda: run.perform(task, body))


def _step(run: Run, step: Step) -> None:
    task = Task(Phase.STEP, step.id, step.uses, step.timeout, step.retry)

    def attempt() -> Json:
        if step.when is not None and not run.holds(step.when):
            run.skip(task)
            return {"skipped": True}
        given = resolve(step.with_, run.scope)
        return run.perform(task, lambda call: ACTIONS[step.uses](call, given))

    try:
        result = _guarded(run, task, _on_failure(run, step), attempt)
    except Halted as halted:
        if halted.on_failure is not OnFailure.CONTINUE:
            raise
        result = {"failed": True}
    # Later expressions may ask any step whether it ran and whether it changed something.
    run.scope["steps"][step.id] = {"skipped": False, "failed": False, "changed": step.id in run.written} | result


def _verify(run: Run, step: Step) -> None:
    task = Task(Phase.VERIFY, step.id, step.uses, step.timeout)

    def attempt() -> Json:
        if step.when is not None and not run.holds(step.when):
            run.skip(task)
            return {"skipped": True}
        given = resolve(step.with_, run.scope)
        return run.perform(task, lambda call: hold(run, step, call, lambda: ACTIONS[step.uses](call, given)))

    try:
        _guarded(run, task, _on_failure(run, step), attempt)
    except Halted as halted:
        if halted.on_failure is not OnFailure.CONTINUE:
            raise


def _guarded(run: Run, task: Task, on_failure: OnFailure, body: Callable[[], Json]) -> Json:
    """`body` after a safe point, with any failure of either as Halted.

    A cancellation or the run's own limit is not the step's failure, so the step's `onFailure` has no say in it.
    """
    try:
        run.safe_point()
        return body()
    except (Cancelled, RunTimedOut) as error:
        raise Halted(task.phase, task.id, error, OnFailure.ROLLBACK) from error
    except AtomError as error:
        raise Halted(task.phase, task.id, error, on_failure) from error


def _on_failure(run: Run, step: Step) -> OnFailure:
    default = OnFailure.ABORT if run.package.spec.rollback.strategy == "none" else OnFailure.ROLLBACK
    return step.on_failure or default


def _halted(run: Run, halted: Halted) -> Outcome:
    undoing = undo(run) if halted.on_failure is OnFailure.ROLLBACK and run.written else Undoing()
    error: dict[str, Any] = {**halted.error.as_dict(), "phase": str(halted.phase), "step": halted.step}
    if undoing.errors:
        error["undo_errors"] = undoing.errors
    status, ending = _ending(halted, undoing)
    return _outcome(run, status, ending, error, undoing)


def _ending(halted: Halted, undoing: Undoing) -> tuple[Status, Ending]:
    """The table in `outcome.py`."""
    cancelled = isinstance(halted.error, Cancelled)
    if undoing.errors:
        return ("cancelled" if cancelled else "failed"), "rollback_failed"
    if cancelled:
        return "cancelled", "cancelled"
    if undoing.undone:
        return "rolled_back", "rolled_back"
    if isinstance(halted.error, RunTimedOut):
        return "failed", "timed_out"
    if isinstance(halted.error, PreflightRefused):
        return "failed", "refused"
    return "failed", "verify_failed" if halted.phase is Phase.VERIFY else "step_failed"


def _outcome(
    run: Run, status: Status, ending: Ending, error: dict[str, Any] | None = None, undoing: Undoing | None = None
) -> Outcome:
    undoing = undoing or Undoing()
    left = (change.object for step, changes in run.written.items() if step not in undoing.undone for change in changes)
    return Outcome(
        status=status,
        outcome=ending,
        cluster=run.cluster.label,
        duration_seconds=(run.cluster.now() - run.began).total_seconds(),
        steps=tuple(run.records),
        effects=tuple(change for record in run.records for change in record.effects),
        undone=undoing.undone,
        left_changed=tuple(dict.fromkeys(left)),
        error=error,
    )
