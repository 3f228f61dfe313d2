"""The demonstration cluster's stories, told by the two playbooks that ship with Atom."""

from __future__ import annotations

import jsonschema_rs
import pytest

from atom.runtime.actions import ACTIONS

RESTART = [
    ("cart", {}, "succeeded", "resolved"),
    ("inventory", {}, "succeeded", "resolved"),
    ("pricing", {}, "succeeded", "resolved"),
    ("gateway", {}, "succeeded", "resolved"),
    ("checkout", {}, "failed", "verify_failed"),
    ("shipping", {}, "failed", "step_failed"),
    ("recommendations", {}, "failed", "step_failed"),
    ("search", {}, "failed", "refused"),
    ("wishlist", {}, "failed", "refused"),
    ("ledger", {}, "failed", "refused"),
    ("catalog", {}, "succeeded", "nothing_to_do"),
    ("profile", {}, "succeeded", "nothing_to_do"),
    ("profile", {"unhealthyFor": "1m"}, "succeeded", "resolved"),
    ("warehouse", {"maxPods": 2}, "failed", "verify_failed"),
    ("warehouse", {"maxPods": 5}, "failed", "step_failed"),
]
SCALE = [
    ("web", {}, "succeeded", "resolved"),
    ("web", {"maxReplicas": 4}, "failed", "verify_failed"),
    ("images", {}, "succeeded", "resolved"),
    ("feed", {}, "succeeded", "resolved"),
    ("payments", {}, "rolled_back", "rolled_back"),
    ("sessions", {}, "rolled_back", "rolled_back"),
    ("notifications", {}, "failed", "step_failed"),
    ("loyalty", {}, "failed", "rollback_failed"),
    ("reports", {}, "failed", "refused"),
    ("email", {}, "failed", "refused"),
    ("api", {}, "succeeded", "nothing_to_do"),
    ("orders", {"maxReplicas": 4}, "succeeded", "nothing_to_do"),
]
STORIES = [("restart-unhealthy", *story) for story in RESTART] + [
    ("scale-on-latency", name, {"targetP95Ms": 300, **more}, *ending) for name, more, *ending in SCALE
]


@pytest.mark.parametrize(("name", "deployment", "more", "status", "outcome"), STORIES)
def test_each_workload_of_the_demonstration_ends_as_its_comment_says(
    playbook, demo, run, name, deployment, more, status, outcome
):
    told = run(playbook(name), {"namespace": "shop", "deployment": deployment, **more}, on=demo())

    assert (told.outcome.status, told.outcome.outcome) == (status, outcome), told.outcome.error
    assert (told.outcome.error is None) == (status == "succeeded")
    assert told.outcome.cluster.startswith("simulator:sha256:")
    assert all(entry.cluster == told.outcome.cluster for entry in told.outcome.steps)
    for entry in told.outcome.steps:
        if entry.uses and entry.status in ("succeeded", "compensated"):
            jsonschema_rs.validate(ACTIONS[entry.uses].result_schema, entry.result)


@pytest.mark.parametrize(("name", "deployment", "more", "status", "outcome"), STORIES)
def test_the_same_run_on_the_same_snapshot_is_the_same_run(
    playbook, demo, run, name, deployment, more, status, outcome
):
    def steps():
        told = run(playbook(name), {"namespace": "shop", "deployment": deployment, **more}, on=demo())
        return [
            (e.position, e.phase, e.id, e.attempt, e.status, e.result, e.effects, e.error, e.cluster_seconds)
            for e in told.outcome.steps
        ]

    assert steps() == steps()


def test_a_rolled_back_workload_has_its_old_size_again(playbook, demo, run):
    parameters = {"namespace": "shop", "deployment": "payments", "targetP95Ms": 300}
    told = run(playbook("scale-on-latency"), parameters, on=demo())

    assert told.cluster.workload("shop", "payments").spec.replicas == 3
    assert told.outcome.undone == ("scale",)
    assert told.outcome.left_changed == ()
    assert told.outcome.error["phase"] == "verify"


def test_a_write_whose_answer_was_lost_is_recognised_and_not_repeated(playbook, demo, run):
    before = demo().workload("shop", "feed").metadata.generation
    parameters = {"namespace": "shop", "deployment": "feed", "targetP95Ms": 300}
    told = run(playbook("scale-on-latency"), parameters, on=demo())

    assert told.cluster.workload("shop", "feed").metadata.generation == before + 1
    assert told.result("scale")["changed"] is True
    assert [effect.certain for effect in told.outcome.effects] == [False]


def test_a_failed_rollback_names_what_must_be_looked_at(playbook, demo, run):
    parameters = {"namespace": "shop", "deployment": "loyalty", "targetP95Ms": 300}
    outcome = run(playbook("scale-on-latency"), parameters, on=demo()).outcome

    assert outcome.left_changed == ("k8s://simulator/apps/v1/shop/Deployment/loyalty",)
    assert outcome.error["step"] == "latency-after"
    assert [error["code"] for error in outcome.error["undo_errors"]] == ["cluster-unavailable"]


def test_what_crashed_pods_said_is_kept_before_they_are_restarted(playbook, demo, run):
    told = run(playbook("restart-unhealthy"), {"namespace": "shop", "deployment": "cart"}, on=demo())

    (sample,) = told.result("evidence")["samples"]
    assert "stale connection" in sample["log"]
    assert sample["events"][0]["reason"] == "BackOff"
    assert told.path().index("step:evidence:succeeded") < told.path().index("step:restart:succeeded")


def test_a_target_that_does_not_exist_ends_the_run_before_anything_is_changed(playbook, demo, run):
    outcome = run(playbook("restart-unhealthy"), {"namespace": "shop", "deployment": "nowhere"}, on=demo()).outcome

    assert (outcome.outcome, outcome.error["code"], outcome.effects) == ("step_failed", "target-not-found", ())


@pytest.mark.parametrize(("name", "deployment"), [("scale-on-latency", "web"), ("restart-unhealthy", "inventory")])
def test_cancelling_at_any_point_leaves_the_old_state_or_says_what_is_left(playbook, demo, run, name, deployment):
    parameters = {"namespace": "shop", "deployment": deployment}
    if name == "scale-on-latency":
        parameters["targetP95Ms"] = 300
    safe_points = run(playbook(name), parameters, on=demo()).control.asked
    seen = set()
    for point in range(1, safe_points + 1):
        told = run(playbook(name), parameters, on=demo(), cancel_at=point)
        outcome = told.outcome
        assert (outcome.status, outcome.outcome, outcome.error["code"]) == ("cancelled", "cancelled", "cancelled")
        if name == "scale-on-latency":
            assert told.cluster.workload("shop", "web").spec.replicas == 4, f"cancelled at safe point {point}"
            assert outcome.left_changed == ()
        else:
            assert len(outcome.left_changed) == len(outcome.effects)
        seen.add(len(outcome.effects))
    # Nothing yet; the scaling and its undoing; or one and both evictions: no point was missed.
    assert seen == ({0, 2} if name == "scale-on-latency" else {0, 1, 2})
