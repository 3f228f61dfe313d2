"""A backup holds every row of every tenant, and one that does not is found out before anybody needs it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr

from atom.flow.recovery import Recovery
from atom.local.postgres import Postgres
from atom.local.seaweedfs import SeaweedFS
from atom.recovery.errors import BackupDamaged, DumpFailed, NoBackup
from atom.store import audit
from atom.store.backups import BackupRow
from atom.store.connect import BackupDsns
from atom.store.database import Database
from atom.store.errors import DatabaseUnavailable, ObjectMissing, ObjectStoreUnavailable
from atom.store.objects import Objects
from tests.conftest import DEFAULT_TENANT
from tests.integration.rows import a_run, a_workflow
from tests.integration.worlds import add_tenant, bucket


def quietly(_: str) -> None:
    """Progress that nobody reads."""


@pytest.fixture
def dsns(postgres: Postgres, database_name: str) -> BackupDsns:
    return BackupDsns(
        SecretStr(postgres.dsn("backup_ro", database_name)), SecretStr(postgres.dsn("atom_sandbox", "postgres"))
    )


@pytest.fixture
def recovery(
    postgres: Postgres, database: Database, objects: Objects, dsns: BackupDsns, database_name: str
) -> Recovery:
    """Over two tenants, each with rows behind the wall."""
    for tenant, count in ((DEFAULT_TENANT, 8), (add_tenant(postgres, database_name, "other"), 3)):
        with database.transaction(tenant) as tx:
            workflow = a_workflow(tx)
            for n in range(count):
                a_run(tx, workflow, "succeeded", parameters={"text": f"ünï©ode \\ {n}\n"})
                audit.record(tx, "test.happened", {"n": n})
    return Recovery(database, objects, lambda: dsns, postgres.tool)


@pytest.fixture(autouse=True)
def _no_sandbox_remains(postgres: Postgres) -> Iterator[None]:
    """Whatever a test does to a restore."""
    yield
    assert sandboxes(postgres) == []


def sandboxes(postgres: Postgres) -> list[str]:
    with psycopg.connect(postgres.dsn("postgres", "postgres")) as server:
        found = server.execute("select datname from pg_database where datname like 'atom_restore_%'").fetchall()
    return [name for (name,) in found]


def book(recovery: Recovery) -> BackupRow:
    return recovery.newest()


def test_a_backup_restores_to_the_same_counts_of_every_tenant(
    recovery: Recovery, postgres: Postgres, database_name: str
) -> None:
    with psycopg.connect(postgres.dsn("postgres", database_name)) as server:
        names = [n for (n,) in server.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()]
        counted = {
            name: server.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(name))).fetchone()[0]
            for name in names
        }
    made = recovery.backup(progress=quietly)
    assert made.tables == counted
    assert (counted["workflow_runs"], counted["audit_outbox"], counted["tenants"]) == (11, 11, 2)
    tried = recovery.restore(progress=quietly)
    assert tried.differing == []
    assert {name: restored for name, (_, restored) in tried.tables.items()} == counted
    assert (book(recovery).restore_ok, book(recovery).restore_note) == (True, "row counts agree")


def test_rows_written_meanwhile_do_not_make_the_counts_differ(recovery: Recovery, database: Database) -> None:
    stop = threading.Event()
    written = 0

    def write() -> None:
        nonlocal written
        while not stop.is_set():
            with database.transaction(DEFAULT_TENANT) as tx:
                a_run(tx, a_workflow(tx), "succeeded")
            written += 1

    writer = threading.Thread(target=write)
    writer.start()
    try:
        made = recovery.backup(progress=quietly)
    finally:
        stop.set()
        writer.join()
    assert written > 3
    assert made.tables["workflow_runs"] < 11 + written
    assert recovery.restore(progress=quietly).differing == []


def test_a_flipped_byte_in_the_stored_backup_is_found_and_recorded(
    recovery: Recovery, objects: Objects, seaweedfs: SeaweedFS, postgres: Postgres
) -> None:
    made = recovery.backup(progress=quietly)
    damaged = bytearray(objects.get(made.object_key))
    damaged[len(damaged) // 2] ^= 1
    seaweedfs.client().put_object(Bucket=seaweedfs.bucket, Key=made.object_key, Body=bytes(damaged))
    with pytest.raises(BackupDamaged, match=made.object_key):
        recovery.restore(progress=quietly)
    assert book(recovery).restore_ok is False
    assert "sha256" in (book(recovery).restore_note or "")


def test_a_backup_that_is_gone_is_told_and_recorded(recovery: Recovery, objects: Objects) -> None:
    made = recovery.backup(progress=quietly)
    objects.delete(made.object_key)
    with pytest.raises(ObjectMissing, match=made.object_key):
        recovery.restore(progress=quietly)
    assert book(recovery).restore_ok is False


def test_there_is_nothing_to_restore_before_the_first_backup(recovery: Recovery) -> None:
    with pytest.raises(NoBackup):
        recovery.restore(progress=quietly)


@pytest.mark.parametrize(
    "script",
    ["echo out of memory >&2; exit 3", "cat >/dev/null; exit 0", '"{pg_restore}" "$@"; kill -9 $$'],
    ids=["fails", "does nothing", "dies after its work"],
)
def test_a_restore_that_goes_wrong_leaves_no_sandbox_and_is_recorded(
    recovery: Recovery, database: Database, objects: Objects, dsns: BackupDsns, postgres: Postgres, script: str
) -> None:
    recovery.backup(progress=quietly)
    script = script.format(pg_restore=postgres.tool("pg_restore")[0])
    broken = Recovery(database, objects, lambda: dsns, lambda program: ["/bin/sh", "-c", script, program])
    if "exit 0" in script:
        assert "workflow_runs" in broken.restore(progress=quietly).differing
    else:
        with pytest.raises(DumpFailed):
            broken.restore(progress=quietly)
    assert book(recovery).restore_ok is False


def test_an_interrupted_restore_leaves_no_sandbox(recovery: Recovery, postgres: Postgres) -> None:
    recovery.backup(progress=quietly)

    def interrupt(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        recovery.restore(progress=interrupt)


def test_a_sandbox_left_by_a_killed_restore_is_no_obstacle(recovery: Recovery, postgres: Postgres) -> None:
    made = recovery.backup(progress=quietly)
    with psycopg.connect(postgres.dsn("atom_sandbox", "postgres"), autocommit=True) as server:
        server.execute(sql.SQL("create database {}").format(sql.Identifier(f"atom_restore_{made.id.hex}")))
    assert recovery.restore(progress=quietly).differing == []


def test_a_dump_that_fails_is_no_backup(
    recovery: Recovery, database: Database, objects: Objects, dsns: BackupDsns
) -> None:
    script = "echo half a dump; echo 'server closed the connection' >&2; exit 1"
    broken = Recovery(database, objects, lambda: dsns, lambda program: ["/bin/sh", "-c", script, program])
    with pytest.raises(DumpFailed, match="server closed the connection"):
        broken.backup(progress=quietly)
    with pytest.raises(NoBackup):
        recovery.newest()


def test_a_store_or_database_that_is_down_is_named(
    recovery: Recovery, database: Database, objects: Objects, dsns: BackupDsns, seaweedfs: SeaweedFS, postgres: Postgres
) -> None:
    down = Objects(lambda: bucket(seaweedfs, endpoint="http://127.0.0.1:1"))
    with pytest.raises(ObjectStoreUnavailable):
        Recovery(database, down, lambda: dsns, postgres.tool).backup(progress=quietly)
    nowhere = SecretStr("postgresql://backup_ro:hunter2@127.0.0.1:1/atom")
    with pytest.raises(DatabaseUnavailable) as caught:
        Recovery(database, objects, lambda: BackupDsns(nowhere, nowhere), postgres.tool).backup(progress=quietly)
    assert "hunter2" not in str(caught.value.as_dict())
    with pytest.raises(NoBackup):
        recovery.newest()


def test_no_password_is_ever_on_a_command_line(
    recovery: Recovery, database: Database, objects: Objects, dsns: BackupDsns, postgres: Postgres, tmp_path: Path
) -> None:
    """The wrapper notes what any user of the machine could read of the program in /proc while it runs."""

    def watched(program: str) -> list[str]:
        note = f"cat /proc/$$/cmdline > {tmp_path}/{program}.argv; cat /proc/$$/environ > {tmp_path}/{program}.env"
        return ["/bin/sh", "-c", f'{note}; exec "{postgres.tool(program)[0]}" "$@"', program]

    watching = Recovery(database, objects, lambda: dsns, watched)
    watching.backup(progress=quietly)
    watching.restore(progress=quietly)
    for program, dsn in (("pg_dump", dsns.dump), ("pg_restore", dsns.sandbox)):
        password = psycopg.conninfo.conninfo_to_dict(dsn.get_secret_value())["password"].encode()
        argv, env = ((tmp_path / f"{program}.{what}").read_bytes() for what in ("argv", "env"))
        assert b"--dbname=" in argv
        assert password not in argv
        assert password in env  # which only the user itself can read
        assert b"PGPASSWORD=" in env
        assert b"AWS_" not in env
