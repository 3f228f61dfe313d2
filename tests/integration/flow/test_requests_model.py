"""The way of a run against a small model of it: whatever people and workers do, in whatever order, both agree."""

from __future__ import annotations

import uuid
from typing import Any, ClassVar

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from atom.errors import AtomError
from atom.flow.ending import finish
from atom.flow.errors import IdempotencyKeyReused
from atom.store import audit, runs
from tests.conftest import DEFAULT_TENANT
from tests.integration.rows import claim
from tests.integration.worlds import TenantWorld

FINISHED = {"succeeded", "failed", "rolled_back", "cancelled", "rejected", "unknown"}
PEOPLE = {"alice": "own-package", "bob": "own-request", "carol": "", "dave": ""}  # why one may not decide
TARGETS = ("cart", "web", "payments")


class Requests(RuleBasedStateMachine):
    """The model: a state for each run, and whether its cancellation was asked for."""

    world: ClassVar[TenantWorld]
    ids = Bundle("ids")

    @initialize()
    def begin(self) -> None:
        self.parts = self.world.parts
        self.prefix = uuid.uuid4().hex
        self.states: dict[uuid.UUID, str] = {}
        self.asked_to_stop: set[uuid.UUID] = set()
        self.by_key: dict[str | None, tuple[uuid.UUID, str]] = {}

    def _code(self, what: Any, *args: Any, **more: Any) -> str:
        """Of the refusal, or empty."""
        try:
            what(DEFAULT_TENANT, *args, **more)
        except AtomError as error:
            return error.code
        return ""

    @rule(target=ids, deployment=st.sampled_from(TARGETS), key=st.none() | st.sampled_from("ab"))
    def request(self, deployment: str, key: str | None) -> Any:
        name = f"{self.prefix}-{key}" if key else None
        parameters = {"namespace": "shop", "deployment": deployment}
        reused = key in self.by_key and self.by_key[key][1] != deployment
        try:
            run = self.parts.requests.request(
                DEFAULT_TENANT, "bob", "restart-unhealthy", parameters, idempotency_key=name
            )
        except IdempotencyKeyReused:
            if not reused:
                raise
            return self.by_key[key][0]
        assert not reused
        if key in self.by_key:
            assert self.by_key[key] == (run.id, deployment)
            return run.id
        if key:
            self.by_key[key] = (run.id, deployment)
        self.states[run.id] = "pending_approval"
        return run.id

    @rule(run=ids, who=st.sampled_from(sorted(PEOPLE)), yes=st.booleans())
    def decide(self, run: uuid.UUID, who: str, yes: bool) -> None:
        code = self._code(self.parts.requests.approve if yes else self.parts.requests.reject, who, run)
        if self.states[run] != "pending_approval":
            assert code == "not-pending"
        else:
            assert code == PEOPLE[who]
            if not code:
                self.states[run] = "queued" if yes else "rejected"

    @rule(run=ids)
    def cancel(self, run: uuid.UUID) -> None:
        code = self._code(self.parts.requests.cancel, "bob", run)
        if self.states[run] in FINISHED:
            assert code == "not-cancellable"
        elif self.states[run] == "running":
            assert not code
            self.asked_to_stop.add(run)
        else:
            assert not code
            self.states[run] = "cancelled"

    @rule(run=ids)
    def claim(self, run: uuid.UUID) -> None:
        with self.parts.database.transaction(DEFAULT_TENANT) as tx:
            claimed = claim(tx, run)
        assert claimed is (self.states[run] == "queued")
        if claimed:
            self.states[run] = "running"

    @rule(run=ids, status=st.sampled_from(["succeeded", "failed", "rolled_back", "cancelled"]))
    def end(self, run: uuid.UUID, status: Any) -> None:
        with self.parts.database.transaction(DEFAULT_TENANT) as tx:
            row = runs.locked(tx, run)
            assert row is not None
            if row.status == "running":
                finish(tx, row, status, outcome=status, by="w1")
                self.states[run] = status

    @invariant()
    def both_tell_the_same(self) -> None:
        if not getattr(self, "states", None):
            return
        with self.parts.database.transaction(DEFAULT_TENANT) as tx:
            for run_id, state in self.states.items():
                run = runs.by_id(tx, run_id)
                assert run is not None
                assert run.status == state
                assert (run.cancel_requested_at is not None) == (run_id in self.asked_to_stop)
                assert (run.approved_at is not None) == (run.approved_by is not None)
                assert (run.finished_at is not None) == (state in FINISHED)

    def teardown(self) -> None:
        """Every run told of its request once, and of its end once if it ended."""
        if not getattr(self, "states", None):
            return
        with self.parts.database.transaction(DEFAULT_TENANT) as tx:
            events = [(event.run_id, event.type) for event in audit.waiting(tx, limit=100_000)]
        for run_id, state in self.states.items():
            assert events.count((run_id, "run.requested")) == 1
            assert events.count((run_id, "run.finished")) == (state in FINISHED)


def test_any_order_of_requests_decisions_and_work_follows_the_map(shared_world: TenantWorld) -> None:
    shared_world.published()
    bounded = settings(
        max_examples=12, stateful_step_count=20, deadline=None, database=None, suppress_health_check=list(HealthCheck)
    )
    machine = type("Machine", (Requests,), {"world": shared_world})
    run_state_machine_as_test(machine, settings=bounded)


def test_the_model_would_notice_a_wrong_map(shared_world: TenantWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    """The negative control."""
    shared_world.published()
    monkeypatch.setitem(PEOPLE, "bob", "")
    machine = type("Machine", (Requests,), {"world": shared_world})
    bounded = settings(
        max_examples=40, stateful_step_count=15, deadline=None, database=None, phases=[Phase.generate], print_blob=False
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(machine, settings=bounded)
