"""A run whose worker dies, is robbed of its lease or is called off at any moment never claims what it did not do."""

from __future__ import annotations

import json
import uuid

import psycopg
import pytest

from atom.errors import AtomError, Misconfigured
from atom.flow.errors import LeaseLost, NotCancellable, NotRunnable
from atom.flow.execution import Attempt, Execution
from atom.local.postgres import Postgres
from atom.runtime.cluster import Cluster
from atom.runtime.connect import connect
from atom.runtime.errors import ClusterUnavailable
from atom.settings import Settings
from atom.store import audit, steps
from atom.store.runs import FINISHED, Run
from atom.store.steps import StepRow
from tests.conftest import DEFAULT_TENANT
from tests.integration.faults import DyingDatabase, Fuse, Killed
from tests.integration.worlds import TenantWorld

CLAIM = 3  # the transaction of a run that claims it


class Lives:
    """Runs of one world that go through a fuse, and what became of them."""

    def __init__(self, world: TenantWorld, superuser: str) -> None:
        self.world, self.parts, self.superuser = world, world.parts, superuser
        self.calls = 0  # transactions of a run that nothing happens to

    def queued(self) -> uuid.UUID:
        asked = {"namespace": "shop", "deployment": "cart"}
        run = self.parts.requests.request(DEFAULT_TENANT, "bob", "restart-unhealthy", asked)
        return self.parts.requests.approve(DEFAULT_TENANT, "carol", run.id).id

    def execute(self, run_id: uuid.UUID, fuse: Fuse, *, attempt: int = 1) -> Run:
        database = DyingDatabase(self.parts.database, fuse)
        settings = Settings.model_validate({})
        execution = Execution(database, self.parts.packages, self.parts.sealer, lambda: connect(settings))  # type: ignore[arg-type]
        return execution.run(Attempt(DEFAULT_TENANT, run_id, attempt, f"worker-{attempt}"), "dagster")

    def take_away(self, run_id: uuid.UUID) -> None:
        """As if the lease had run out a second ago, and the reconciler had come by."""
        with psycopg.connect(self.superuser) as connection:
            connection.execute(
                "update workflow_runs set lease_expires_at = now() - interval '1 s' where id = %s and status = 'running'",
                (run_id,),
            )
        self.parts.reconciler.settle()

    def get(self, run_id: uuid.UUID) -> Run:
        return self.parts.requests.get(DEFAULT_TENANT, run_id)

    def steps(self, run_id: uuid.UUID) -> list[StepRow]:
        with self.parts.database.transaction(DEFAULT_TENANT) as tx:
            return steps.of_run(tx, run_id)

    def brought_to_an_end(self, run_id: uuid.UUID) -> Run:
        for _ in range(4):
            self.take_away(run_id)
            run = self.get(run_id)
            if run.status == "queued":
                self.execute(run_id, Fuse(), attempt=run.attempt)
            if self.get(run_id).status in FINISHED:
                break
        while self.parts.sealer.seal(DEFAULT_TENANT):
            pass
        return self.get(run_id)


@pytest.fixture(scope="module")
def lives(shared_world: TenantWorld, postgres: Postgres, shared_database: str) -> Lives:
    shared_world.published()
    made = Lives(shared_world, postgres.dsn("postgres", shared_database))
    fuse = Fuse()
    assert made.execute(made.queued(), fuse).status == "succeeded"
    made.calls = fuse.calls
    assert made.calls > 20
    return made


def assert_truthful(lives: Lives, run: Run) -> None:
    """The row, the steps and the record tell one story, and no write was begun twice."""
    done = lives.steps(run.id)
    writes = [step for step in done if step.effect != "read" and step.status != "skipped"]
    assert len({step.attempt for step in writes}) <= 1
    with lives.parts.database.transaction(DEFAULT_TENANT) as tx:
        records = audit.of_run(tx, run.id)
    finals = [json.loads(record.record) for record in records if record.type == "run.finished"]
    assert len(finals) == 1
    assert finals[0]["outcome"]["status"] == run.status
    assert [s["status"] for s in finals[0]["steps"]] == [step.status for step in done]
    assert run.immutable_log_path
    if run.status == "succeeded":
        last = [step for step in done if step.attempt == run.attempt]
        assert {step.status for step in last} == {"succeeded"}
        assert {"find", "evidence", "restart"} <= {step.step_id for step in last}
    if run.status == "unknown":
        assert writes
        assert writes[-1].step_id in (run.error or {})["found"]


def test_a_worker_killed_at_any_moment_leaves_a_run_that_ends_truthfully(lives: Lives) -> None:
    ended = []
    for at in range(1, lives.calls + 1, 5):  # after one transaction is before the next
        run_id = lives.queued()
        with pytest.raises(Killed):
            lives.execute(run_id, Fuse(at, "before" if at % 2 else "after"))
        run = lives.brought_to_an_end(run_id)
        assert run.status in ("succeeded", "unknown"), (at, run.status, run.error)
        assert_truthful(lives, run)
        ended.append(run.status)
    assert ended[0] == "succeeded"  # nothing had happened yet: the next attempt did it all
    assert "unknown" in ended  # a write had begun: nobody dares to repeat it


def test_a_worker_that_lost_its_lease_writes_nothing_more(lives: Lives) -> None:
    for at in range(2, lives.calls, 8):
        run_id = lives.queued()
        there: list[StepRow] = []

        def rob(run_id: uuid.UUID = run_id, there: list[StepRow] = there) -> None:
            lives.take_away(run_id)
            there += lives.steps(run_id)

        try:
            lives.execute(run_id, Fuse(at, happens=rob))
        except LeaseLost:
            assert lives.get(run_id).status in ("queued", "unknown")
            assert lives.steps(run_id) == there
        run = lives.brought_to_an_end(run_id)
        assert_truthful(lives, run)
        assert run.status in ("succeeded", "unknown")


def test_a_run_that_is_called_off_ends_cancelled_unless_it_was_done(lives: Lives) -> None:
    cancelled = 0
    for at in range(1, lives.calls + 1, 8):
        run_id = lives.queued()
        too_late: list[NotCancellable] = []

        def call_off(run_id: uuid.UUID = run_id, too_late: list[NotCancellable] = too_late) -> None:
            try:
                lives.parts.requests.cancel(DEFAULT_TENANT, "bob", run_id)
            except NotCancellable as error:
                too_late.append(error)

        try:
            lives.execute(run_id, Fuse(at, happens=call_off))
        except NotRunnable:
            assert lives.steps(run_id) == []
        run = lives.brought_to_an_end(run_id)
        assert_truthful(lives, run)
        assert run.status == "cancelled" or (run.status == "succeeded" and at > lives.calls // 2), (at, run.status)
        cancelled += run.status == "cancelled"
    assert cancelled > 2


def test_a_run_that_is_called_off_and_whose_worker_dies_before_any_write_ends_cancelled(lives: Lives) -> None:
    run_id = lives.queued()
    with pytest.raises(Killed):
        lives.execute(run_id, Fuse(8))
    assert lives.get(run_id).status == "running"
    lives.parts.requests.cancel(DEFAULT_TENANT, "bob", run_id)
    run = lives.brought_to_an_end(run_id)
    assert (run.status, run.attempt) == ("cancelled", 1)
    assert_truthful(lives, run)


@pytest.mark.parametrize("change", ["bytes", "absence"])
def test_a_package_that_was_changed_in_the_store_does_not_run(lives: Lives, change: str) -> None:
    run_id = lives.queued()
    with lives.parts.database.transaction(DEFAULT_TENANT) as tx:
        key = tx.scalar("select object_key from workflows limit 1")
    objects = lives.parts.objects
    signed = objects.get(key)

    def put(data: bytes) -> None:
        objects.delete(key)
        objects.put(key, data)

    try:
        put(signed + b" ") if change == "bytes" else objects.delete(key)
        with pytest.raises(AtomError) as caught:
            lives.execute(run_id, Fuse())
    finally:
        put(signed)
    assert lives.steps(run_id) == []
    if change == "bytes":
        assert isinstance(caught.value, NotRunnable)
        assert (lives.get(run_id).status, (lives.get(run_id).error or {})["code"]) == ("failed", "object-differs")
    else:  # the store may come back
        assert lives.get(run_id).status == "queued"
        assert lives.brought_to_an_end(run_id).status == "succeeded"


def test_a_run_whose_workers_keep_dying_is_tried_three_times_at_most(lives: Lives) -> None:
    run_id = lives.queued()
    for attempt in (1, 2, 3):
        assert (lives.get(run_id).status, lives.get(run_id).attempt) == ("queued", attempt)
        with pytest.raises(Killed):
            lives.execute(run_id, Fuse(CLAIM, "after"), attempt=attempt)
        assert lives.get(run_id).status == "running"
        lives.take_away(run_id)
    run = lives.get(run_id)
    assert (run.status, run.outcome) == ("unknown", "interrupted")
    assert "before any write" in (run.error or {})["found"]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ClusterUnavailable("the list of pods"), "queued"),  # it may come back
        (Misconfigured(expected="a cluster", found="nonsense", remedy="correct it"), "failed"),
    ],
)
def test_a_cluster_that_is_not_there_is_found_out_before_the_run_is_claimed(
    lives: Lives, error: AtomError, status: str
) -> None:
    run_id = lives.queued()

    def refuse() -> Cluster:
        raise error

    execution = Execution(lives.parts.database, lives.parts.packages, lives.parts.sealer, refuse)
    with pytest.raises(AtomError):
        execution.run(Attempt(DEFAULT_TENANT, run_id, 1, "w1"), "dagster")
    assert lives.get(run_id).status == status
    assert lives.steps(run_id) == []
