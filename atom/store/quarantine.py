"""Uploads that were refused, kept until an admin overrides or they expire."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from atom.store.database import Transaction


@dataclass(frozen=True, slots=True)
class QuarantinedUpload:
    id: uuid.UUID
    digest: str
    size: int
    object_key: str
    problem: dict[str, Any]
    uploaded_by: str
    expires_at: datetime


def add(tx: Transaction, upload: QuarantinedUpload) -> None:
    tx.execute(
        """
        insert into quarantined_uploads (tenant_id, id, digest, size, object_key, problem, uploaded_by, expires_at)
        values (%(tenant)s, %(id)s, %(digest)s, %(size)s, %(object_key)s, %(problem)s, %(uploaded_by)s, %(expires_at)s)
        """,
        id=upload.id,
        digest=upload.digest,
        size=upload.size,
        object_key=upload.object_key,
        problem=Jsonb(upload.problem),
        uploaded_by=upload.uploaded_by,
        expires_at=upload.expires_at,
    )
