"""What nobody else brings to an end: runs whose worker died, requests that nobody decided."""

from __future__ import annotations

from atom.flow.ending import finish
from atom.store import audit, runs, steps
from atom.store.database import Database, Transaction
from atom.store.runs import Run
from atom.store.steps import StepRow

_ATTEMPTS = 3
_BATCH = 50


class Reconciler:
    def __init__(self, database: Database) -> None:
        self._database = database

    def settle(self, *, limit: int = _BATCH) -> list[Run]:
        """Ends, or queues again, every run whose lease lapsed; expires every request that nobody decided in time."""
        settled: list[Run] = []
        for tenant in self._database.tenants():
            with self._database.transaction(tenant.id) as tx:
                for run in runs.lapsed(tx, limit=limit):
                    settled += self._settle(tx, run)
                for run in runs.overdue_approvals(tx, limit=limit):
                    locked = runs.locked(tx, run.id)
                    if locked is not None and locked.status == "pending_approval":
                        finish(tx, locked, "expired", outcome="expired", by="atom")
                        settled += [run]
        return settled

    def _settle(self, tx: Transaction, seen: Run) -> list[Run]:
        run = runs.locked(tx, seen.id)
        if run is None or run.status != "running" or run.lease_expires_at != seen.lease_expires_at:
            return []  # it ended, or its worker came back, while we waited for the row
        started = [step for step in steps.of_run(tx, run.id) if step.effect != "read" and step.status != "skipped"]
        if not started and run.cancel_requested_at is not None:
            finish(tx, run, "cancelled", outcome="cancelled", by=run.cancel_requested_by or "atom")
        elif not started and run.attempt < _ATTEMPTS:
            audit.record(
                tx, "run.interrupted", {"attempt": run.attempt, "worker": run.worker, "next": "queued"}, run_id=run.id
            )
            runs.requeue(tx, run.id)
        else:
            finish(tx, run, "unknown", outcome="interrupted", by="atom", error=_interrupted(run, started))
        return [run]


def _interrupted(run: Run, started: list[StepRow]) -> dict[str, str]:
    last = started[-1] if started else None
    where = f"{last.phase} {last.step_id} ({last.uses}), {last.status}" if last else "before any write"
    return {
        "code": "interrupted",
        "title": "The worker died and the run is not repeated",
        "expected": f"worker {run.worker} to renew its lease",
        "found": f"it stopped; the last write that was begun: {where}",
        "remedy": "look at the target, then request a new run: a write step is never blindly repeated",
    }
