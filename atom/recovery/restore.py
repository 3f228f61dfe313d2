"""Trying a backup: restored into a database of its own, counted, compared, dropped."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import zstandard
from psycopg import sql

from atom.recovery.backup import Tool, connect, count_rows, last_line, run_tool
from atom.recovery.errors import BackupDamaged, DumpFailed
from atom.store.backups import BackupRow
from atom.store.objects import Objects

_SECONDS = 3600


@dataclass(frozen=True, slots=True)
class Restored:
    """`tables` maps each table to (rows when the backup was made, rows after the restore)."""

    backup: BackupRow
    tables: dict[str, tuple[int, int]]

    @property
    def differing(self) -> list[str]:
        return [name for name, (made, restored) in self.tables.items() if made != restored]


def try_restore(
    backup: BackupRow, sandbox_dsn: str, objects: Objects, tool: Tool, *, progress: Callable[[str], object]
) -> Restored:
    """Restores `backup` into a fresh database on the server of `sandbox_dsn` (a role that may create databases).

    The sandbox is dropped in the end, whatever happens. Raises BackupDamaged, ObjectMissing, DumpFailed,
    ObjectStoreUnavailable, DatabaseUnavailable.
    """
    with tempfile.TemporaryDirectory(prefix="atom-restore-") as folder:
        dump = Path(folder) / "atom.dump"
        _fetch(backup, objects, dump)
        progress(f"restoring {backup.size} bytes into a sandbox database")
        with _sandbox(sandbox_dsn, f"atom_restore_{backup.id.hex}") as dsn:
            _restore(tool("pg_restore"), dsn, dump)
            with connect(dsn, autocommit=True) as connection:
                _lift_row_security(connection)
                restored = count_rows(connection)
    names = sorted(backup.tables.keys() | restored.keys())
    return Restored(backup, {name: (backup.tables.get(name, -1), restored.get(name, -1)) for name in names})


def _fetch(backup: BackupRow, objects: Objects, path: Path) -> None:
    """Writes the decompressed dump to `path`, after the hash of the stored file was found right."""
    packed = path.with_suffix(".zst")
    sha256 = hashlib.sha256()
    with packed.open("wb") as file:
        for chunk in objects.stream(backup.object_key):
            sha256.update(chunk)
            file.write(chunk)
    if sha256.hexdigest() != backup.sha256:
        raise BackupDamaged(backup.object_key, f"sha256 {backup.sha256}", sha256.hexdigest())
    try:
        with packed.open("rb") as source, path.open("wb") as target:
            zstandard.ZstdDecompressor().copy_stream(source, target)
    except zstandard.ZstdError as error:
        raise BackupDamaged(backup.object_key, "a whole zstd frame", str(error)) from error


def _restore(pg_restore: list[str], dsn: str, dump: Path) -> None:
    # Of schema public, which every database has: the dump would make it once more.
    argv = [*pg_restore, "--schema=public", "--no-owner", "--no-privileges", "--exit-on-error"]
    with tempfile.TemporaryFile() as complaints, dump.open("rb") as source:
        with run_tool(argv, dsn, stdin=source, stdout=subprocess.DEVNULL, stderr=complaints) as process:
            status = process.wait(_SECONDS)
        if status != 0:
            raise DumpFailed("pg_restore", last_line(complaints))


@contextmanager
def _sandbox(dsn: str, name: str) -> Iterator[str]:
    with connect(dsn, autocommit=True) as server:
        server.execute(sql.SQL("drop database if exists {}").format(sql.Identifier(name)))
        server.execute(sql.SQL("create database {} template template0").format(sql.Identifier(name)))
        try:
            yield psycopg.conninfo.make_conninfo(dsn, dbname=name)
        finally:
            server.execute(sql.SQL("drop database if exists {} with (force)").format(sql.Identifier(name)))


def _lift_row_security(connection: psycopg.Connection[Any]) -> None:
    """The policies came along and would hide every row from us, their new owner. This copy is ours alone, and dropped."""
    for (name,) in connection.execute(
        "select tablename from pg_tables where schemaname = 'public' and rowsecurity"
    ).fetchall():
        connection.execute(sql.SQL("alter table public.{} disable row level security").format(sql.Identifier(name)))
