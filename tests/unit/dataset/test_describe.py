"""The words of a run are stable, tell what happened, and give nobody away."""

from __future__ import annotations

import uuid
from datetime import timedelta

from atom.dataset.runs import Decision, describe
from tests.unit.dataset.run_facts import NOON, ending, facts


def test_it_says_what_ran_how_it_ended_and_why() -> None:
    run = facts(status="rolled_back", steps=ending(all_ready="failed"), error="2 of 4 pods are not ready")
    text = describe(run)
    assert text.startswith("Runbook restart unhealthy: failed and was rolled back. Error: 2 of 4 pods are not ready.")
    assert "all ready failed (k8s.workload.get)" in text
    assert "caution" in text
    assert "maxPods 2, unhealthyFor 5m" in text


def test_when_where_and_by_whom_do_not_change_the_words() -> None:
    other = facts(
        2,
        tenant_id=uuid.uuid4(),
        requested_at=NOON + timedelta(days=3),
        parameters={"namespace": "bank", "deployment": "vault", "unhealthyFor": "5m", "maxPods": 2},
        decisions=(Decision("approve", 9.0),),
        audit_digest=None,
    )
    assert describe(other) == describe(facts())


def test_names_of_targets_secrets_and_ids_are_not_in_the_words() -> None:
    run = facts(
        status="failed",
        parameters={"namespace": "shop", "deployment": "cart", "apiToken": "tok-9", "maxPods": 2},
        error="pod shop/cart-7f8d9c6b5-x2kqz on 10.0.0.7: tok-9 and password=hunter2 fail for jane@example.com",
    )
    text = describe(run)
    for secret in (
        "shop",
        "cart",
        "x2kqz",
        "10.0.0.7",
        "tok-9",
        "hunter2",
        "jane",
        str(run.run_id),
        str(run.tenant_id),
    ):
        assert secret not in text
    assert "<namespace>/<deployment>-<ID>" in text


def test_hostile_parameters_and_errors_keep_the_words_short() -> None:
    run = facts(error="(" * 100_000, parameters={"a": "[" * 10_000, "n": float("nan"), "x": 10**30, "o": {"b": 1}})
    assert len(describe(run)) <= 1_200
    assert run.tuning == {"n": "<0", "x": ">10000"}


def test_numbers_are_binned() -> None:
    run = facts(parameters={"a": 0, "b": 1, "c": 3, "d": 7.5, "e": True, "f": 90_000, "g": -4})
    assert run.tuning == {"a": "0", "b": "1", "c": "3-5", "d": "6-10", "e": "true", "f": ">10000", "g": "<0"}
