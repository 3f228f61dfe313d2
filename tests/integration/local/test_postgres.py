from __future__ import annotations

import subprocess
from pathlib import Path

import psycopg
import pytest

from atom.local.errors import BinariesMissing, DataOfAnotherVersion
from atom.local.ports import Ports
from atom.local.postgres import Postgres, find_binaries


@pytest.fixture(scope="module")
def durable(tmp_path_factory: pytest.TempPathFactory) -> Postgres:
    """One cluster for this file; tests start and stop it."""
    home = tmp_path_factory.mktemp("home")
    return Postgres(home, Ports(home))


@pytest.fixture
def running(durable: Postgres) -> Postgres:
    if not durable.server.alive():
        durable.start()
    return durable


def query(postgres: Postgres, role: str, statement: str, database: str = "atom") -> list[tuple[object, ...]]:
    with psycopg.connect(postgres.dsn(role, database), autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_committed_rows_survive_kill_9_and_a_strangers_pid_in_the_lock_file(running: Postgres) -> None:
    query(running, "atom_owner", "CREATE TABLE kept (n int)")
    query(running, "atom_owner", "INSERT INTO kept VALUES (42)")
    running.server.kill()
    lock = running._data / "postmaster.pid"
    # The number that a killed server left behind belongs, after a container restart, to some other live process.
    lock.write_text("\n".join(["1", *lock.read_text().splitlines()[1:]]) + "\n")
    running.start()
    assert query(running, "atom_owner", "SELECT n FROM kept") == [(42,)]


def test_it_writes_to_the_disk(running: Postgres) -> None:
    assert query(running, "app_rw", "SHOW fsync") == [("on",)]
    assert query(running, "app_rw", "SHOW synchronous_commit") == [("on",)]


def test_it_listens_on_loopback_only_and_wants_a_password(running: Postgres) -> None:
    assert query(running, "app_rw", "SHOW listen_addresses") == [("127.0.0.1",)]
    assert query(running, "postgres", "SHOW unix_socket_directories") == [("",)]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(f"postgresql://postgres:guess@127.0.0.1:{running.port}/postgres")


def test_no_role_of_atom_is_a_superuser_and_only_the_backup_role_bypasses_row_security(running: Postgres) -> None:
    flags_of_each = "SELECT rolname, rolsuper, rolbypassrls, rolcreatedb, rolcreaterole FROM pg_roles"
    rows = query(running, "postgres", flags_of_each)
    roles = {name: flags for name, *flags in rows}
    assert roles["atom_owner"] == [False, False, False, False]
    assert roles["app_rw"] == [False, False, False, False]
    assert roles["backup_ro"] == [False, True, False, False]
    assert roles["atom_sandbox"] == [False, False, True, False]


def test_roles_reach_only_their_databases(running: Postgres) -> None:
    assert query(running, "dagster", "SELECT 1", "dagster") == [(1,)]
    for role, database in (("dagster", "atom"), ("atom_sandbox", "atom"), ("app_rw", "dagster")):
        with pytest.raises(psycopg.OperationalError, match="permission denied"):
            query(running, role, "SELECT 1", database)


def test_the_application_cannot_create_tables(running: Postgres) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        query(running, "app_rw", "CREATE TABLE mine (n int)")


def test_the_sandbox_role_creates_a_database_to_restore_into(running: Postgres) -> None:
    query(running, "atom_sandbox", "CREATE DATABASE trial", "postgres")
    query(running, "atom_sandbox", "CREATE TABLE restored (n int)", "trial")
    query(running, "atom_sandbox", "DROP DATABASE trial", "postgres")


def test_its_own_dump_program_works(running: Postgres, tmp_path: Path) -> None:
    dump = tmp_path / "dump"
    subprocess.run(
        [*running.tool("pg_dump"), "-Fc", "-f", str(dump), running.dsn("backup_ro")], check=True, capture_output=True
    )
    listed = subprocess.run([*running.tool("pg_restore"), "-l", str(dump)], check=True, capture_output=True, text=True)
    assert "dbname: atom" in listed.stdout


def test_a_second_start_keeps_passwords_and_a_taken_port_is_replaced(running: Postgres) -> None:
    home = running.server.log.parents[1]
    second = Postgres(home, Ports(home))  # the first still listens
    assert second.port != running.port
    running.stop()
    second.start()
    assert query(second, "app_rw", "SELECT current_user") == [("app_rw",)]
    second.stop()


def test_no_password_is_on_a_command_line_or_in_the_log(running: Postgres) -> None:
    log = running.server.log.read_text()
    for password in running._passwords.values():
        assert password not in log
        assert password not in " ".join(running.server._argv)


def test_data_of_another_major_version_is_refused(running: Postgres) -> None:
    running.stop()
    version = running._data / "PG_VERSION"
    ours = version.read_text()
    version.write_text("12\n")
    with pytest.raises(DataOfAnotherVersion, match="12"):
        running.start()
    version.write_text(ours)


def test_an_interrupted_first_start_is_begun_again(home: Path, ports: Ports) -> None:
    postgres = Postgres(home, ports)
    (home / "postgres" / "data.unfinished" / "base").mkdir(parents=True)
    postgres.start()
    postgres.stop()
    assert not (home / "postgres" / "data.unfinished").exists()


def test_a_named_folder_without_programs_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BinariesMissing):
        find_binaries(tmp_path)
