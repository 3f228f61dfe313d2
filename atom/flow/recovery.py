"""Backups as Atom keeps book of them: made, tried, recorded."""

from __future__ import annotations

import uuid
from collections.abc import Callable

from atom.recovery.backup import Tool, make_backup
from atom.recovery.errors import BackupDamaged, DumpFailed, NoBackup
from atom.recovery.restore import Restored, try_restore
from atom.store import audit, backups
from atom.store.backups import BackupRow
from atom.store.connect import BackupDsns
from atom.store.database import Database
from atom.store.errors import ObjectMissing
from atom.store.objects import Objects


class Recovery:
    def __init__(self, database: Database, objects: Objects, dsns: Callable[[], BackupDsns], tool: Tool) -> None:
        """`tool` finds a PostgreSQL program; `dsns` is asked once a backup or restore."""
        self._database = database
        self._objects = objects
        self._dsns = dsns
        self._tool = tool

    def backup(self, *, progress: Callable[[str], object]) -> BackupRow:
        """A dump of the whole database, consistent with one snapshot. Raises what `make_backup` raises."""
        made = make_backup(self._dsns().dump.get_secret_value(), self._objects, self._tool, progress=progress)
        with self._database.transaction(self._keeper()) as tx:
            backups.add(tx, made)
            audit.record(tx, "backup.made", {"by": "atom", "object": made.object_key, "sha256": made.sha256})
        return made

    def restore(self, *, progress: Callable[[str], object]) -> Restored:
        """Tries the newest backup in a sandbox and records how it went. Raises NoBackup and what `try_restore` raises."""
        newest = self.newest()
        try:
            tried = try_restore(
                newest, self._dsns().sandbox.get_secret_value(), self._objects, self._tool, progress=progress
            )
        except (BackupDamaged, ObjectMissing, DumpFailed) as error:
            self._record(newest, ok=False, note=str(error))
            raise
        note = f"row counts differ in {', '.join(tried.differing)}" if tried.differing else "row counts agree"
        self._record(newest, ok=not tried.differing, note=note)
        return tried

    def newest(self) -> BackupRow:
        """Raises NoBackup."""
        with self._database.transaction(self._keeper()) as tx:
            row = backups.newest(tx)
        if row is None:
            raise NoBackup
        return row

    def _record(self, backup: BackupRow, *, ok: bool, note: str) -> None:
        with self._database.transaction(self._keeper()) as tx:
            backups.record_restore(tx, backup.id, ok=ok, note=note)
            audit.record(tx, "backup.verified", {"by": "atom", "object": backup.object_key, "ok": ok, "note": note})

    def _keeper(self) -> uuid.UUID:
        """The book of backups belongs to no tenant; its audit records go to the oldest, which runs the place."""
        return self._database.tenants()[0].id
