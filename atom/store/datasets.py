"""Training exports that were published. A version never changes."""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from atom.store.database import Transaction


@dataclass(frozen=True, slots=True)
class DatasetRow:
    id: uuid.UUID
    version: str
    object_prefix: str
    row_count: int
    manifest: dict[str, Any]
    created_at: datetime


def publish(tx: Transaction, dataset: DatasetRow) -> bool:
    """False if that version was published before: a version never changes."""
    return bool(
        tx.execute(
            """
            insert into datasets (tenant_id, id, version, object_prefix, row_count, manifest, created_at)
            values (%(tenant)s, %(id)s, %(version)s, %(object_prefix)s, %(row_count)s, %(manifest)s, %(created_at)s)
            on conflict do nothing
            """,
            **(asdict(dataset) | {"manifest": Jsonb(dataset.manifest)}),
        )
    )


def newest(tx: Transaction, *, limit: int) -> list[DatasetRow]:
    return tx.all(
        DatasetRow,
        """
        select id, version, object_prefix, row_count, manifest, created_at
        from datasets where tenant_id = %(tenant)s order by created_at desc, id desc limit %(limit)s
        """,
        limit=limit,
    )


def by_version(tx: Transaction, version: str) -> DatasetRow | None:
    return tx.first(
        DatasetRow,
        """
        select id, version, object_prefix, row_count, manifest, created_at
        from datasets where tenant_id = %(tenant)s and version = %(version)s
        """,
        version=version,
    )
