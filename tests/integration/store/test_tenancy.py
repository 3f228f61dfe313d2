"""One tenant never sees, changes or refers to another's rows, whatever the application asks.

Three layers, each tested alone: the database's own wall (raw SQL), the repositories, the routes.
"""

from __future__ import annotations

import inspect
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import ModuleType
from typing import Any

import psycopg
import pytest
from fastapi.routing import iter_route_contexts
from psycopg import sql

from atom.errors import AtomError
from atom.evidence.records import chain
from atom.local.postgres import Postgres
from atom.store import (
    approvals,
    audit,
    backups,
    datasets,
    keys,
    quarantine,
    runs,
    signals,
    steps,
    verdicts,
    workflows,
)
from atom.store.approvals import ApprovalRow
from atom.store.database import Database, new_id
from atom.store.datasets import DatasetRow
from atom.store.quarantine import QuarantinedUpload
from atom.store.signals import SignalRow
from atom.store.steps import StepRow
from tests.builders import playbook
from tests.conftest import DEFAULT_TENANT
from tests.integration.rows import DIGEST, a_run, a_workflow, claim
from tests.integration.worlds import TenantWorld, add_tenant, as_tenant

NO_TENANT = {"alembic_version", "backups", "tenants", "tenant_issuers"}  # of the whole place, not of one tenant
REPOSITORIES = (approvals, audit, datasets, keys, quarantine, runs, signals, steps, verdicts, workflows)
LATER = datetime.now(UTC) + timedelta(days=1)
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


@dataclass
class Two:
    """Tenant A has a row in every table; tenant B has none."""

    a: TenantWorld
    b: TenantWorld
    dsn: str
    superuser_dsn: str
    tables: list[str]
    run: str
    workflow: dict[str, Any]

    def fingerprint(self) -> dict[str, str]:
        """What A has, by table."""
        with psycopg.connect(self.superuser_dsn) as connection:
            query = "select md5(coalesce(string_agg(t::text, ',' order by t.id), '')) from {} t where tenant_id = %s"
            return {
                table: connection.execute(sql.SQL(query).format(sql.Identifier(table)), (self.a.tenant,)).fetchone()[0]
                for table in self.tables
            }


@pytest.fixture(scope="module")
def two(postgres: Postgres, shared_world: TenantWorld, shared_database: str) -> Two:
    a = shared_world
    a.upload(playbook(), None)
    run = a.finished_run()
    waiting = a.request(key="waiting").json()
    a.decide(waiting["id"])
    with a.parts.database.transaction(a.tenant) as tx:
        signals.add(tx, a_signal())
        datasets.publish(tx, DatasetRow(new_id(), "2026.11.22.1", "datasets/x/", 1, {"files": []}, LONG_AGO))
        audit.record(tx, "test.happened", {"secret": "of A"})
        audit.append(tx, chain(a.tenant, audit.head(tx), audit.waiting(tx, limit=1)))  # sealed, not stored yet
        audit.record(tx, "test.happened", {"secret": "of A"})
        workflow = a_workflow(tx)
        a_run(tx, workflow, "pending_approval", expires_at=LONG_AGO)
        claim(tx, a_run(tx, workflow, "queued").id, seconds=-60)
    b = as_tenant(a, add_tenant(postgres, shared_database, "other"), "other")
    superuser = postgres.dsn("postgres", shared_database)
    with psycopg.connect(superuser) as connection:
        names = connection.execute("select tablename from pg_tables where schemaname = 'public' order by 1").fetchall()
    tables = [name for (name,) in names if name not in NO_TENANT]
    workflow = a.get("/workflows/restart-unhealthy").json()
    return Two(a, b, postgres.dsn("app_rw", shared_database), superuser, tables, run, workflow)


def a_signal() -> SignalRow:
    return SignalRow(new_id(), "k", {}, "up", 0.5, 1.0, 2.0, LONG_AGO, LONG_AGO, [], "same-key")


def visible(connection: psycopg.Connection, table: str) -> int:
    return connection.execute(sql.SQL("select count(*) from {}").format(sql.Identifier(table))).fetchone()[0]


def be(connection: psycopg.Connection, tenant: uuid.UUID | str) -> None:
    connection.execute("select set_config('app.tenant_id', %s, true)", (str(tenant),))


# The catalogue: a table that somebody adds tomorrow is held to the same.


def test_every_table_belongs_to_a_tenant_or_is_known_to_belong_to_none(two: Two) -> None:
    with psycopg.connect(two.superuser_dsn) as connection:
        with_tenant = connection.execute(
            "select table_name::text from information_schema.columns where table_schema = 'public' and column_name = 'tenant_id'"
        ).fetchall()
    assert {name for (name,) in with_tenant} - {"tenant_issuers"} == set(two.tables)


def test_every_table_of_tenants_is_walled_for_its_owner_too(two: Two) -> None:
    mine = (
        "(tenant_id = ( SELECT (NULLIF(current_setting('app.tenant_id'::text, true), ''::text))::uuid AS \"nullif\"))"
    )
    with psycopg.connect(two.superuser_dsn) as connection:
        for table in two.tables:
            forced = connection.execute(
                "select relrowsecurity and relforcerowsecurity from pg_class where oid = %s::regclass", (table,)
            ).fetchone()
            assert forced == (True,), table
            policies = connection.execute(
                "select permissive, roles::text, cmd, qual, with_check from pg_policies where tablename = %s", (table,)
            ).fetchall()
            assert policies == [("PERMISSIVE", "{public}", "ALL", mine, mine)], table


def test_every_key_of_a_table_of_tenants_is_led_by_the_tenant(two: Two) -> None:
    """Unique and foreign keys look across the wall, so a key without the tenant would tell, or refer to, a foreign row."""
    with psycopg.connect(two.superuser_dsn) as connection:
        unique = connection.execute(
            """
            select i.indrelid::regclass::text, a.attname from pg_index i
            join pg_attribute a on a.attrelid = i.indrelid and a.attnum = i.indkey[0]
            where i.indisunique and i.indrelid::regclass::text = any(%s)
            """,
            (two.tables,),
        ).fetchall()
        foreign = connection.execute(
            """
            select c.conrelid::regclass::text, c.confrelid::regclass::text, here.attname, there.attname
            from pg_constraint c
            join pg_attribute here on here.attrelid = c.conrelid and here.attnum = c.conkey[1]
            join pg_attribute there on there.attrelid = c.confrelid and there.attnum = c.confkey[1]
            where c.contype = 'f' and c.conrelid::regclass::text = any(%s)
            """,
            (two.tables,),
        ).fetchall()
    assert {table for table, _ in unique} == set(two.tables)
    assert {column for _, column in unique} == {"tenant_id"}
    assert {table for table, target, *_ in foreign if target == "tenants"} == set(two.tables)
    for table, target, here, there in foreign:
        assert (here, there) == ("tenant_id", "id" if target == "tenants" else "tenant_id"), (table, target)


# The wall itself, with plain SQL as the application's role.


def test_another_tenant_sees_no_row_of_any_table(two: Two) -> None:
    with psycopg.connect(two.dsn) as connection:
        for tenant, sees in ((two.a.tenant, True), (two.b.tenant, False), (uuid.uuid4(), False), ("", False)):
            be(connection, tenant)
            assert {table: visible(connection, table) > 0 for table in two.tables} == dict.fromkeys(two.tables, sees)


def test_these_tests_would_notice_a_wall_with_a_hole(two: Two) -> None:
    """The negative control: with row level security switched off, the same question finds A's rows in every table."""
    with psycopg.connect(two.superuser_dsn) as connection:
        for table in two.tables:
            connection.execute(sql.SQL("alter table {} disable row level security").format(sql.Identifier(table)))
        connection.execute("set local role app_rw")
        be(connection, two.b.tenant)
        assert [table for table in two.tables if not visible(connection, table)] == []
        connection.rollback()


def test_without_a_tenant_nothing_is_seen_and_nothing_written(two: Two) -> None:
    with psycopg.connect(two.dsn, autocommit=True) as connection:
        assert [visible(connection, table) for table in two.tables] == [0] * len(two.tables)
        assert connection.execute("select count(*) from tenants").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"):
            connection.execute(
                "insert into audit_outbox (tenant_id, id, type, body) values (%s, gen_random_uuid(), 'x', '{}')",
                (two.a.tenant,),
            )


def test_a_tenant_that_is_no_id_fails_closed(two: Two) -> None:
    with psycopg.connect(two.dsn) as connection:
        be(connection, "default' or true --")
        with pytest.raises(psycopg.errors.InvalidTextRepresentation):
            visible(connection, "workflows")


def test_nobody_writes_into_another_tenant(two: Two) -> None:
    before = two.fingerprint()
    with psycopg.connect(two.dsn) as connection:
        be(connection, two.b.tenant)
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"), connection.transaction():
            connection.execute(
                "insert into audit_outbox (tenant_id, id, type, body) values (%s, gen_random_uuid(), 'x', '{}')",
                (two.a.tenant,),
            )
        for change in (
            "update workflow_runs set worker = 'b'",
            "update workflows set revoked_at = now()",
            "update trusted_keys set revoked_at = now()",
            "delete from audit_outbox",
            "delete from quarantined_uploads",
        ):
            assert connection.execute(change).rowcount == 0
    assert two.fingerprint() == before


def test_a_row_is_not_moved_to_another_tenant(two: Two) -> None:
    with two.a.parts.database.transaction(two.b.tenant) as tx:
        step = "update run_steps set tenant_id = %(a)s where run_id = %(run)s"
        run = a_run(tx, a_workflow(tx), "running")
        steps.start(tx, run.id, a_step())
        with pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level"), tx._connection.transaction():
            tx.execute(step, a=two.a.tenant, run=run.id)
        tx._connection.rollback()


def test_the_owner_is_bound_as_well(postgres: Postgres, two: Two, shared_database: str) -> None:
    with psycopg.connect(postgres.dsn("atom_owner", shared_database)) as connection:
        be(connection, two.b.tenant)
        assert [table for table in two.tables if visible(connection, table)] == []


def test_a_tenant_knows_its_own_name_only(two: Two) -> None:
    with psycopg.connect(two.dsn) as connection:
        be(connection, two.b.tenant)
        assert connection.execute("select name from tenants").fetchall() == [("other",)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("select * from tenant_issuers")


# The pool.


def test_a_pooled_connection_forgets_its_tenant(two: Two) -> None:
    database = Database(lambda: two.dsn, connections=1)
    asked = "select coalesce(current_setting('app.tenant_id', true), '')"
    with database.transaction(two.a.tenant) as tx:
        assert tx.scalar(asked) == str(two.a.tenant)
    with pytest.raises(ZeroDivisionError), database.transaction(two.a.tenant):
        raise ZeroDivisionError
    with database.transaction(two.a.tenant) as tx, pytest.raises(psycopg.Error), tx._connection.transaction():
        tx.execute("select 1/0")
    with database._connection() as connection:  # the very same one
        assert connection.execute(asked).fetchone() == ("",)
        assert visible(connection, "workflows") == 0
    database.close()


def test_tenants_on_one_pool_never_see_each_other(two: Two) -> None:
    database = Database(lambda: two.dsn, connections=2)

    def ask(n: int) -> bool:
        mine = n % 2 == 0
        with database.transaction(two.a.tenant if mine else two.b.tenant) as tx:
            return (tx.scalar("select count(*) from approvals") > 0) is mine

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(200)))
    database.close()


# The repositories: every function of atom/store that takes a transaction, called by B with A's ids.


def a_step() -> StepRow:
    fields: dict[str, Any] = dict.fromkeys(["finished_at", "cluster_seconds", "result", "error"])
    return StepRow(
        id=new_id(), attempt=1, position=9, phase="step", step_id="s", try_=1, uses=None, effect="read",
        status="running", started_at=LONG_AGO, effects=[], **fields,
    )  # fmt: skip


def reads(two: Two) -> dict[str, dict[str, Any]]:
    run_id, verdict = uuid.UUID(two.run), two.a.get(f"/runs/{two.run}").json()["verdict_digest"]
    with two.a.parts.database.transaction(two.a.tenant) as tx:
        body = verdicts.by_digest(tx, verdict)
    assert body is not None
    run, page = {"run_id": run_id}, {"limit": 99, "before": None}
    return {
        "approvals.of_run": run,
        "audit.final_of_run": run,
        "audit.head": {},
        "audit.of_run": run,
        "audit.unstored": {"limit": 99},
        "audit.waiting": {"limit": 99},
        "datasets.by_version": {"version": "2026.11.22.1"},
        "datasets.newest": {"limit": 99},
        "keys.every": {},
        "runs.by_id": run,
        "runs.by_idempotency_key": {"key": "waiting"},
        "runs.lapsed": {"limit": 99},
        "runs.locked": run,
        "runs.overdue_approvals": {"limit": 99},
        "runs.page": page,
        "runs.requested_between": {"since": LONG_AGO, "until": LATER, "limit": 99},
        "runs.to_launch": {"limit": 99, "pushed_before": LATER},
        "signals.newest": {"limit": 99},
        "steps.of_run": run,
        "verdicts.by_digest": {"digest": verdict},
        "verdicts.find": {"package_digest": body["package_digest"], "ruleset_digest": body["ruleset_digest"]},
        "workflows.by_id": {"workflow_id": uuid.UUID(two.workflow["id"])},
        "workflows.by_version": {"name": "restart-unhealthy", "version": "1.0.0"},
        "workflows.latest": {"name": "restart-unhealthy"},
        "workflows.page": page,
    }


def writes(two: Two) -> dict[str, dict[str, Any]]:
    database = two.a.parts.database
    run_id = uuid.UUID(two.run)
    with database.transaction(two.a.tenant) as tx:
        run, sealed, key = runs.by_id(tx, run_id), audit.of_run(tx, run_id), keys.every(tx)[0]
        workflow = workflows.by_id(tx, uuid.UUID(two.workflow["id"]))
    assert run is not None
    assert workflow is not None
    bound = {name: getattr(run, name) for name in ("package_digest", "parameters_digest", "verdict_digest")}
    asked = {
        name: getattr(run, name) for name in ("workflow_id", "parameters", "trigger", "requested_by", "expires_at")
    }
    lease = {"run_id": run_id, "attempt": 1, "worker": "b", "seconds": 30}
    return {
        "approvals.add": {"approval": ApprovalRow(new_id(), run_id, "approve", "mallory", LATER, None, **bound)},
        "audit.append": {"sealed": sealed},
        "audit.lock_log": {},
        "audit.record": {"type": "test", "body": {}, "run_id": run_id},
        "audit.stored": {"record_id": sealed[0].id, "version_id": "b"},
        "datasets.publish": {"dataset": DatasetRow(new_id(), "2026.11.22.1", "b/", 1, {}, LATER)},
        "keys.add": {"key": key},
        "keys.revoke": {"name": key.name},
        "quarantine.add": {"upload": QuarantinedUpload(new_id(), DIGEST, 1, "b", {}, "b", LATER)},
        "runs.approve": {"run_id": run_id, "approvers": "mallory"},
        "runs.claim": lease | {"dagster_run_id": "b", "cosign_sig": "b"},
        "runs.insert": asked | bound | {"id": new_id(), "idempotency_key": None, "status": "queued"},
        "runs.mark_pushed": {"run_ids": [run_id]},
        "runs.move": {"run_id": run_id, "to": "cancelled"},
        "runs.record_cluster": {"run_id": run_id, "cluster": "b"},
        "runs.record_log_path": {"run_id": run_id, "path": "b"},
        "runs.renew": lease,
        "runs.request_cancel": {"run_id": run_id, "by": "b"},
        "runs.requeue": {"run_id": run_id},
        "runs.unmark_pushed": {"run_id": run_id},
        "signals.add": {"signal": a_signal()},
        "steps.finish": {"run_id": run_id, "step": a_step()},
        "steps.start": {"run_id": run_id, "step": a_step()},
        "verdicts.keep": {
            "verdict_id": new_id(),
            "digest": DIGEST,
            "body": {"package_digest": "", "ruleset_digest": "", "score": 1, "risk": "safe", "mode": "auto"},
        },
        "workflows.insert": {"workflow": workflow},
        "workflows.revoke": {"workflow_id": workflow.id},
    }


def functions() -> Iterator[tuple[str, Any]]:
    for module in REPOSITORIES:
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__ and "tx" in inspect.signature(function).parameters:
                yield f"{_short(module)}.{name}", function


def _short(module: ModuleType) -> str:
    return module.__name__.rpartition(".")[2]


def test_every_repository_function_is_tried_across_the_wall(two: Two) -> None:
    assert {name for name, _ in functions()} == reads(two).keys() | writes(two).keys()
    assert "tenant_id" not in inspect.getsource(backups)  # the one repository that belongs to no tenant


def test_no_repository_function_reads_another_tenants_rows(two: Two) -> None:
    called = dict(functions())
    for name, arguments in reads(two).items():
        with two.b.parts.database.transaction(two.a.tenant) as tx:
            assert called[name](tx, **arguments), f"{name} finds nothing even for A"
        with two.b.parts.database.transaction(two.b.tenant) as tx:
            assert not called[name](tx, **arguments), name


def test_no_repository_function_changes_another_tenants_rows(two: Two) -> None:
    called = dict(functions())
    arguments, before = writes(two), two.fingerprint()
    for name, given in arguments.items():
        try:
            with two.b.parts.database.transaction(two.b.tenant) as tx:
                called[name](tx, **given)
                tx._connection.rollback()
        except psycopg.errors.ForeignKeyViolation:
            assert name in ("approvals.add", "runs.insert", "steps.start"), name
    assert two.fingerprint() == before


# The routes.

PLACES = {"run_id": "run", "reference": "restart-unhealthy", "name": "release", "version": "2026.11.22.1", "path": "x"}


def test_no_route_shows_or_changes_another_tenants_things(two: Two) -> None:
    before = two.fingerprint()
    headers = two.b.headers("mallory", "publisher", "operator", "approver", "auditor", "tenant-admin", "viewer")
    tried = 0
    for route in iter_route_contexts(two.b.client.app.routes):
        path = route.path or ""
        if "{" not in path:
            continue
        references = [two.workflow["id"], "restart-unhealthy", "restart-unhealthy@1.0.0"]
        for reference in references if "{reference}" in path else [""]:
            filled = path.replace("{path:path}", "manifest.json").replace("{name:path}", "{name}")
            filled = filled.format(**PLACES | {"run_id": two.run, "reference": reference})
            for method in route.methods or ():
                body = {"parameters": {"namespace": "shop", "deployment": "cart"}} if method == "POST" else None
                answer = two.b.client.request(method, filled, headers=headers, json=body)
                assert answer.status_code == 404, f"{method} {filled}: {answer.status_code} {answer.text}"
                tried += 1
    assert tried > 12
    for path in ("/workflows", "/runs", "/keys", "/signals", "/datasets"):
        assert two.a.get(path).json()["items"], path
        assert two.b.get(path).json()["items"] == [], path
    assert two.fingerprint() == before


def test_an_idempotency_key_and_a_name_mean_something_else_in_another_tenant(two: Two) -> None:
    theirs = two.a.request(key="shared").json()
    two.b.published()
    ours = two.b.request(key="shared")
    assert ours.status_code == 201
    assert ours.json()["id"] != theirs["id"]
    with pytest.raises(AtomError, match="run"):
        two.b.parts.requests.get(DEFAULT_TENANT, uuid.UUID(ours.json()["id"]))
