"""The engine's journal as rows: every transition is durable before the next one, and none is written without the lease."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import asdict

from atom.package.model import Effect
from atom.runtime.actions import ACTIONS
from atom.runtime.journal import StepRecord
from atom.store import steps
from atom.store.database import Database, Transaction, new_id
from atom.store.steps import StepRow


class RowJournal:
    """`require_lease` is called in each transaction and raises if this attempt lost the run."""

    def __init__(
        self,
        database: Database,
        tenant: uuid.UUID,
        run_id: uuid.UUID,
        attempt: int,
        require_lease: Callable[[Transaction], None],
    ) -> None:
        self._database = database
        self._tenant = tenant
        self._run_id = run_id
        self._attempt = attempt
        self._require_lease = require_lease

    def step_started(self, record: StepRecord) -> None:
        with self._database.transaction(self._tenant) as tx:
            self._require_lease(tx)
            steps.start(tx, self._run_id, self._row(record))

    def step_finished(self, record: StepRecord) -> None:
        with self._database.transaction(self._tenant) as tx:
            self._require_lease(tx)
            steps.finish(tx, self._run_id, self._row(record))

    def _row(self, record: StepRecord) -> StepRow:
        return StepRow(
            id=new_id(),
            attempt=self._attempt,
            position=record.position,
            phase=record.phase.value,
            step_id=record.id,
            try_=record.attempt,
            uses=record.uses,
            effect=_effect(record.uses).value,
            status=record.status.value,
            started_at=record.started_at,
            finished_at=record.finished_at,
            cluster_seconds=record.cluster_seconds,
            result=dict(record.result) if record.result is not None else None,
            effects=[asdict(change) for change in record.effects],
            error=dict(record.error) if record.error else None,
        )


def _effect(uses: str | None) -> Effect:
    """A preflight without an action only looks."""
    return Effect.READ if uses is None else ACTIONS[uses].effect
