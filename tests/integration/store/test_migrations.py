"""The schema grows forwards only, once, and all of it or nothing of a revision."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from alembic import command
from psycopg import sql
from sqlalchemy import create_engine

import migrations
from atom.local.postgres import ROLES, Postgres
from migrations import MigrationFailed
from tests.integration.worlds import open_database

REVISIONS = ["001", "002", "003", "004"]
CATALOGUE = """
    select json_agg(j order by j::text)::text from (
        select json_build_array('column', table_name, column_name, data_type, is_nullable, column_default) j
            from information_schema.columns where table_schema = 'public'
        union all select json_build_array('constraint', conrelid::regclass::text, conname, pg_get_constraintdef(oid))
            from pg_constraint where connamespace = 'public'::regnamespace
        union all select json_build_array('index', indexdef) from pg_indexes where schemaname = 'public'
        union all select json_build_array('policy', tablename, policyname, qual, with_check) from pg_policies
        union all select json_build_array('function', proname, prosrc) from pg_proc where pronamespace = 'public'::regnamespace
        union all select json_build_array('trigger', pg_get_triggerdef(oid)) from pg_trigger where not tgisinternal
        union all select json_build_array('grants', relname, relacl::text) from pg_class where relnamespace = 'public'::regnamespace
    ) everything(j)"""


@pytest.fixture
def empty(postgres: Postgres) -> Iterator[str]:
    """The owner's DSN of a database without tables."""
    with open_database(postgres, "template0") as name:
        yield postgres.dsn("atom_owner", name)


def catalogue(dsn: str) -> str:
    with psycopg.connect(dsn) as connection:
        return connection.execute(CATALOGUE).fetchone()[0]


def revision(dsn: str) -> str | None:
    with psycopg.connect(dsn) as connection:
        row = connection.execute("select version_num from alembic_version").fetchone()
        return row[0] if row else None


def upgrade(dsn: str, to: str) -> None:
    """To one revision and no further, which Atom itself never does."""
    engine = create_engine(dsn.replace("postgresql://", "postgresql+psycopg://"))
    with engine.connect() as connection:
        config = migrations._config()
        config.attributes["connection"] = connection
        command.upgrade(config, to)
    engine.dispose()


def test_applying_twice_changes_nothing(empty: str) -> None:
    assert migrations.apply(empty) == REVISIONS
    once = catalogue(empty)
    assert migrations.apply(empty) == []
    assert catalogue(empty) == once


def test_eight_migrators_at_once_apply_every_revision_once(empty: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        applied = list(pool.map(migrations.apply, [empty] * 8))
    assert sorted(applied) == [[]] * 7 + [REVISIONS]


@pytest.mark.parametrize("stop", REVISIONS[:-1])
def test_every_older_schema_grows_into_the_same_one_and_keeps_its_rows(
    postgres: Postgres, template_database: str, empty: str, stop: str
) -> None:
    upgrade(empty, stop)
    with psycopg.connect(empty) as connection:
        connection.execute("insert into tenants (id, name) values (gen_random_uuid(), 'there-before')")
    assert migrations.apply(empty) == REVISIONS[REVISIONS.index(stop) + 1 :]
    with psycopg.connect(empty) as connection:
        assert connection.execute("select count(*) from tenants where name = 'there-before'").fetchone() == (1,)
    assert catalogue(empty) == catalogue(postgres.dsn("atom_owner", template_database))


def test_a_failure_leaves_the_revision_before_it_whole_and_names_the_cause(empty: str) -> None:
    upgrade(empty, "003")
    with psycopg.connect(empty) as connection:
        connection.execute("create table tenant_issuers (in_the_way int)")
    before = catalogue(empty)
    with pytest.raises(MigrationFailed, match=r'DuplicateTable.*"tenant_issuers" already exists'):
        migrations.apply(empty)
    assert (revision(empty), catalogue(empty)) == ("003", before)
    with psycopg.connect(empty) as connection:
        connection.execute("drop table tenant_issuers")
    assert migrations.apply(empty) == ["004"]


def test_a_migration_does_not_queue_everybody_behind_a_long_transaction(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade(empty, "003")
    limits = [statement for statement in migrations._PREAMBLE if statement == "set lock_timeout = '10s'"]
    assert limits, "a lock is waited for, but not for ever"
    shorter = tuple(statement.replace("10s", "200ms") for statement in migrations._PREAMBLE)
    monkeypatch.setattr(migrations, "_PREAMBLE", shorter)
    with psycopg.connect(empty) as reader:
        reader.execute("select * from workflow_runs")
        with pytest.raises(MigrationFailed, match=r"LockNotAvailable.*lock timeout"):
            migrations.apply(empty)
    assert migrations.apply(empty) == ["004"]


def test_an_unreachable_database_is_told_without_its_password(postgres: Postgres, empty: str) -> None:
    wrong = empty.replace(str(postgres.port), "1")
    with pytest.raises(MigrationFailed) as caught:
        migrations.apply(wrong)
    told = str(caught.value.as_dict())
    assert "refused" in told
    assert wrong.split(":")[2].split("@")[0] not in told


def test_the_roles_are_made_once_and_are_those_of_the_embedded_server(postgres: Postgres) -> None:
    script = (migrations.FOLDER / "roles.sql").read_text()
    ours = [role for role in ROLES if role != "dagster"]
    described = """
        select rolname, rolcanlogin, rolbypassrls, rolcreatedb, rolcreaterole, rolsuper, rolreplication,
               array(select r.rolname::text from pg_auth_members m join pg_roles r on r.oid = m.roleid where m.member = p.oid)
        from pg_roles p where rolname = any(%s) order by rolname"""
    with psycopg.connect(postgres.dsn("postgres", "postgres")) as connection:
        embedded = connection.execute(described, (ours,)).fetchall()
        for role in ours:
            rename = sql.SQL("alter role {} rename to {}")
            connection.execute(rename.format(sql.Identifier(role), sql.Identifier(f"{role}_away")))
        connection.execute(script)
        assert connection.execute(described, (ours,)).fetchall() == embedded
        connection.execute(script)
        assert connection.execute(described, (ours,)).fetchall() == embedded
        connection.rollback()
