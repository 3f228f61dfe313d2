"""Which queued runs Dagster should start, and what it is told about them.

The row is the truth: a launch that comes twice, or late, finds the row claimed and stands aside. `pushed_at` only keeps
the approver's push and the sensor's safety net from both asking at once.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from atom.store import runs
from atom.store.database import Database
from atom.store.runs import Run

LOCATION = "atom"  # name of the code location
JOB = "run_workflow"
OP = "execute_run"
RUN_TAG = "atom/run"
_LOST = timedelta(seconds=60)  # a push that has not led to a claim by then may have been lost


@dataclass(frozen=True, slots=True)
class Launch:
    """Ids only: all else is in the row. `pushes` counts how often Dagster was asked, this time included."""

    tenant: uuid.UUID
    tenant_name: str
    run_id: uuid.UUID
    attempt: int
    pushes: int
    workflow: str

    @property
    def key(self) -> str:
        """Dagster's run key: it starts one run for each, for ever, so a launch asked for again needs a new one."""
        return f"{self.run_id}:{self.attempt}:{self.pushes}"

    @property
    def config(self) -> dict[str, Any]:
        """Run config of the job `run_workflow`."""
        return {"ops": {OP: {"config": {"tenant": str(self.tenant), "run": str(self.run_id), "attempt": self.attempt}}}}

    @property
    def tags(self) -> dict[str, str]:
        return {
            "atom/tenant": self.tenant_name,
            RUN_TAG: str(self.run_id),
            "atom/workflow": self.workflow,
            "dagster/retry_on_asset_or_op_failure": "false",
        }


class Launching:
    def __init__(self, database: Database) -> None:
        self._database = database

    def one(self, tenant: uuid.UUID, run_id: uuid.UUID) -> Launch | None:
        """The launch of a run that was queued just now, marked as pushed; None if there is nothing to push."""
        name = next((t.name for t in self._database.tenants() if t.id == tenant), None)
        with self._database.transaction(tenant) as tx:
            run = runs.locked(tx, run_id)
            if name is None or run is None or run.status != "queued" or run.pushed_at is not None:
                return None
            runs.mark_pushed(tx, [run.id])
        return _launch(tenant, name, run)

    def give_back(self, launch: Launch) -> None:
        """The push failed: the sensor may try at once."""
        with self._database.transaction(launch.tenant) as tx:
            runs.unmark_pushed(tx, launch.run_id)

    def waiting(self, *, limit: int) -> list[Launch]:
        """Queued runs that nobody pushed, or whose push seems lost, oldest first; marked as pushed."""
        launches: list[Launch] = []
        for tenant in self._database.tenants():
            with self._database.transaction(tenant.id) as tx:
                found = runs.to_launch(tx, limit=limit - len(launches), pushed_before=datetime.now(UTC) - _LOST)
                if found:
                    runs.mark_pushed(tx, [run.id for run in found])
            launches += [_launch(tenant.id, tenant.name, run) for run in found]
            if len(launches) >= limit:
                break
        return launches


def _launch(tenant: uuid.UUID, name: str, run: Run) -> Launch:
    return Launch(tenant, name, run.id, run.attempt, run.pushes + 1, run.workflow)
