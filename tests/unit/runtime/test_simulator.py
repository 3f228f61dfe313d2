"""The simulated cluster: deterministic, on its own clock, and honest about what it is."""

from __future__ import annotations

import hashlib
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from atom.runtime.connect import connect
from atom.runtime.errors import ClusterNotSupported, ClusterUnavailable, ObjectChanged, SnapshotRefused
from atom.runtime.simulator import Simulator, demo_snapshot
from atom.runtime.simulator.life import Life
from atom.settings import Settings

SECONDS = st.integers(1, 600).map(float)  # whole, so that sums of them are exact
LIVES = st.builds(
    Life,
    startup=SECONDS,
    stuck=st.booleans(),
    crash_after=st.none() | SECONDS,
)


def test_it_is_labelled_with_the_digest_of_its_snapshot():
    data = demo_snapshot()

    assert Simulator.from_snapshot(data).label == f"simulator:sha256:{hashlib.sha256(data).hexdigest()}"


def test_its_clock_moves_only_when_somebody_sleeps(cluster):
    on = cluster()
    began = on.now()
    on.sleep(90)

    assert (on.now() - began).total_seconds() == 90
    assert on.now().utcoffset().total_seconds() == 0


def test_two_clusters_from_one_snapshot_are_alike_and_independent(demo):
    one, other = demo(), demo()
    assert one.pods("shop", "cart") == other.pods("shop", "cart")
    one.scale("shop", "cart", 9, one.workload("shop", "cart").metadata.resource_version)

    assert other.workload("shop", "cart").spec.replicas == 4


def test_pods_stand_on_ready_nodes_only(demo):
    assert {pod.spec.node_name for pod in demo().pods("shop", "warehouse")} == {"node-a", "node-b", "node-c"}


def test_a_write_from_an_old_reading_is_refused(cluster):
    on = cluster()
    old = on.workload("shop", "web").metadata.resource_version
    on.scale("shop", "web", 4, old)
    with pytest.raises(ObjectChanged):
        on.scale("shop", "web", 5, old)


def test_scaling_down_takes_unready_pods_first(cluster):
    on = cluster({"name": "web", "replicas": 3, "pods": [{"life": "stuck", "age": "30d"}]})
    on.scale("shop", "web", 2, "1")

    assert on.workload("shop", "web").status.ready_replicas == 2


def test_new_pods_take_their_time_to_become_ready(cluster):
    on = cluster({"name": "web", "replicas": 1, "replacement": {"startup": "30s"}})
    on.scale("shop", "web", 3, "1")
    ready = []
    for _ in range(3):
        ready.append(on.workload("shop", "web").status.ready_replicas)
        on.sleep(15)

    assert ready == [1, 1, 3]


def test_latency_falls_with_size_where_cpu_is_the_limit_and_only_there(cluster):
    bound = {"replicas": 2, "demand": [{"cores": 1.8}]}
    on = cluster({"name": "web", **bound}, {"name": "db", **bound, "latency": {"baseMs": 500, "cpuBound": False}})
    for name in ("web", "db"):
        on.scale("shop", name, 6, "1")
    before = {name: on.measure("http_p95_ms_5m", "shop", name) for name in ("web", "db")}
    on.sleep(600)

    assert before["web"] == pytest.approx(500)
    assert on.measure("http_p95_ms_5m", "shop", "web") == pytest.approx(50 / 0.7, rel=1e-3)
    assert on.measure("http_p95_ms_5m", "shop", "db") == before["db"] == 500


def test_demand_changes_with_time(cluster):
    on = cluster({"name": "web", "replicas": 2, "demand": [{"cores": 1.8}, {"at": "2m", "cores": 0.2}]})
    busy = on.measure("cpu_usage_over_request", "shop", "web")
    on.sleep(120)

    assert (busy, on.measure("cpu_usage_over_request", "shop", "web")) == (0.9, 0.1)


def test_restarts_are_counted_over_five_minutes_also_of_pods_that_are_gone(cluster):
    on = cluster({"name": "web", "replicas": 2, "pods": [{"life": "crash-loop", "age": "2m"}]})
    (sick,) = (pod for pod in on.pods("shop", "web") if pod.unready_since)
    on.evict("shop", sick.metadata.name, sick.metadata.uid)
    counted = on.measure("pod_restarts_5m", "shop", "web")
    on.sleep(301)

    assert (counted, on.measure("pod_restarts_5m", "shop", "web")) == (3.0, 0.0)


def test_a_uid_protects_a_pods_successor(cluster):
    on = cluster()
    pod = on.pods("shop", "web")[0]
    with pytest.raises(ObjectChanged):
        on.evict("shop", pod.metadata.name, "another-uid")


def test_a_scripted_fault_happens_as_often_as_it_says(cluster):
    on = cluster({"name": "web", "replicas": 3, "faults": [{"on": "workload", "error": "unavailable", "times": 2}]})
    for _ in range(2):
        with pytest.raises(ClusterUnavailable):
            on.workload("shop", "web")

    assert on.workload("shop", "web").spec.replicas == 3


def test_an_applied_fault_loses_the_answer_and_not_the_write(cluster):
    fault = {"on": "scale", "error": "unavailable", "applied": True}
    on = cluster({"name": "web", "replicas": 3, "faults": [fault]})
    with pytest.raises(ClusterUnavailable):
        on.scale("shop", "web", 5, "1")

    assert on.workload("shop", "web").spec.replicas == 5


@settings(deadline=None)
@given(LIVES, st.integers(0, 7200).map(float))
def test_a_pods_condition_is_consistent_at_any_age(life, age):
    now = life.at(age)

    assert 0 <= now.since <= age
    assert now.restarts == len(life.starts(age)) - 1
    assert life.at(now.since).ready == now.ready
    if now.ready:
        assert life.first_ready is not None
        assert age >= life.first_ready
    assert now.ready == (now.reason == "")


@settings(deadline=None)
@given(LIVES, st.floats(0, 3600), st.floats(0, 3600))
def test_restarts_never_become_fewer(life, one, other):
    assert life.starts(max(one, other))[: len(life.starts(min(one, other)))] == life.starts(min(one, other))


@pytest.mark.parametrize(
    ("change", "place"),
    [
        ({"apiVersion": "v2"}, "/apiVersion"),
        ({"nodes": []}, "/nodes"),
        ({"nodes": [{"name": "n", "ready": False}]}, "no node is ready"),
        ({"surprise": 1}, "/surprise"),
        ({"namespaces": {"shop": [{"name": "w", "replicas": -1}]}}, "/namespaces/shop/0/replicas"),
        ({"namespaces": {"shop": [{"name": "w", "replicas": 1}] * 2}}, "two workloads of one name"),
        ({"namespaces": {"shop": [{"name": "w", "replicas": 1, "pods": [{}, {}]}]}}, "2 pods described"),
        ({"namespaces": {"shop": [{"name": "w", "replicas": 1, "demand": [{"at": "1m", "cores": 1}]}]}}, "begin at 0s"),
        (
            {
                "namespaces": {
                    "shop": [
                        {"name": "w", "replicas": 1, "faults": [{"on": "scale", "error": "conflict", "applied": True}]}
                    ]
                }
            },
            "cannot have been refused",
        ),
    ],
)
def test_a_snapshot_that_makes_no_sense_is_refused_with_its_place(change, place):
    tree = {"apiVersion": "simulator.atom/v1", "nodes": [{"name": "n1"}], "namespaces": {}} | change
    with pytest.raises(SnapshotRefused, match=place):
        Simulator.from_snapshot(json.dumps(tree).encode())


@pytest.mark.parametrize("data", [b"", b"{", b"- 1", b"\xff\xfe", b"a: &a [*a]", b"x" * 2_000_000])
def test_a_file_that_is_no_snapshot_is_refused(data):
    with pytest.raises(SnapshotRefused):
        Simulator.from_snapshot(data)


def test_without_a_configured_cluster_runs_act_on_the_demonstration():
    assert connect(Settings.model_construct()).label == Simulator.from_snapshot(demo_snapshot()).label


def test_a_configured_cluster_is_never_replaced_by_the_simulator(tmp_path):
    with pytest.raises(ClusterNotSupported):
        connect(Settings.model_construct(kubeconfig=tmp_path / "config"))


def test_a_named_snapshot_is_the_one_that_is_used(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_bytes(demo_snapshot() + b"\n# mine\n")

    assert (
        connect(Settings.model_construct(cluster_snapshot=path)).label
        == Simulator.from_snapshot(path.read_bytes()).label
    )


def test_a_named_snapshot_that_is_missing_is_an_error(tmp_path):
    with pytest.raises(SnapshotRefused, match="No such file"):
        connect(Settings.model_construct(cluster_snapshot=tmp_path / "none.yaml"))
