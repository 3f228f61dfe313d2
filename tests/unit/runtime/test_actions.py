"""What each action promises to a step, and the limits that no step can talk its way past."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import jsonschema_rs
import pytest

import atom.runtime.actions as catalogue
from atom.package.model import Effect
from atom.runtime.action import Call, Targets
from atom.runtime.actions import ACTIONS, known_actions
from atom.runtime.errors import (
    ActionInputRefused,
    ClusterUnavailable,
    DisruptionBudgetSpent,
    NoSamples,
    ObjectChanged,
    PodNotReplaced,
    ReplicasNotAsExpected,
    TargetLimitExceeded,
    TargetNotFound,
)

WEB = {"namespace": "shop", "name": "web"}


@pytest.fixture
def call():
    def make(cluster, most=None, percent=None, wrote_before=False):
        return Call(cluster, "run-1/step/s", cluster.sleep, Targets(most, percent), wrote_before)

    return make


def unhealthy(call, owner="web", **more):
    given = {"namespace": "shop", "owner": owner, "unhealthyFor": "5m", **more}
    return ACTIONS["k8s.pods.unhealthy@v1"](call, given)["pods"]


SICK = {"name": "web", "replicas": 4, "pods": [{"life": "crash-loop", "age": "30m"}, {"life": "stuck", "age": "9m"}]}


# ── the catalogue ──


def test_the_catalogue_is_what_packages_may_use():
    assert known_actions() == {
        "k8s.hpa.for-workload@v1": Effect.READ,
        "k8s.pods.collect@v1": Effect.READ,
        "k8s.pods.delete@v1": Effect.WRITE,
        "k8s.pods.unhealthy@v1": Effect.READ,
        "k8s.rollout.wait@v1": Effect.READ,
        "k8s.workload.get@v1": Effect.READ,
        "k8s.workload.restart@v1": Effect.WRITE,
        "k8s.workload.scale@v1": Effect.WRITE,
        "prom.query@v1": Effect.READ,
    }


def test_every_file_of_the_catalogue_is_found():
    families = {path.stem for path in Path(catalogue.__file__).parent.glob("*.py")} - {"__init__"}

    assert families == {action.run.__module__.rpartition(".")[2] for action in ACTIONS.values()}


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)
def test_every_action_says_what_it_does_takes_gives_and_needs(action):
    assert action.doc.endswith(".")
    assert action.permissions or action.name.startswith("prom.")
    assert action.parameter_schema["additionalProperties"] is False
    for schema in (action.parameter_schema, action.result_schema):
        assert jsonschema_rs.meta.is_valid(schema)


@pytest.mark.parametrize("action", ACTIONS.values(), ids=ACTIONS)
def test_only_writing_actions_need_permission_to_write(action):
    verbs = {verb for permission in action.permissions for verb in permission.verbs}

    assert bool(verbs - {"get", "list", "watch"}) == (action.effect is not Effect.READ)


# ── scale ──


def test_scaling_reports_the_change_with_evidence(cluster, call):
    on = cluster()
    made = call(on)
    before = on.workload("shop", "web")

    assert ACTIONS["k8s.workload.scale@v1"](made, {**WEB, "replicas": 5}) == {"changed": True, "before": 3, "after": 5}
    (change,) = made.changes
    assert change.object == "k8s://simulator/apps/v1/shop/Deployment/web"
    assert (change.verb, change.undo, change.certain) == ("scale", "scale back to 3", True)
    assert change.before != change.after
    assert change.before.startswith("sha256:")
    assert before.spec.replicas == 3


def test_scaling_to_the_present_size_changes_nothing(cluster, call):
    made = call(cluster())

    assert ACTIONS["k8s.workload.scale@v1"](made, {**WEB, "replicas": 3})["changed"] is False
    assert made.changes == []


def test_scaling_from_an_unexpected_size_is_a_conflict(cluster, call):
    made = call(cluster())
    with pytest.raises(ReplicasNotAsExpected):
        ACTIONS["k8s.workload.scale@v1"](made, {**WEB, "replicas": 5, "expectReplicas": 2})

    assert made.changes == []


def test_a_lost_answer_is_kept_as_an_uncertain_change(cluster, call):
    on = cluster({"name": "web", "replicas": 3, "faults": [{"on": "scale", "error": "unavailable"}]})
    made = call(on)
    with pytest.raises(ClusterUnavailable):
        ACTIONS["k8s.workload.scale@v1"](made, {**WEB, "replicas": 5})

    assert [(change.certain, change.after) for change in made.changes] == [(False, None)]


def test_a_refused_write_leaves_no_evidence_of_a_change(cluster, call):
    made = call(cluster({"name": "web", "replicas": 3, "faults": [{"on": "scale", "error": "conflict"}]}))
    with pytest.raises(ObjectChanged):
        ACTIONS["k8s.workload.scale@v1"](made, {**WEB, "replicas": 5})

    assert made.changes == []


@pytest.mark.parametrize(
    "wrong", [{"replicas": -1}, {"replicas": 10_000}, {"replicas": "many"}, {}, {"replicas": 1, "x": 1}]
)
def test_sizes_that_make_no_sense_are_refused(cluster, call, wrong):
    with pytest.raises(ActionInputRefused):
        ACTIONS["k8s.workload.scale@v1"](call(cluster()), {**WEB, **wrong})


@pytest.mark.parametrize("name", ["../secrets", "web?x=1", "Web", "", "a" * 254])
def test_a_name_that_is_not_a_kubernetes_name_never_reaches_the_cluster(cluster, call, name):
    with pytest.raises(ActionInputRefused):
        ACTIONS["k8s.workload.get@v1"](call(cluster()), {"namespace": "shop", "name": name})


# ── restart and rollouts ──


def test_a_restart_replaces_every_pod_one_after_the_other(cluster, call):
    on = cluster()
    old = {pod.metadata.uid for pod in on.pods("shop", "web")}
    made = call(on)
    ACTIONS["k8s.workload.restart@v1"](made, WEB)

    assert not on.workload("shop", "web").rolled_out
    assert ACTIONS["k8s.rollout.wait@v1"](made, WEB) == {"replicas": 3, "waitedSeconds": 60.0}
    assert old.isdisjoint(pod.metadata.uid for pod in on.pods("shop", "web"))
    assert on.workload("shop", "web").status.ready_replicas == 3


def test_a_restart_by_the_same_step_happens_once(cluster, call):
    on = cluster()
    first = ACTIONS["k8s.workload.restart@v1"](call(on), WEB)
    again = ACTIONS["k8s.workload.restart@v1"](call(on, wrote_before=True), WEB)

    assert (first["changed"], again["changed"], on.workload("shop", "web").metadata.generation) == (True, True, 2)


def test_a_rollout_whose_pods_never_become_ready_stops_with_the_old_ones_serving(cluster, call):
    on = cluster({"name": "web", "replicas": 3, "replacement": {"life": "stuck"}})
    ACTIONS["k8s.workload.restart@v1"](call(on), WEB)
    on.sleep(3600)

    status = on.workload("shop", "web").status
    assert (status.ready_replicas, status.updated_replicas) == (3, 1)


# ── pods ──


def test_unhealthy_pods_are_named_longest_first_and_bounded(cluster, call):
    made = call(cluster(SICK))

    assert [pod["reason"] for pod in unhealthy(made)] == ["CrashLoopBackOff", "Unready"]
    assert [pod["unreadySeconds"] for pod in unhealthy(made, limit=1)] == [1800.0]
    assert [pod["reason"] for pod in unhealthy(made, unhealthyFor="10m")] == ["CrashLoopBackOff"]


def test_collected_logs_are_bounded_however_long_they_are(cluster, call):
    long = SICK | {"log": ["x" * 1000] * 1000}
    made = call(cluster(long))
    result = ACTIONS["k8s.pods.collect@v1"](made, {"pods": unhealthy(made), "logs": {"tailLines": 1000}})

    assert sum(len(sample["log"].encode()) for sample in result["samples"]) <= 32 * 1024
    assert all(sample["truncated"] for sample in result["samples"])


def test_pods_are_evicted_one_at_a_time(cluster, call):
    on = cluster(SICK)
    made = call(on)
    began = on.now()
    result = ACTIONS["k8s.pods.delete@v1"](made, {"pods": unhealthy(made)})

    assert (len(result["deleted"]), result["gone"]) == (2, [])
    assert on.now() - began >= timedelta(seconds=40)  # two replacements of 20 s, not at once
    assert [change.verb for change in made.changes] == ["evict", "evict"]
    assert on.workload("shop", "web").status.ready_replicas == 4


def test_pods_that_are_gone_already_are_left_alone(cluster, call):
    made = call(cluster(SICK))
    pods = unhealthy(made)
    ACTIONS["k8s.pods.delete@v1"](made, {"pods": pods})
    again = ACTIONS["k8s.pods.delete@v1"](made, {"pods": pods})

    assert (again["changed"], again["deleted"], len(again["gone"])) == (False, [], 2)


def test_no_second_pod_goes_when_the_first_is_not_replaced(cluster, call):
    made = call(cluster(SICK | {"replacement": {"life": "stuck"}}))
    with pytest.raises(PodNotReplaced):
        ACTIONS["k8s.pods.delete@v1"](made, {"pods": unhealthy(made), "waitReady": "1m"})

    assert len(made.changes) == 1


def test_a_disruption_budget_is_respected(cluster, call):
    made = call(cluster(SICK | {"minAvailable": 3}))
    with pytest.raises(DisruptionBudgetSpent):
        ACTIONS["k8s.pods.delete@v1"](made, {"pods": unhealthy(made)})

    assert made.changes == []


@pytest.mark.parametrize("given", [{"oneAtATime": False}, {"respectPDB": False}])
def test_the_safe_way_of_evicting_cannot_be_switched_off(cluster, call, given):
    with pytest.raises(ActionInputRefused):
        ACTIONS["k8s.pods.delete@v1"](call(cluster(SICK)), {"pods": [], **given})


@pytest.mark.parametrize("limits", [{"most": 1}, {"percent": 49}])
def test_more_pods_than_the_package_allows_are_refused_before_the_first_goes(cluster, call, limits):
    made = call(cluster(SICK), **limits)
    with pytest.raises(TargetLimitExceeded):
        ACTIONS["k8s.pods.delete@v1"](made, {"pods": unhealthy(made)})

    assert made.changes == []


def test_pods_of_another_workload_cannot_be_passed_off_as_ones_own(cluster, call):
    """A percentage is of the workload that the pods belong to, and the cluster says which that is."""
    on = cluster(SICK, {"name": "big", "replicas": 100})
    made = call(on, percent=10)
    lie = [{**pod, "owner": "big"} for pod in unhealthy(made)]

    assert ACTIONS["k8s.pods.delete@v1"](made, {"pods": lie})["deleted"] == []
    assert made.changes == []


def test_pods_of_two_workloads_are_refused(cluster, call):
    made = call(cluster(SICK, SICK | {"name": "api"}))
    with pytest.raises(ActionInputRefused):
        ACTIONS["k8s.pods.delete@v1"](made, {"pods": unhealthy(made) + unhealthy(made, owner="api")})


def test_limits_count_over_the_whole_run_and_each_object_once():
    targets = Targets(most=3, percent=50)
    targets.claim("web", {"p1", "p2"}, size=4)
    targets.claim("web", {"p2"}, size=4)
    targets.claim("api", {"q1"}, size=2)
    with pytest.raises(TargetLimitExceeded, match="75 %"):
        Targets(most=None, percent=50).claim("web", {"p1", "p2", "p3"}, size=4)
    with pytest.raises(TargetLimitExceeded, match="at most 3"):
        targets.claim("db", {"r1"}, size=9)


# ── autoscalers and metrics ──


def test_only_the_workloads_own_autoscaler_is_named(cluster, call):
    on = cluster({"name": "web", "replicas": 2, "autoscaler": {"maxReplicas": 9}}, {"name": "api", "replicas": 2})
    find = ACTIONS["k8s.hpa.for-workload@v1"]

    assert [hpa["maxReplicas"] for hpa in find(call(on), WEB)["items"]] == [9]
    assert find(call(on), {**WEB, "name": "api"})["items"] == []


def test_a_metric_is_always_a_double(cluster, call):
    ask = {"query": "pod_restarts_5m", "namespace": "shop", "workload": "web"}
    value = ACTIONS["prom.query@v1"](call(cluster()), ask)["value"]

    assert (value, type(value)) == (0.0, float)


def test_no_samples_is_not_zero(cluster, call):
    """A latency of 0 ms from a dead workload would pass every verification."""
    on = cluster({"name": "web", "replicas": 1, "pods": [{"life": "stuck"}]})
    with pytest.raises(NoSamples):
        ACTIONS["prom.query@v1"](call(on), {"query": "http_p95_ms_5m", "namespace": "shop", "workload": "web"})


def test_a_query_is_chosen_by_name_and_never_written(cluster, call):
    ask = {"query": "sum(up)", "namespace": "shop", "workload": "web"}
    with pytest.raises(ActionInputRefused):
        ACTIONS["prom.query@v1"](call(cluster()), ask)


def test_an_unknown_target_is_named(cluster, call):
    with pytest.raises(TargetNotFound, match="shop/none"):
        ACTIONS["k8s.workload.get@v1"](call(cluster()), {**WEB, "name": "none"})
