"""Trusted keys of a tenant."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import datetime

from atom.store.database import Transaction


@dataclass(frozen=True, slots=True)
class KeyRow:
    id: uuid.UUID
    name: str
    pem: str
    key_id: str
    package_pattern: str
    not_before: datetime | None
    not_after: datetime | None
    revoked_at: datetime | None
    added_by: str
    added_at: datetime


def every(tx: Transaction) -> list[KeyRow]:
    return tx.all(
        KeyRow,
        """
        select id, name, pem, key_id, package_pattern, not_before, not_after, revoked_at, added_by, added_at
        from trusted_keys where tenant_id = %(tenant)s order by name
        """,
    )


def add(tx: Transaction, key: KeyRow) -> bool:
    """False if the tenant has a key of that name, or this very key, already."""
    return bool(
        tx.execute(
            """
            insert into trusted_keys (tenant_id, id, name, pem, key_id, package_pattern, not_before, not_after, added_by)
            values (%(tenant)s, %(id)s, %(name)s, %(pem)s, %(key_id)s, %(package_pattern)s, %(not_before)s,
                    %(not_after)s, %(added_by)s)
            on conflict do nothing
            """,
            id=key.id,
            name=key.name,
            pem=key.pem,
            key_id=key.key_id,
            package_pattern=key.package_pattern,
            not_before=key.not_before,
            not_after=key.not_after,
            added_by=key.added_by,
        )
    )


def revoke(tx: Transaction, name: str) -> KeyRow | None:
    """Sets revoked_at once; a second call changes nothing and answers the same. None: no such key."""
    tx.execute(
        "update trusted_keys set revoked_at = now() where tenant_id = %(tenant)s and name = %(name)s and revoked_at is null",
        name=name,
    )
    return next((key for key in every(tx) if key.name == name), None)
