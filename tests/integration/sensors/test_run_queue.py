"""Every queued run is launched once; one that got lost is launched again, under a new key."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import dagster as dg
import psycopg
import pytest
from dagster import DagsterRun, DagsterRunStatus

from atom.flow.launching import JOB, RUN_TAG, Launching
from atom.local.postgres import Postgres
from atom.store import runs
from atom.store.database import Database
from atom.store.runs import Run
from sensors.runs import run_queue
from tests.conftest import DEFAULT_TENANT
from tests.integration.rows import a_run, a_workflow, claim
from tests.integration.worlds import add_tenant


@pytest.fixture(scope="module")
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as made:
        yield made


@pytest.fixture(scope="module")
def shared(postgres: Postgres, shared_database: str) -> Iterator[Database]:
    made = Database(lambda: postgres.dsn("app_rw", shared_database))
    yield made
    made.close()


@pytest.fixture
def database(shared: Database, postgres: Postgres, shared_database: str) -> Database:
    """Nothing is queued in it."""
    with psycopg.connect(postgres.dsn("postgres", shared_database)) as connection:
        connection.execute("update workflow_runs set status = 'cancelled', finished_at = now() where status = 'queued'")
    return shared


@pytest.fixture
def queued(database: Database) -> Run:
    with database.transaction(DEFAULT_TENANT) as tx:
        return a_run(tx, a_workflow(tx))


def tick(database: Database, instance: dg.DagsterInstance) -> list[dg.RunRequest]:
    """The runs that one evaluation asks for. A tick that asks for none says why."""
    context = dg.build_sensor_context(instance=instance)
    told = list(run_queue(context, launching=Launching(database)))
    asked = [each for each in told if isinstance(each, dg.RunRequest)]
    skipped = [each for each in told if isinstance(each, dg.SkipReason)]
    assert bool(asked) != bool(skipped)
    return asked


def long_ago(postgres: Postgres, name: str) -> None:
    """Every push was two minutes ago."""
    with psycopg.connect(postgres.dsn("postgres", name)) as connection:
        connection.execute(
            "update workflow_runs set pushed_at = now() - interval '2 minutes' where status = 'queued' and pushed_at is not null"
        )


def alive(instance: dg.DagsterInstance, run: Run, status: DagsterRunStatus) -> None:
    made = DagsterRun(job_name=JOB, run_id=str(uuid.uuid4()), tags={RUN_TAG: str(run.id)}, status=status)
    instance.add_run(made)


def test_a_queued_run_is_launched_once(database: Database, instance: dg.DagsterInstance, queued: Run) -> None:
    (request,) = tick(database, instance)
    assert request.run_key == f"{queued.id}:1:1"
    assert request.tags[RUN_TAG] == str(queued.id)
    config = request.run_config["ops"]["execute_run"]["config"]
    assert config == {"tenant": str(DEFAULT_TENANT), "run": str(queued.id), "attempt": 1}
    assert tick(database, instance) == []


def test_a_run_that_the_registry_pushed_is_not_launched_again(
    database: Database, instance: dg.DagsterInstance, queued: Run
) -> None:
    assert Launching(database).one(DEFAULT_TENANT, queued.id) is not None
    assert Launching(database).one(DEFAULT_TENANT, queued.id) is None
    assert tick(database, instance) == []


def test_a_push_that_failed_is_made_up_for_at_once(
    database: Database, instance: dg.DagsterInstance, queued: Run
) -> None:
    launch = Launching(database).one(DEFAULT_TENANT, queued.id)
    assert launch is not None
    Launching(database).give_back(launch)
    (request,) = tick(database, instance)
    assert request.run_key == f"{queued.id}:1:2"


def test_a_launch_that_got_lost_is_asked_for_again_under_a_new_key(
    database: Database, shared_database: str, postgres: Postgres, instance: dg.DagsterInstance, queued: Run
) -> None:
    keys = [tick(database, instance)[0].run_key]
    for _ in range(2):
        long_ago(postgres, shared_database)
        keys += [request.run_key for request in tick(database, instance)]
        assert tick(database, instance) == []
    assert keys == [f"{queued.id}:1:{pushes}" for pushes in (1, 2, 3)]


@pytest.mark.parametrize("status", [DagsterRunStatus.NOT_STARTED, DagsterRunStatus.STARTING, DagsterRunStatus.STARTED])
def test_a_launch_that_dagster_still_has_is_not_asked_for_again(
    database: Database,
    shared_database: str,
    postgres: Postgres,
    instance: dg.DagsterInstance,
    queued: Run,
    status: DagsterRunStatus,
) -> None:
    tick(database, instance)
    alive(instance, queued, status)
    long_ago(postgres, shared_database)
    assert tick(database, instance) == []


def test_a_launch_that_dagster_gave_up_is_asked_for_again(
    database: Database, shared_database: str, postgres: Postgres, instance: dg.DagsterInstance, queued: Run
) -> None:
    tick(database, instance)
    alive(instance, queued, DagsterRunStatus.FAILURE)
    long_ago(postgres, shared_database)
    assert len(tick(database, instance)) == 1


def test_fifty_at_a_tick_oldest_first_and_none_forgotten(database: Database, instance: dg.DagsterInstance) -> None:
    with database.transaction(DEFAULT_TENANT) as tx:
        workflow = a_workflow(tx)
        expected = [str(a_run(tx, workflow).id) for _ in range(60)]
    first, second = tick(database, instance), tick(database, instance)
    assert (len(first), len(second)) == (50, 10)
    asked = [request.tags[RUN_TAG] for request in first + second]
    assert sorted(asked) == sorted(expected)
    assert tick(database, instance) == []


def test_only_queued_runs_are_launched_and_of_every_tenant(
    database: Database, shared_database: str, postgres: Postgres, instance: dg.DagsterInstance, queued: Run
) -> None:
    other = add_tenant(postgres, shared_database, "other")
    with database.transaction(other) as tx:
        theirs = a_run(tx, a_workflow(tx))
        for status in ("pending_approval", "running", "cancelled", "succeeded"):
            a_run(tx, a_workflow(tx), status)
    requests = {request.tags[RUN_TAG]: request for request in tick(database, instance)}
    assert requests.keys() == {str(queued.id), str(theirs.id)}
    assert requests[str(theirs.id)].tags["atom/tenant"] == "other"
    assert requests[str(theirs.id)].run_config["ops"]["execute_run"]["config"]["tenant"] == str(other)


def test_the_next_attempt_of_an_interrupted_run_is_launched_as_such(
    database: Database, instance: dg.DagsterInstance, queued: Run
) -> None:
    tick(database, instance)
    with database.transaction(DEFAULT_TENANT) as tx:
        assert claim(tx, queued.id, seconds=-1)
        runs.requeue(tx, queued.id)
    (request,) = tick(database, instance)
    assert request.run_key == f"{queued.id}:2:2"
    assert request.run_config["ops"]["execute_run"]["config"]["attempt"] == 2
