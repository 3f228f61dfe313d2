"""Rows hold what was known, label what came of it, and name nobody."""

from __future__ import annotations

import json
import uuid
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atom.dataset.errors import DatasetKeyTooShort, RowRefused
from atom.dataset.rows import Row, TrainingRows, build_rows, check
from atom.dataset.runs import Decision, RunFacts
from tests.unit.dataset.run_facts import KEY, NOON, TENANT, ending, facts

MUCH_LATER = NOON + timedelta(days=30)


def build(*runs: RunFacts, key: bytes = KEY, observed_until: datetime = MUCH_LATER) -> TrainingRows:
    return build_rows(runs, hmac_key=key, version="2026.10.1", observed_until=observed_until)


def row_of(run: RunFacts, *others: RunFacts) -> Row:
    """The row of `run` among others."""
    (alone,) = build(run).rows
    return next(row for row in build(run, *others).rows if row.row_id == alone.row_id)


def test_a_row_has_the_published_form() -> None:
    row = json.loads(build(facts()).rows[0].as_json())
    assert list(row) == [
        "schema", "row_id", "dataset_version", "split", "group", "t",
        "features_at_decision", "action", "labels", "lineage", "messages",
    ]  # fmt: skip
    assert row["t"] == {"decision": "2026-10-03T12:01:14Z", "label_final": "2026-10-04T12:03:12Z"}
    assert row["group"]["workflow_major"] == 1
    assert row["action"]["steps"] == ["find", "restart"]
    assert row["action"]["effects"] == {"read": 3, "write": 1, "destroy": 0}
    assert row["features_at_decision"]["parameters"] == [
        {"name": "maxPods", "value": "2"},
        {"name": "unhealthyFor", "value": "5m"},
    ]
    assert json.loads(row["messages"][2]["content"]) == {
        "workflow": "restart-unhealthy",
        "params": {"maxPods": "2", "unhealthyFor": "5m"},
    }


@pytest.mark.parametrize(
    "spoil",
    [
        lambda row: row.pop("labels"),
        lambda row: row.update(tenant="t-7"),
        lambda row: row["group"].update(tenant_h="t-7"),
        lambda row: row["lineage"].update(consent="deny"),
        lambda row: row["features_at_decision"].update(outcome="success"),
        lambda row: row["t"].update(decision="yesterday"),
    ],
)
def test_the_schema_refuses_rows_of_another_form(spoil: Any) -> None:
    row = json.loads(build(facts()).rows[0].as_json())
    check(json.dumps(row).encode())
    spoil(row)
    with pytest.raises(RowRefused):
        check(json.dumps(row).encode())


def test_runs_whose_package_denies_export_leave_no_trace() -> None:
    denied = facts(2, export="deny", requested_at=NOON + timedelta(hours=1))
    made = build(facts(), denied)
    assert made.left_out == {"export denied": 1, "not finished": 0}
    assert made.rows == build(facts()).rows


def test_unfinished_runs_get_no_row_but_count_as_recurrence() -> None:
    pending = facts(
        2, status="queued", finished_at=None, started_at=None, steps=(), requested_at=NOON + timedelta(hours=1)
    )
    made = build(facts(), pending)
    assert made.left_out == {"export denied": 0, "not finished": 1}
    assert [row.labels.recurred_24h for row in made.rows] == [True]


def test_recurrence_is_per_tenant_workflow_and_target() -> None:
    later = NOON + timedelta(hours=1)
    elsewhere = {"namespace": "shop", "deployment": "search", "maxPods": 2}
    tuned = {**facts().parameters, "maxPods": 5}
    assert not row_of(facts(), facts(2, requested_at=later, tenant_id=uuid.uuid4())).labels.recurred_24h
    assert not row_of(facts(), facts(2, requested_at=later, workflow="scale-on-latency")).labels.recurred_24h
    assert not row_of(facts(), facts(2, requested_at=later, parameters=elsewhere)).labels.recurred_24h
    assert row_of(facts(), facts(2, requested_at=later, parameters=tuned)).labels.recurred_24h


def test_recent_history_counts_only_what_had_happened_by_the_decision() -> None:
    run = facts()
    before = facts(2, requested_at=NOON - timedelta(days=1))
    failed = facts(3, requested_at=NOON - timedelta(days=2), status="failed")
    other = facts(4, requested_at=NOON - timedelta(days=3), workflow="scale-on-latency")
    too_old = facts(5, requested_at=NOON - timedelta(days=8))
    still_running = facts(6, requested_at=NOON - timedelta(minutes=1))  # succeeds after the decision
    recent = row_of(run, before, failed, other, too_old, still_running).features_at_decision.recent
    assert [(r.workflow, r.runs_7d, r.success_7d) for r in recent] == [
        ("restart-unhealthy", 3, 1),
        ("scale-on-latency", 1, 1),
    ]


@settings(deadline=None, max_examples=50)
@given(
    status=st.sampled_from(["succeeded", "failed", "rolled_back", "unknown", "cancelled"]),
    seconds=st.floats(100, 1e6),
    error=st.text(max_size=200),
    verify=st.sampled_from(["succeeded", "failed", "skipped"]),
    later=st.lists(st.floats(75, 1e6), max_size=5),
)
def test_nothing_after_the_decision_reaches_features_or_question(
    status: Any, seconds: float, error: str, verify: str, later: list[float]
) -> None:
    plain = build(facts()).rows[0]
    changed = facts(
        status=status, error=error, steps=ending(all_ready=verify), finished_at=NOON + timedelta(seconds=seconds)
    )
    others = [facts(10 + i, requested_at=NOON + timedelta(seconds=s)) for i, s in enumerate(later)]
    row = row_of(changed, *others)
    assert row.features_at_decision == plain.features_at_decision
    assert row.messages == plain.messages
    assert row.t.decision == plain.t.decision


def test_the_question_does_not_hold_the_answer() -> None:
    question = build(facts()).rows[0].messages[1].content
    assert "restart-unhealthy" not in question
    assert "maxPods" not in question


def test_a_declined_run_teaches_to_decline() -> None:
    declined = facts(status="rejected", approved_at=None, steps=(), decisions=(Decision("reject", 30.0),))
    (row,) = build(declined).rows
    assert json.loads(row.messages[2].content) == {"workflow": None}
    assert row.t.decision == NOON + timedelta(seconds=30)


def test_no_identity_and_no_target_is_in_a_row() -> None:
    run = facts(error="deployment cart in shop: denied to jane@example.com from 10.1.2.3", status="failed")
    row = build(run).rows[0]
    text = row.as_json().decode()
    for name in (str(run.tenant_id), str(run.run_id), '"shop"', "cart", "jane", "10.1.2.3"):
        assert name not in text
    assert (row.lineage.redaction.hits.EMAIL, row.lineage.redaction.hits.IP) == (1, 1)
    assert row.labels.error == "deployment <deployment> in <namespace>: denied to <EMAIL> from <IP>"


def test_pseudonyms_follow_the_key_and_ids_the_run() -> None:
    one, again, other = build(facts()).rows[0], build(facts()).rows[0], build(facts(), key=b"x" * 32).rows[0]
    assert one == again
    assert one.group.tenant_h != other.group.tenant_h
    assert one.row_id != other.row_id
    relabelled = build(facts(status="failed")).rows[0]
    assert relabelled.row_id == one.row_id


def test_a_short_key_is_refused() -> None:
    with pytest.raises(DatasetKeyTooShort):
        build(facts(), key=b"short")


def test_rows_of_one_incident_share_a_split_and_a_quiet_day_ends_an_incident() -> None:
    runs = [facts(i, requested_at=NOON + timedelta(hours=20 * i)) for i in range(1, 30)]
    late = facts(99, requested_at=NOON + timedelta(hours=20 * 29 + 25))
    rows = build(*runs, late, observed_until=NOON + timedelta(days=90)).rows
    assert len({row.group.incident_h for row in rows}) == 2
    by_incident: dict[str, set[str]] = {}
    for row in rows:
        by_incident.setdefault(row.group.incident_h, set()).add(row.split)
    assert all(len(splits) == 1 for splits in by_incident.values())


def test_many_incidents_are_split_80_10_10() -> None:
    runs = [facts(i, parameters={"namespace": f"n{i}"}) for i in range(1, 1_001)]
    splits = [row.split for row in build(*runs).rows]
    assert splits.count("train") == pytest.approx(800, abs=60)
    assert splits.count("validation") == pytest.approx(100, abs=40)
    assert splits.count("test") == pytest.approx(100, abs=40)


def test_equal_descriptions_share_their_weight() -> None:
    runs = [facts(i, requested_at=NOON + timedelta(hours=i)) for i in range(1, 5)]
    failed = facts(9, status="failed", error="timeout")
    rows = build(*runs, failed).rows
    assert sorted(row.lineage.cluster_weight for row in rows) == [0.25] * 4 + [1.0]
    assert len({row.lineage.near_dup_cluster for row in rows}) == 2


def test_the_order_of_runs_and_their_time_zone_do_not_matter() -> None:
    runs = [facts(i, requested_at=NOON + timedelta(hours=i)) for i in range(1, 9)]
    berlin = timezone(timedelta(hours=2))
    abroad = [
        replace(r, **{f: getattr(r, f).astimezone(berlin) for f in ("requested_at", "approved_at", "finished_at")})
        for r in reversed(runs)
    ]
    assert [row.as_json() for row in build(*runs).rows] == [row.as_json() for row in build(*abroad).rows]


def test_no_runs_give_no_rows() -> None:
    assert build() == TrainingRows("2026.10.1", (), {"export denied": 0, "not finished": 0})


def test_tenants_do_not_see_each_others_history() -> None:
    foreign = facts(2, tenant_id=uuid.uuid4(), requested_at=NOON - timedelta(hours=1))
    assert row_of(facts(), foreign).features_at_decision.recent == ()
    assert foreign.tenant_id != TENANT
