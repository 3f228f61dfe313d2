"""The steps of a run, written as they happen."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from atom.store.database import Transaction


@dataclass(frozen=True, slots=True)
class StepRow:
    """`attempt` counts the run's attempts, `try_` the step's, `position` the rows of an attempt, all from 1.

    `effects` lists what the step did to the world; `cluster_seconds` is its length on the cluster's clock.
    """

    id: uuid.UUID
    attempt: int
    position: int
    phase: str
    step_id: str
    try_: int
    uses: str | None
    effect: str
    status: str
    started_at: datetime
    finished_at: datetime | None
    cluster_seconds: float | None
    result: dict[str, Any] | None
    effects: list[dict[str, Any]]
    error: dict[str, Any] | None


def start(tx: Transaction, run_id: uuid.UUID, step: StepRow) -> None:
    tx.execute(
        """
        insert into run_steps (tenant_id, id, run_id, attempt, position, phase, step_id, try, uses, effect, status,
                               started_at)
        values (%(tenant)s, %(id)s, %(run_id)s, %(attempt)s, %(position)s, %(phase)s, %(step_id)s, %(try_)s, %(uses)s,
                %(effect)s, %(status)s, %(started_at)s)
        """,
        run_id=run_id,
        id=step.id,
        attempt=step.attempt,
        position=step.position,
        phase=step.phase,
        step_id=step.step_id,
        try_=step.try_,
        uses=step.uses,
        effect=step.effect,
        status=step.status,
        started_at=step.started_at,
    )


def finish(tx: Transaction, run_id: uuid.UUID, step: StepRow) -> int:
    return tx.execute(
        """
        update run_steps set status = %(status)s, finished_at = %(finished_at)s, cluster_seconds = %(cluster_seconds)s,
            result = %(result)s, effects = %(effects)s, error = %(error)s
        where tenant_id = %(tenant)s and run_id = %(run_id)s and attempt = %(attempt)s and position = %(position)s
          and status = 'running'
        """,
        run_id=run_id,
        attempt=step.attempt,
        position=step.position,
        status=step.status,
        finished_at=step.finished_at,
        cluster_seconds=step.cluster_seconds,
        result=Jsonb(step.result) if step.result is not None else None,
        effects=Jsonb(step.effects),
        error=Jsonb(step.error) if step.error else None,
    )


def of_run(tx: Transaction, run_id: uuid.UUID) -> list[StepRow]:
    return tx.all(
        StepRow,
        """
        select id, attempt, position, phase, step_id, try as try_, uses, effect, status, started_at, finished_at,
               cluster_seconds, result, effects, error
        from run_steps where tenant_id = %(tenant)s and run_id = %(run_id)s order by attempt, position
        """,
        run_id=run_id,
    )
