"""What each role may do, to the letter: the triggers protect rows only from those who can not go around them."""

from __future__ import annotations

import psycopg
import pytest

from atom.local.postgres import Postgres
from tests.conftest import DEFAULT_TENANT

SELECT_INSERT = {"SELECT", "INSERT"}
APP_RW = {
    "tenants": {"SELECT"},
    "trusted_keys": SELECT_INSERT,
    "workflows": SELECT_INSERT,
    "quarantined_uploads": SELECT_INSERT | {"DELETE"},
    "verdicts": SELECT_INSERT,
    "workflow_runs": SELECT_INSERT | {"UPDATE"},
    "run_steps": SELECT_INSERT | {"UPDATE"},
    "approvals": SELECT_INSERT,
    "audit_outbox": SELECT_INSERT | {"DELETE"},
    "audit_log": SELECT_INSERT,
    "insight_signals": SELECT_INSERT,
    "datasets": SELECT_INSERT,
    "backups": SELECT_INSERT,
}
APP_RW_COLUMNS = {
    ("workflows", "revoked_at"): {"UPDATE"},
    ("trusted_keys", "revoked_at"): {"UPDATE"},
    ("audit_log", "object_version_id"): {"UPDATE"},
    ("backups", "restored_at"): {"UPDATE"},
    ("backups", "restore_ok"): {"UPDATE"},
    ("backups", "restore_note"): {"UPDATE"},
}
FORBIDDEN = [
    *(f"alter table {table} disable trigger all" for table in ("workflow_runs", "audit_log", "approvals")),
    *(f"truncate {table} cascade" for table in APP_RW),
    *(f"delete from {table}" for table in APP_RW if "DELETE" not in APP_RW[table]),
    "drop trigger audit_log_guard on audit_log",
    "alter table audit_log disable row level security",
    "alter table audit_log no force row level security",
    "drop policy tenant_isolation on audit_log",
    "create table mine (x int)",
    "create function audit_log_guard() returns trigger language plpgsql as 'begin return new; end'",
    "create or replace function workflow_runs_guard() returns trigger language plpgsql as 'begin return new; end'",
    "set session_replication_role = replica",
    "set role atom_owner",
    "set role backup_ro",
    "alter role app_rw bypassrls",
    "update audit_log set record = 'x'",
    "update approvals set decided_by = 'x'",
    "update verdicts set score = 0",
    "update backups set sha256 = 'x'",
    "update workflows set digest = 'x'",
    "update trusted_keys set pem = 'x'",
    "insert into tenants (id, name) values (gen_random_uuid(), 'mine')",
    "select * from tenant_issuers",
    "insert into tenant_issuers values ('http://evil', 'x', gen_random_uuid())",
    "select * from alembic_version",
    "copy workflows to program 'cat'",
]


@pytest.fixture(scope="module")
def superuser(postgres: Postgres, shared_database: str) -> str:
    return postgres.dsn("postgres", shared_database)


def granted(dsn: str, grantee: str) -> dict[str, set[str]]:
    with psycopg.connect(dsn) as connection:
        rows = connection.execute(
            """
            select c.relname, array_agg(a.privilege_type) from pg_class c, aclexplode(c.relacl) a
            left join pg_roles r on r.oid = a.grantee
            where c.relnamespace = 'public'::regnamespace and c.relkind <> 'i' and coalesce(r.rolname, 'public') = %s
            group by 1
            """,
            (grantee,),
        ).fetchall()
    return {table: set(privileges) for table, privileges in rows}


def test_the_application_has_exactly_these_grants(superuser: str) -> None:
    assert granted(superuser, "app_rw") == APP_RW
    with psycopg.connect(superuser) as connection:
        rows = connection.execute(
            """
            select c.relname, t.attname, array_agg(a.privilege_type)
            from pg_attribute t join pg_class c on c.oid = t.attrelid, aclexplode(t.attacl) a
            where a.grantee = 'app_rw'::regrole and c.relnamespace = 'public'::regnamespace group by 1, 2
            """
        ).fetchall()
    assert {(table, column): set(privileges) for table, column, privileges in rows} == APP_RW_COLUMNS


def test_everybody_else_has_nothing_and_the_backup_only_reads(superuser: str) -> None:
    assert granted(superuser, "public") == {}
    assert granted(superuser, "atom_sandbox") == {}
    with psycopg.connect(superuser) as connection:
        tables = {name for (name,) in connection.execute("select tablename from pg_tables where schemaname = 'public'")}
        callable_by = """
            select p.proname from pg_proc p where pronamespace = 'public'::regnamespace and prosecdef
            and has_function_privilege(%s, p.oid, 'execute')"""
        asked = {
            role: {n for (n,) in connection.execute(callable_by, (role,))}
            for role in ("app_rw", "backup_ro", "atom_sandbox")
        }
    assert granted(superuser, "backup_ro") == {table: {"SELECT"} for table in tables}
    assert asked == {"app_rw": {"tenant_of", "all_tenants"}, "backup_ro": set(), "atom_sandbox": set()}


def test_no_role_of_ours_has_powers_over_the_server(superuser: str) -> None:
    with psycopg.connect(superuser) as connection:
        rows = connection.execute(
            "select rolname, rolsuper, rolbypassrls, rolcreaterole, rolcreatedb from pg_roles"
            " where rolname in ('app_rw', 'atom_owner', 'backup_ro', 'atom_sandbox') order by 1"
        ).fetchall()
    assert rows == [
        ("app_rw", False, False, False, False),
        ("atom_owner", False, False, False, False),
        ("atom_sandbox", False, False, False, True),
        ("backup_ro", False, True, False, False),
    ]


@pytest.mark.parametrize("statement", FORBIDDEN)
def test_the_application_can_not(postgres: Postgres, shared_database: str, statement: str) -> None:
    with psycopg.connect(postgres.dsn("app_rw", shared_database)) as connection:
        connection.execute("select set_config('app.tenant_id', %s, true)", (str(DEFAULT_TENANT),))
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


def test_not_even_the_owner_cuts_the_log_short(postgres: Postgres, shared_database: str) -> None:
    refused = pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only")
    with psycopg.connect(postgres.dsn("atom_owner", shared_database)) as connection, refused:
        connection.execute("truncate audit_log")
