"""The sealer: numbers what was decided, chains it, and puts it where nobody can take it back.

Three idempotent steps; killed between any two of them, the next call goes on where this one stopped.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

from atom.evidence.records import chain
from atom.store import audit, runs
from atom.store.audit import Sealed
from atom.store.database import Database
from atom.store.errors import ObjectDiffers
from atom.store.objects import Objects, Stored

FINAL_RECORD = "run.finished"
_BATCH = 200


class Sealer:
    def __init__(self, database: Database, objects: Objects, *, retention: timedelta) -> None:
        self._database = database
        self._objects = objects
        self._retention = retention

    def seal(self, tenant: uuid.UUID, *, limit: int = _BATCH) -> int:
        """Seals at most `limit` records of the tenant; returns how many reached the object store.

        1. Committed outbox rows are numbered without gaps, linked, and moved to the log, in one transaction.
        2. Every record that the object store does not have yet is put there, under COMPLIANCE retention.
        3. The version id goes into the log; a finished run gets the path of its final record.

        Raises DatabaseUnavailable, ObjectStoreUnavailable; ObjectDiffers, after all others were stored, for a record
        whose key somebody else took.
        """
        with self._database.transaction(tenant) as tx:
            audit.lock_log(tx)
            audit.append(tx, chain(tenant, audit.head(tx), audit.waiting(tx, limit=limit)))
        with self._database.transaction(tenant) as tx:
            waiting = audit.unstored(tx, limit=limit)
        contested: ObjectDiffers | None = None
        for record in waiting:
            try:
                self._store(tenant, record)
            except ObjectDiffers as error:
                contested = contested or error
        if contested is not None:
            raise contested
        return len(waiting)

    def _store(self, tenant: uuid.UUID, record: Sealed) -> None:
        until = datetime.now(UTC) + self._retention  # counted from now: a record that waited long must not be refused
        stored: Stored = self._objects.put(record.object_key, record.record, retain_until=until)
        with self._database.transaction(tenant) as tx:
            audit.stored(tx, record.id, stored.version_id)
            if record.type == FINAL_RECORD and record.run_id is not None:
                runs.record_log_path(tx, record.run_id, stored.uri)
