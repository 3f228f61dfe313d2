"""Runs: the row, its way along the state machine (which the database enforces), its steps and its approvals."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from psycopg.types.json import Jsonb

from atom.store.database import Transaction

Status = Literal[
    "pending_approval", "queued", "running",
    "succeeded", "failed", "rolled_back", "cancelled", "rejected", "expired", "unknown",
]  # fmt: skip
FINISHED: frozenset[str] = frozenset(
    {"succeeded", "failed", "rolled_back", "cancelled", "rejected", "expired", "unknown"}
)


@dataclass(frozen=True, slots=True)
class Run:
    id: uuid.UUID
    workflow_id: uuid.UUID
    workflow: str
    version: str
    package_digest: str
    parameters: dict[str, Any]
    parameters_digest: str
    verdict_digest: str
    trigger: str
    status: Status
    requested_by: str
    requested_at: datetime
    expires_at: datetime
    approved_by: str | None
    approved_at: datetime | None
    dagster_run_id: str | None
    pushed_at: datetime | None
    pushes: int
    attempt: int
    worker: str | None
    lease_expires_at: datetime | None
    cancel_requested_at: datetime | None
    cancel_requested_by: str | None
    started_at: datetime | None
    finished_at: datetime | None
    outcome: str | None
    error: dict[str, Any] | None
    cluster: str | None
    immutable_log_path: str | None


_COLUMNS = """r.id, r.workflow_id, w.name as workflow, w.version, r.package_digest, r.parameters, r.parameters_digest,
    r.verdict_digest, r.trigger, r.status, r.requested_by, r.requested_at, r.expires_at, r.approved_by, r.approved_at,
    r.dagster_run_id, r.pushed_at, r.pushes, r.attempt, r.worker, r.lease_expires_at, r.cancel_requested_at, r.cancel_requested_by,
    r.started_at, r.finished_at, r.outcome, r.error, r.cluster, r.immutable_log_path"""
_FROM = "workflow_runs r join workflows w on w.tenant_id = r.tenant_id and w.id = r.workflow_id"


def insert(
    tx: Transaction,
    *,
    id: uuid.UUID,
    workflow_id: uuid.UUID,
    package_digest: str,
    parameters: dict[str, Any],
    parameters_digest: str,
    verdict_digest: str,
    trigger: str,
    idempotency_key: str | None,
    status: Status,
    requested_by: str,
    expires_at: datetime,
) -> bool:
    """False if the idempotency key was used before."""
    return bool(
        tx.execute(
            """
            insert into workflow_runs (tenant_id, id, workflow_id, package_digest, parameters, parameters_digest,
                verdict_digest, trigger, idempotency_key, status, requested_by, expires_at)
            values (%(tenant)s, %(id)s, %(workflow_id)s, %(package_digest)s, %(parameters)s, %(parameters_digest)s,
                %(verdict_digest)s, %(trigger)s, %(idempotency_key)s, %(status)s, %(requested_by)s, %(expires_at)s)
            on conflict do nothing
            """,
            id=id,
            workflow_id=workflow_id,
            package_digest=package_digest,
            parameters=Jsonb(parameters),
            parameters_digest=parameters_digest,
            verdict_digest=verdict_digest,
            trigger=trigger,
            idempotency_key=idempotency_key,
            status=status,
            requested_by=requested_by,
            expires_at=expires_at,
        )
    )


def by_id(tx: Transaction, run_id: uuid.UUID) -> Run | None:
    return tx.first(Run, f"select {_COLUMNS} from {_FROM} where r.tenant_id = %(tenant)s and r.id = %(id)s", id=run_id)


def locked(tx: Transaction, run_id: uuid.UUID) -> Run | None:
    """The run, with its row locked until the transaction ends: what was read stays true while deciding on it."""
    return tx.first(
        Run,
        f"select {_COLUMNS} from {_FROM} where r.tenant_id = %(tenant)s and r.id = %(id)s for update of r",
        id=run_id,
    )


def by_idempotency_key(tx: Transaction, key: str) -> Run | None:
    return tx.first(
        Run, f"select {_COLUMNS} from {_FROM} where r.tenant_id = %(tenant)s and r.idempotency_key = %(key)s", key=key
    )


def page(
    tx: Transaction, *, limit: int, before: uuid.UUID | None, status: str | None = None, workflow: str | None = None
) -> list[Run]:
    """Newest first; `before` is the last id of the page before."""
    return tx.all(
        Run,
        f"""
        select {_COLUMNS} from {_FROM}
        where r.tenant_id = %(tenant)s and (%(before)s::uuid is null or r.id < %(before)s)
          and (%(status)s::text is null or r.status = %(status)s)
          and (%(workflow)s::text is null or w.name = %(workflow)s)
        order by r.id desc limit %(limit)s
        """,
        limit=limit,
        before=before,
        status=status,
        workflow=workflow,
    )


def to_launch(tx: Transaction, *, limit: int, pushed_before: datetime) -> list[Run]:
    """Queued runs that Dagster was not asked to run, or was asked so long ago that the request must be lost."""
    return tx.all(
        Run,
        f"""
        select {_COLUMNS} from {_FROM}
        where r.tenant_id = %(tenant)s and r.status = 'queued' and (r.pushed_at is null or r.pushed_at < %(pushed_before)s)
        order by r.requested_at limit %(limit)s
        """,
        limit=limit,
        pushed_before=pushed_before,
    )


def lapsed(tx: Transaction, *, limit: int) -> list[Run]:
    """Running runs whose worker has not renewed its lease: it is dead, or cut off."""
    return tx.all(
        Run,
        f"""
        select {_COLUMNS} from {_FROM}
        where r.tenant_id = %(tenant)s and r.status = 'running' and r.lease_expires_at < now()
        order by r.lease_expires_at limit %(limit)s
        """,
        limit=limit,
    )


def overdue_approvals(tx: Transaction, *, limit: int) -> list[Run]:
    return tx.all(
        Run,
        f"""
        select {_COLUMNS} from {_FROM}
        where r.tenant_id = %(tenant)s and r.status = 'pending_approval' and r.expires_at < now()
        order by r.expires_at limit %(limit)s
        """,
        limit=limit,
    )


def requested_between(tx: Transaction, since: datetime, until: datetime, *, limit: int) -> list[Run]:
    return tx.all(
        Run,
        f"""
        select {_COLUMNS} from {_FROM}
        where r.tenant_id = %(tenant)s and r.requested_at >= %(since)s and r.requested_at < %(until)s
        order by r.requested_at, r.id limit %(limit)s
        """,
        since=since,
        until=until,
        limit=limit,
    )


def mark_pushed(tx: Transaction, run_ids: list[uuid.UUID]) -> None:
    tx.execute(
        """
        update workflow_runs set pushed_at = now(), pushes = pushes + 1
        where tenant_id = %(tenant)s and id = any(%(ids)s) and status = 'queued'
        """,
        ids=run_ids,
    )


def unmark_pushed(tx: Transaction, run_id: uuid.UUID) -> None:
    tx.execute(
        "update workflow_runs set pushed_at = null where tenant_id = %(tenant)s and id = %(id)s and status = 'queued'",
        id=run_id,
    )


def move(tx: Transaction, run_id: uuid.UUID, *, to: Status, outcome: str | None = None, error: Any = None) -> int:
    """Along the state machine; finished states set finished_at. The database refuses a move that is not on the map."""
    return tx.execute(
        """
        update workflow_runs
        set status = %(to)s, outcome = %(outcome)s, error = %(error)s,
            finished_at = case when %(finished)s then now() end,
            lease_expires_at = null
        where tenant_id = %(tenant)s and id = %(id)s
        """,
        id=run_id,
        to=to,
        finished=to in FINISHED,
        outcome=outcome,
        error=Jsonb(error) if error is not None else None,
    )


def approve(tx: Transaction, run_id: uuid.UUID, approvers: str) -> int:
    return tx.execute(
        """
        update workflow_runs set status = 'queued', approved_by = %(approvers)s, approved_at = now()
        where tenant_id = %(tenant)s and id = %(id)s and status = 'pending_approval'
        """,
        id=run_id,
        approvers=approvers,
    )


def claim(
    tx: Transaction, run_id: uuid.UUID, *, attempt: int, worker: str, dagster_run_id: str, seconds: int, cosign_sig: str
) -> bool:
    """queued -> running, by compare-and-swap on status and attempt. False: somebody else, or nobody, may run it."""
    return bool(
        tx.execute(
            """
            update workflow_runs
            set status = 'running', worker = %(worker)s, dagster_run_id = %(dagster_run_id)s, started_at = now(),
                lease_expires_at = now() + make_interval(secs => %(seconds)s), cosign_sig = %(cosign_sig)s
            where tenant_id = %(tenant)s and id = %(id)s and status = 'queued' and attempt = %(attempt)s
            """,
            id=run_id,
            attempt=attempt,
            worker=worker,
            dagster_run_id=dagster_run_id,
            seconds=seconds,
            cosign_sig=cosign_sig,
        )
    )


def renew(tx: Transaction, run_id: uuid.UUID, *, worker: str, attempt: int, seconds: int) -> bool:
    """False: the lease was taken away. (worker, attempt) is the fencing token; attempts only grow."""
    return bool(
        tx.execute(
            """
            update workflow_runs set lease_expires_at = now() + make_interval(secs => %(seconds)s)
            where tenant_id = %(tenant)s and id = %(id)s and status = 'running'
              and worker = %(worker)s and attempt = %(attempt)s
            """,
            id=run_id,
            worker=worker,
            attempt=attempt,
            seconds=seconds,
        )
    )


def requeue(tx: Transaction, run_id: uuid.UUID) -> int:
    return tx.execute(
        """
        update workflow_runs
        set status = 'queued', attempt = attempt + 1, worker = null, lease_expires_at = null, pushed_at = null,
            started_at = null, dagster_run_id = null
        where tenant_id = %(tenant)s and id = %(id)s and status = 'running'
        """,
        id=run_id,
    )


def request_cancel(tx: Transaction, run_id: uuid.UUID, by: str) -> int:
    return tx.execute(
        """
        update workflow_runs set cancel_requested_at = coalesce(cancel_requested_at, now()),
            cancel_requested_by = coalesce(cancel_requested_by, %(by)s)
        where tenant_id = %(tenant)s and id = %(id)s and status = 'running'
        """,
        id=run_id,
        by=by,
    )


def record_cluster(tx: Transaction, run_id: uuid.UUID, cluster: str) -> None:
    tx.execute(
        "update workflow_runs set cluster = %(cluster)s where tenant_id = %(tenant)s and id = %(id)s",
        id=run_id,
        cluster=cluster,
    )


def record_log_path(tx: Transaction, run_id: uuid.UUID, path: str) -> int:
    """Once. The only thing that a finished run takes."""
    return tx.execute(
        """
        update workflow_runs set immutable_log_path = %(path)s
        where tenant_id = %(tenant)s and id = %(id)s and immutable_log_path is null
        """,
        id=run_id,
        path=path,
    )
