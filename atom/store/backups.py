"""Backups of the whole database, and how their restores went. They belong to no tenant."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from datetime import datetime

from psycopg.types.json import Jsonb

from atom.store.database import Transaction


@dataclass(frozen=True, slots=True)
class BackupRow:
    """`tables` maps a table to its rows, counted in the dump's own snapshot."""

    id: uuid.UUID
    object_key: str
    sha256: str
    size: int
    tables: dict[str, int]
    made_at: datetime
    restored_at: datetime | None
    restore_ok: bool | None
    restore_note: str | None


def add(tx: Transaction, backup: BackupRow) -> None:
    tx.execute(
        """
        insert into backups (id, object_key, sha256, size, tables, made_at)
        values (%(id)s, %(object_key)s, %(sha256)s, %(size)s, %(tables)s, %(made_at)s)
        """,
        **(asdict(backup) | {"tables": Jsonb(backup.tables)}),
    )


def newest(tx: Transaction) -> BackupRow | None:
    return tx.first(
        BackupRow,
        """
        select id, object_key, sha256, size, tables, made_at, restored_at, restore_ok, restore_note
        from backups order by made_at desc, id desc limit 1
        """,
    )


def record_restore(tx: Transaction, backup_id: uuid.UUID, *, ok: bool, note: str) -> None:
    tx.execute(
        "update backups set restored_at = now(), restore_ok = %(ok)s, restore_note = %(note)s where id = %(id)s",
        id=backup_id,
        ok=ok,
        note=note,
    )
