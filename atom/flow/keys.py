"""Whose signatures a tenant accepts: adding and revoking trusted keys."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from atom.flow.errors import KeyTaken, UnknownKey
from atom.store import audit, keys
from atom.store.database import Database, new_id
from atom.store.keys import KeyRow
from atom.trust.policy import TrustedKey


class Keys:
    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, tenant: uuid.UUID, by: str, key: TrustedKey) -> KeyRow:
        """Trusts `key` from now on. Raises KeyTaken."""
        row = KeyRow(
            id=new_id(),
            name=key.name,
            pem=key.pem,
            key_id=key.key_id,
            package_pattern=key.package_pattern,
            not_before=key.not_before,
            not_after=key.not_after,
            revoked_at=None,
            added_by=by,
            added_at=datetime.now(UTC),
        )
        with self._database.transaction(tenant) as tx:
            if not keys.add(tx, row):
                raise KeyTaken(key.name)
            audit.record(tx, "key.added", {"by": by, "name": key.name, "keyId": key.key_id})
        return row

    def revoke(self, tenant: uuid.UUID, by: str, name: str) -> KeyRow:
        """Ends trust in everything that the key signed. Raises UnknownKey."""
        with self._database.transaction(tenant) as tx:
            row = keys.revoke(tx, name)
            if row is None:
                raise UnknownKey(name)
            audit.record(tx, "key.revoked", {"by": by, "name": row.name, "keyId": row.key_id})
        return row

    def every(self, tenant: uuid.UUID) -> list[KeyRow]:
        with self._database.transaction(tenant) as tx:
            return keys.every(tx)
