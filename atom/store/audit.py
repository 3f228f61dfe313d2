"""The audit outbox, and the log that its rows are sealed into."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from atom.store.database import Transaction, new_id


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was decided, not yet numbered."""

    id: uuid.UUID
    type: str
    run_id: uuid.UUID | None
    body: dict[str, Any]
    recorded_at: datetime


@dataclass(frozen=True, slots=True)
class Sealed:
    """A numbered, chained record. `record` is its RFC 8785 JSON; `record_hash` the sha256 of exactly those bytes."""

    id: uuid.UUID
    seq: int
    type: str
    run_id: uuid.UUID | None
    record: bytes
    record_hash: str
    prev_record_hash: str
    recorded_at: datetime
    object_key: str
    object_version_id: str | None


_COLUMNS = (
    """id, seq, type, run_id, record, record_hash, prev_record_hash, recorded_at, object_key, object_version_id"""
)


def record(tx: Transaction, type: str, body: dict[str, Any], *, run_id: uuid.UUID | None = None) -> None:
    """Writes the outbox row in the caller's transaction: the change and its record live or die together."""
    tx.execute(
        "insert into audit_outbox (tenant_id, id, type, run_id, body) "
        "values (%(tenant)s, %(id)s, %(type)s, %(run_id)s, %(body)s)",
        id=new_id(),
        type=type,
        run_id=run_id,
        body=Jsonb(body),
    )


def lock_log(tx: Transaction) -> None:
    """One sealer a tenant at a time, until the transaction ends."""
    tx.execute("select pg_advisory_xact_lock(hashtextextended('audit_log:' || %(tenant)s::text, 0))")


def waiting(tx: Transaction, *, limit: int) -> list[Event]:
    return tx.all(
        Event,
        """
        select id, type, run_id, body, recorded_at from audit_outbox
        where tenant_id = %(tenant)s order by recorded_at, id limit %(limit)s
        """,
        limit=limit,
    )


def head(tx: Transaction) -> Sealed | None:
    return tx.first(Sealed, f"select {_COLUMNS} from audit_log where tenant_id = %(tenant)s order by seq desc limit 1")


def append(tx: Transaction, sealed: list[Sealed]) -> None:
    """Moves the records from the outbox to the log, in the caller's transaction."""
    tx.insert_many(
        """
        insert into audit_log (tenant_id, id, seq, type, run_id, record, record_hash, prev_record_hash, recorded_at, object_key)
        values (%(tenant)s, %(id)s, %(seq)s, %(type)s, %(run_id)s, %(record)s, %(record_hash)s, %(prev_record_hash)s,
                %(recorded_at)s, %(object_key)s)
        """,
        [
            {
                "id": s.id,
                "seq": s.seq,
                "type": s.type,
                "run_id": s.run_id,
                "record": s.record,
                "record_hash": s.record_hash,
                "prev_record_hash": s.prev_record_hash,
                "recorded_at": s.recorded_at,
                "object_key": s.object_key,
            }
            for s in sealed
        ],
    )
    tx.execute(
        "delete from audit_outbox where tenant_id = %(tenant)s and id = any(%(ids)s)", ids=[s.id for s in sealed]
    )


def unstored(tx: Transaction, *, limit: int) -> list[Sealed]:
    return tx.all(
        Sealed,
        f"""
        select {_COLUMNS} from audit_log
        where tenant_id = %(tenant)s and object_version_id is null order by seq limit %(limit)s
        """,
        limit=limit,
    )


def stored(tx: Transaction, record_id: uuid.UUID, version_id: str) -> int:
    return tx.execute(
        """
        update audit_log set object_version_id = %(version_id)s
        where tenant_id = %(tenant)s and id = %(id)s and object_version_id is null
        """,
        id=record_id,
        version_id=version_id,
    )


def of_run(tx: Transaction, run_id: uuid.UUID) -> list[Sealed]:
    return tx.all(
        Sealed,
        f"select {_COLUMNS} from audit_log where tenant_id = %(tenant)s and run_id = %(run_id)s order by seq",
        run_id=run_id,
    )


def final_of_run(tx: Transaction, run_id: uuid.UUID) -> Sealed | None:
    """The record of the run's end, once it is sealed."""
    return tx.first(
        Sealed,
        f"""
        select {_COLUMNS} from audit_log
        where tenant_id = %(tenant)s and run_id = %(run_id)s and type = 'run.finished' order by seq desc limit 1
        """,
        run_id=run_id,
    )
