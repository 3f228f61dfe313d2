"""Making a backup: one dump of the whole database and the row counts of every table, from one snapshot."""

from __future__ import annotations

import hashlib
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any, cast

import psycopg
import zstandard
from psycopg import sql

from atom.recovery.errors import DumpFailed
from atom.store.backups import BackupRow
from atom.store.database import new_id
from atom.store.errors import DatabaseUnavailable
from atom.store.objects import Objects

Tool = Callable[[str], list[str]]  # name of a PostgreSQL program -> argv that starts it
_SECONDS = 3600
_CONNECT_SECONDS = 10
_LEVEL = 3  # zstd: 10 s for 1 GB, a third of gzip's time


def make_backup(dsn: str, objects: Objects, tool: Tool, *, progress: Callable[[str], object]) -> BackupRow:
    """Dumps the database at `dsn` (as backup_ro, which row level security does not bind) to the object store.

    pg_dump and the counts share an exported snapshot, so they agree whatever is written meanwhile. The custom format is
    compressed by zstd with a frame checksum, because pg_restore does not notice a flipped bit. Raises DumpFailed,
    ObjectStoreUnavailable, DatabaseUnavailable.
    """
    backup_id = new_id()
    with tempfile.TemporaryDirectory(prefix="atom-backup-") as folder, connect(dsn) as connection:
        connection.execute("set transaction isolation level repeatable read read only")
        row = connection.execute("select pg_export_snapshot()").fetchone()
        assert row is not None  # a function call gives one row
        tables = count_rows(connection)
        progress(f"dumping {len(tables)} tables, {sum(tables.values())} rows")
        path = Path(folder) / "atom.dump.zst"
        sha256 = _dump(tool("pg_dump"), dsn, row[0], path)
        size = path.stat().st_size
        progress(f"storing {size} bytes")
        stored = objects.put_file(f"backups/{backup_id}.dump.zst", path)
    return BackupRow(
        id=backup_id,
        object_key=stored.key,
        sha256=sha256,
        size=size,
        tables=tables,
        made_at=datetime.now(UTC),
        restored_at=None,
        restore_ok=None,
        restore_note=None,
    )


@contextmanager
def connect(dsn: str, *, autocommit: bool = False) -> Iterator[psycopg.Connection[Any]]:
    """A connection of its own; the pool's roles may not do what is done here. Raises DatabaseUnavailable."""
    try:
        with psycopg.connect(dsn, autocommit=autocommit, connect_timeout=_CONNECT_SECONDS) as connection:
            yield connection
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(error) from error


def count_rows(connection: psycopg.Connection[Any]) -> dict[str, int]:
    """Rows of every table of schema public, by name."""
    names = connection.execute("select tablename from pg_tables where schemaname = 'public' order by 1").fetchall()
    counts = {}
    for (name,) in names:
        row = connection.execute(sql.SQL("select count(*) from public.{}").format(sql.Identifier(name))).fetchone()
        counts[name] = row[0] if row else 0
    return counts


def _dump(pg_dump: list[str], dsn: str, snapshot: str, path: Path) -> str:
    """Writes the compressed dump to `path`; returns the sha256 of the file, hex."""
    argv = [*pg_dump, "--format=custom", "--compress=none", f"--snapshot={snapshot}", "--schema=public"]
    with tempfile.TemporaryFile() as complaints, path.open("wb") as target:
        with run_tool(argv, dsn, stdout=subprocess.PIPE, stderr=complaints) as process:
            assert process.stdout is not None  # a pipe, as asked for
            hashed = _Hashing(target)
            compressor = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
            compressor.copy_stream(process.stdout, cast(IO[bytes], hashed))
            status = process.wait(_SECONDS)
        if status != 0:
            raise DumpFailed("pg_dump", last_line(complaints))
    return hashed.sha256.hexdigest()


def run_tool(argv: list[str], dsn: str, **streams: Any) -> subprocess.Popen[bytes]:
    """Starts a PostgreSQL program on the database of `dsn`; the password travels in the environment, never in argv."""
    parts: dict[str, Any] = dict(psycopg.conninfo.conninfo_to_dict(dsn))
    password = str(parts.pop("password", "") or "")
    address = psycopg.conninfo.make_conninfo(**parts)
    return subprocess.Popen(
        [*argv, f"--dbname={address}"], env={"PGPASSWORD": password, "PATH": "/usr/bin:/bin"}, **streams
    )


def last_line(complaints: IO[bytes]) -> str:
    complaints.seek(0)
    lines = complaints.read(1 << 16).decode(errors="replace").strip().splitlines()
    causes = [line for line in lines if "error:" in line]  # what follows them is only the statement
    return (causes or lines or ["no message"])[-1]


class _Hashing:
    """A file that remembers the sha256 of what was written to it."""

    def __init__(self, target: IO[bytes]) -> None:
        self.sha256 = hashlib.sha256()
        self._target = target

    def write(self, data: bytes) -> int:
        self.sha256.update(data)
        return self._target.write(data)
