"""What nobody else ends: a dead worker's run is repeated only where it changed nothing, and waiting has an end."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from atom.errors import AtomError
from atom.flow.errors import LeaseLost
from atom.flow.journal import RowJournal
from atom.flow.reconcile import Reconciler
from atom.local.postgres import Postgres
from atom.runtime.journal import Phase, StepRecord, StepStatus
from atom.store import audit, runs, steps
from atom.store.database import Database, Transaction, new_id
from atom.store.runs import Run
from atom.store.steps import StepRow
from tests.conftest import DEFAULT_TENANT
from tests.integration.rows import a_run, a_workflow, claim

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def database(postgres: Postgres, shared_database: str) -> Iterator[Database]:
    made = Database(lambda: postgres.dsn("app_rw", shared_database))
    yield made
    made.close()


def a_step(effect: str, status: str = "running", position: int = 1) -> StepRow:
    ended: dict[str, Any] = dict.fromkeys(["finished_at", "cluster_seconds", "result", "error"])
    return StepRow(
        new_id(), 1, position, "step", f"{effect}-it", 1, "k8s.x@v1", effect, status, NOW, effects=[], **ended
    )


def running(database: Database, *started: StepRow, seconds: int = -1) -> Run:
    """A run whose worker has been silent since its lease lapsed."""
    with database.transaction(DEFAULT_TENANT) as tx:
        run = a_run(tx, a_workflow(tx))
        assert claim(tx, run.id, seconds=seconds)
        for step in started:
            steps.start(tx, run.id, step)
    return get(database, run.id)


def get(database: Database, run_id: uuid.UUID) -> Run:
    with database.transaction(DEFAULT_TENANT) as tx:
        run = runs.by_id(tx, run_id)
    assert run is not None
    return run


def told(database: Database, run: Run) -> list[str]:
    with database.transaction(DEFAULT_TENANT) as tx:
        return [event.type for event in audit.waiting(tx, limit=999) if event.run_id == run.id]


@pytest.mark.parametrize(
    "started", [[], [a_step("read")], [a_step("write", "skipped")], [a_step("read"), a_step("destroy", "skipped", 2)]]
)
def test_a_run_that_changed_nothing_is_queued_again_as_the_next_attempt(
    database: Database, started: list[StepRow]
) -> None:
    run = running(database, *started)
    assert [settled.id for settled in Reconciler(database).settle()] == [run.id]
    after = get(database, run.id)
    assert (after.status, after.attempt) == ("queued", 2)
    assert (after.worker, after.pushed_at, after.lease_expires_at, after.started_at) == (None,) * 4
    assert told(database, run) == ["run.interrupted"]
    assert Reconciler(database).settle() == []


@pytest.mark.parametrize("effect", ["write", "destroy"])
@pytest.mark.parametrize("status", ["running", "succeeded", "failed"])
def test_a_write_that_was_begun_is_never_repeated(database: Database, effect: str, status: str) -> None:
    run = running(database, a_step("read"), a_step(effect, status, 2))
    Reconciler(database).settle()
    after = get(database, run.id)
    assert (after.status, after.outcome, after.attempt) == ("unknown", "interrupted", 1)
    assert f"{effect}-it" in (after.error or {})["found"]
    assert told(database, run) == ["run.finished"]


def test_three_attempts_and_no_more(database: Database) -> None:
    run = running(database)
    for attempt in (2, 3):
        Reconciler(database).settle()
        with database.transaction(DEFAULT_TENANT) as tx:
            assert claim(tx, run.id, attempt=attempt, worker=f"w{attempt}", seconds=-1)
    Reconciler(database).settle()
    assert (get(database, run.id).status, get(database, run.id).attempt) == ("unknown", 3)


def test_a_cancelled_run_that_changed_nothing_ends_cancelled_and_one_that_did_unknown(database: Database) -> None:
    for started, status in (([], "cancelled"), ([a_step("read")], "cancelled"), ([a_step("write")], "unknown")):
        run = running(database, *started)
        with database.transaction(DEFAULT_TENANT) as tx:
            runs.request_cancel(tx, run.id, "bob")
        Reconciler(database).settle()
        assert get(database, run.id).status == status
        assert told(database, run) == ["run.finished"]


def test_a_living_worker_is_left_alone(database: Database) -> None:
    run = running(database, seconds=60)
    assert Reconciler(database).settle() == []
    assert get(database, run.id) == run


def test_a_worker_that_comes_back_just_in_time_keeps_its_run(database: Database) -> None:
    run = running(database)
    settled: list[list[Run]] = []
    with database.transaction(DEFAULT_TENANT) as tx:
        assert runs.renew(tx, run.id, worker="w1", attempt=1, seconds=60)
        reconciler = threading.Thread(target=lambda: settled.append(Reconciler(database).settle()))
        reconciler.start()  # it sees the lapsed lease, and waits for our row
        wait_for_a_waiter(tx)
    reconciler.join()
    assert settled == [[]]
    assert (get(database, run.id).status, get(database, run.id).attempt) == ("running", 1)


def wait_for_a_waiter(tx: Transaction) -> None:
    for _ in range(1000):
        if tx.scalar("select count(*) from pg_locks where not granted and pid <> pg_backend_pid()"):
            return
        threading.Event().wait(0.01)
    raise AssertionError("nobody waits")


def test_two_reconcilers_at_once_settle_a_run_once(database: Database) -> None:
    run = running(database)
    settled: list[Run] = []
    threads = [threading.Thread(target=lambda: settled.extend(Reconciler(database).settle())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [each.id for each in settled] == [run.id]
    assert get(database, run.id).attempt == 2
    assert told(database, run) == ["run.interrupted"]


def test_the_old_worker_is_fenced_off_from_the_run_and_its_steps(database: Database) -> None:
    run = running(database)

    def require(tx: Transaction) -> None:
        if not runs.renew(tx, run.id, worker="w1", attempt=1, seconds=30):
            raise LeaseLost(run.id)

    journal = RowJournal(database, DEFAULT_TENANT, run.id, 1, require)
    record = StepRecord(1, Phase.STEP, "find", None, 1, StepStatus.RUNNING, NOW, "simulator")
    Reconciler(database).settle()
    for write in (journal.step_started, journal.step_finished):
        with pytest.raises(LeaseLost):
            write(record)
    with database.transaction(DEFAULT_TENANT) as tx:
        assert steps.of_run(tx, run.id) == []
        assert not claim(tx, run.id, attempt=1)  # nor does it get in again by the front door
        assert claim(tx, run.id, attempt=2, worker="w2")


def test_a_request_that_nobody_decided_expires_and_one_that_is_due_does_not(database: Database) -> None:
    with database.transaction(DEFAULT_TENANT) as tx:
        workflow = a_workflow(tx)
        overdue = a_run(tx, workflow, "pending_approval", expires_at=NOW - timedelta(minutes=1))
        due = a_run(tx, workflow, "pending_approval", expires_at=NOW + timedelta(hours=1))
        approved = a_run(tx, workflow, "queued", expires_at=NOW - timedelta(minutes=1))
    assert [run.id for run in Reconciler(database).settle()] == [overdue.id]
    assert [get(database, run.id).status for run in (overdue, due, approved)] == [
        "expired",
        "pending_approval",
        "queued",
    ]
    assert told(database, overdue) == ["run.finished"]


def test_a_value_that_no_column_takes_is_the_callers_mistake(database: Database) -> None:
    for text in ("a\0b", "\ud800"):
        with pytest.raises(AtomError) as caught, database.transaction(DEFAULT_TENANT) as tx:
            audit.record(tx, text, {"text": text})
        assert caught.value.code == "value-unstorable"
    with pytest.raises(AtomError) as caught, database.transaction(DEFAULT_TENANT) as tx:
        audit.record(tx, "x", {"number": float("inf")})
    assert caught.value.code == "value-unstorable"
    with database.transaction(DEFAULT_TENANT) as tx, pytest.raises(psycopg.Error):
        tx.execute("select nonsense")
