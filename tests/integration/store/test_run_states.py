"""The map of a run's states, enforced where nobody can go around it: in the database."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from atom.local.postgres import Postgres
from atom.store import runs
from atom.store.database import Transaction
from atom.store.runs import FINISHED, Run, Status
from tests.conftest import DEFAULT_TENANT
from tests.integration.rows import WAY, a_run, a_workflow

STATES = list(WAY)
MAP = {
    "pending_approval": {"queued", "rejected", "expired", "cancelled"},
    "queued": {"running", "failed", "cancelled"},
    "running": {"succeeded", "failed", "rolled_back", "cancelled", "unknown"},
}
ASKED_FOR = {
    "id": "gen_random_uuid()",
    "workflow_id": "gen_random_uuid()",
    "package_digest": "'sha256:other'",
    "parameters": """'{"other": 1}'""",
    "parameters_digest": "'sha256:other'",
    "trigger": "'alert'",
    "requested_by": "'mallory'",
    "requested_at": "now() - interval '1 day'",
}


@pytest.fixture(scope="module")
def connection(postgres: Postgres, shared_database: str) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres.dsn("app_rw", shared_database)) as made:
        yield made


@pytest.fixture
def tx(connection: psycopg.Connection) -> Iterator[Transaction]:
    """As the application; nothing of a test remains."""
    connection.execute("select set_config('app.tenant_id', %s, true)", (str(DEFAULT_TENANT),))
    yield Transaction(connection, DEFAULT_TENANT)
    connection.rollback()


def in_state(tx: Transaction, status: str) -> Run:
    return a_run(tx, a_workflow(tx), status)


def try_update(tx: Transaction, run: Run, change: str) -> str:
    """Empty if the database allowed the change, else why not."""
    try:
        with tx._connection.transaction():
            assert tx.execute(f"update workflow_runs set {change} where id = %(id)s", id=run.id) == 1
    except psycopg.errors.CheckViolation as refused:
        return str(refused)
    return ""


@pytest.mark.parametrize("to", STATES)
@pytest.mark.parametrize("start", STATES)
def test_a_run_moves_only_along_the_map(tx: Transaction, start: str, to: str) -> None:
    run = in_state(tx, start)
    finished = "now()" if to in FINISHED else "null"
    refused = try_update(tx, run, f"status = '{to}', finished_at = {finished}")
    if to == start and start not in FINISHED:
        assert not refused  # staying is no move: a lease is renewed this way
    elif to in MAP.get(start, ()):
        assert not refused
    else:
        assert "can not" in refused


def test_the_map_knows_every_state() -> None:
    assert set(STATES) == MAP.keys() | FINISHED


def test_an_interrupted_run_goes_back_only_as_its_next_attempt(tx: Transaction) -> None:
    for step, allowed in (("attempt", False), ("attempt + 2", False), ("attempt - 1", False), ("attempt + 1", True)):
        run = in_state(tx, "running")
        assert (not try_update(tx, run, f"status = 'queued', attempt = {step}")) is allowed, step


@pytest.mark.parametrize("status", [s for s in STATES if s not in ("pending_approval", "queued")])
def test_no_run_begins_in_the_middle(tx: Transaction, status: Status) -> None:
    with pytest.raises(psycopg.errors.CheckViolation, match="starts as"):
        a_run(tx, a_workflow(tx), way=[status])


@pytest.mark.parametrize("column", sorted(ASKED_FOR))
@pytest.mark.parametrize("status", ["pending_approval", "queued", "running", "succeeded"])
def test_what_was_asked_for_never_changes(tx: Transaction, status: str, column: str) -> None:
    assert "can not change" in try_update(tx, in_state(tx, status), f"{column} = {ASKED_FOR[column]}")


@pytest.mark.parametrize("status", sorted(FINISHED))
def test_a_finished_run_takes_the_path_of_its_record_once_and_nothing_else(tx: Transaction, status: str) -> None:
    run = in_state(tx, status)
    columns = tx.all(
        _Column,
        """
        select column_name::text as name, data_type::text as type from information_schema.columns
        where table_name = 'workflow_runs' and column_name not in ('tenant_id', 'immutable_log_path')
        """,
    )
    assert len(columns) > 20
    for column in columns:
        assert try_update(tx, run, f"{column.name} = {_OTHER[column.type]}"), column.name
    assert try_update(tx, run, "immutable_log_path = 's3://a', outcome = 'better'")
    assert runs.record_log_path(tx, run.id, "s3://first") == 1
    assert runs.record_log_path(tx, run.id, "s3://second") == 0
    assert try_update(tx, run, "immutable_log_path = 's3://second'")
    assert try_update(tx, run, "immutable_log_path = null")


@pytest.mark.parametrize("status", STATES)
def test_finished_at_is_told_of_finished_runs_and_of_all_of_them(tx: Transaction, status: str) -> None:
    run = in_state(tx, status)
    assert (run.finished_at is not None) == (status in FINISHED)
    assert try_update(tx, run, f"finished_at = {'null' if run.finished_at else 'now()'}")


def test_a_run_is_never_deleted_nor_a_decision_changed_even_by_the_owner(
    postgres: Postgres, shared_database: str
) -> None:
    for role in ("atom_owner", "postgres"):
        with psycopg.connect(postgres.dsn(role, shared_database)) as owner:
            owner.execute("select set_config('app.tenant_id', %s, true)", (str(DEFAULT_TENANT),))
            run = in_state(Transaction(owner, DEFAULT_TENANT), "succeeded")
            owner.execute(
                "insert into approvals (tenant_id, id, run_id, decision, decided_by, package_digest, parameters_digest,"
                " verdict_digest) values (%s, gen_random_uuid(), %s, 'approve', 'carol', '', '', '')",
                (DEFAULT_TENANT, run.id),
            )
            for change in (
                "delete from workflow_runs",
                "delete from approvals",
                "update approvals set decision = 'reject'",
            ):
                with pytest.raises(psycopg.errors.InsufficientPrivilege, match="never"), owner.transaction():
                    owner.execute(change)
            owner.rollback()


class _Column:
    def __init__(self, name: str, type: str) -> None:
        self.name, self.type = name, type


_OTHER = {
    "uuid": "gen_random_uuid()",
    "text": "'other'",
    "jsonb": """'{"other": 1}'""",
    "integer": "77",
    "timestamp with time zone": "now() - interval '9 days'",
}
