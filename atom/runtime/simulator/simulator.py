"""A small deterministic cluster with its own clock: the same snapshot and calls always give the same answers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cached_property
from importlib.resources import files
from itertools import cycle

from atom.package.digests import package_digest
from atom.package.model import Digest
from atom.runtime.cluster import Query
from atom.runtime.errors import (
    ClusterUnavailable,
    DisruptionBudgetSpent,
    NoSamples,
    ObjectChanged,
    TargetNotFound,
    Throttled,
)
from atom.runtime.objects import Autoscaler, Event, Pod, Workload
from atom.runtime.simulator.snapshot import Snapshot, read_snapshot
from atom.runtime.simulator.views import autoscaler_object, pod_events, pod_log, pod_object, workload_object
from atom.runtime.simulator.workload import SimulatedPod, SimulatedWorkload


def demo_snapshot() -> bytes:
    """The snapshot that ships with Atom."""
    return (files(__package__) / "demo-cluster.yaml").read_bytes()


class Simulator:
    """A `Cluster`. Holds one run's world: make a new one for each run; not for use by several threads at once."""

    host = "simulator"

    def __init__(self, snapshot: Snapshot, digest: Digest) -> None:
        self.digest = digest
        self._start = snapshot.start.astimezone(UTC)
        self._elapsed = 0.0
        self._used: Counter[tuple[str, str, int]] = Counter()
        nodes = cycle(node.name for node in snapshot.nodes if node.ready)
        self._workloads = {
            (namespace, told.name): SimulatedWorkload(namespace, told, lambda: next(nodes), seed=digest)
            for namespace, workloads in snapshot.namespaces.items()
            for told in workloads
        }

    @classmethod
    def from_snapshot(cls, data: bytes) -> Simulator:
        """Raises SnapshotRefused."""
        return cls(read_snapshot(data), package_digest(data))

    @cached_property
    def label(self) -> str:
        return f"simulator:{self.digest}"

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._elapsed)

    def sleep(self, seconds: float) -> None:
        self._elapsed += seconds

    def workload(self, namespace: str, name: str) -> Workload:
        with self._answering("workload", namespace, name) as found:
            return workload_object(found, self._elapsed)

    def scale(self, namespace: str, name: str, replicas: int, version: str) -> Workload:
        with self._answering("scale", namespace, name) as found:
            self._write(found, version)
            found.scale(replicas, self._elapsed)
            return workload_object(found, self._elapsed)

    def annotate_template(self, namespace: str, name: str, annotations: dict[str, str], version: str) -> Workload:
        with self._answering("annotate_template", namespace, name) as found:
            self._write(found, version)
            found.annotations = {**found.annotations, **annotations}
            found.roll(self._elapsed)
            return workload_object(found, self._elapsed)

    def pods(self, namespace: str, owner: str) -> Sequence[Pod]:
        with self._answering("pods", namespace, owner) as found:
            return [pod_object(namespace, pod, self._start, self._elapsed) for pod in found.alive(self._elapsed)]

    def evict(self, namespace: str, name: str, uid: str) -> None:
        owner, pod = self._pod(namespace, name)
        with self._answering("evict", namespace, owner.told.name):
            if pod.uid != uid:
                raise ObjectChanged(f"pod {name}", uid, pod.uid)
            self._respect_budget(owner, pod)
            owner.evict(pod, self._elapsed)

    def log(self, namespace: str, pod: str, lines: int, previous: bool) -> str:
        owner, found = self._pod(namespace, pod)
        return pod_log(owner, found, self._start, self._elapsed, lines, previous)

    def events(self, namespace: str, pod: str) -> Sequence[Event]:
        _, found = self._pod(namespace, pod)
        return pod_events(found, self._start, self._elapsed)

    def autoscalers(self, namespace: str) -> Sequence[Autoscaler]:
        found = (workload for (space, _), workload in self._workloads.items() if space == namespace)
        return [hpa for workload in found if (hpa := autoscaler_object(workload))]

    def measure(self, query: Query, namespace: str, workload: str) -> float:
        with self._answering("measure", namespace, workload) as found:
            match query:
                case "cpu_usage_over_request":
                    value = found.cpu_over_request(self._elapsed)
                case "http_p95_ms_5m":
                    value = found.p95_ms_5m(self._elapsed)
                case "pod_restarts_5m":
                    value = found.restarts_5m(self._elapsed)
            if value is None:
                raise NoSamples(query, f"{namespace}/{workload}")
            return round(value, 4)

    @contextmanager
    def _answering(self, call: str, namespace: str, name: str) -> Iterator[SimulatedWorkload]:
        """The workload that a call is about, with the faults that the snapshot scripted for such calls."""
        found = self._workloads.get((namespace, name))
        if found is None:
            raise TargetNotFound(f"Deployment {namespace}/{name}")
        lost = False
        for index, fault in enumerate(found.told.faults):
            key = (namespace, name, index)
            if fault.on != call or self._used[key] >= fault.times:
                continue
            self._used[key] += 1
            what = f"{call} of {namespace}/{name}"
            if fault.error == "conflict":
                raise ObjectChanged(what, "as read", "newer")
            if fault.error == "throttled":
                raise Throttled(what)
            if not fault.applied:
                raise ClusterUnavailable(what)
            lost = True
            break
        yield found
        if lost:
            raise ClusterUnavailable(f"{call} of {namespace}/{name}")

    def _write(self, found: SimulatedWorkload, version: str) -> None:
        if version != str(found.version):
            raise ObjectChanged(f"Deployment {found.told.name}", version, str(found.version))
        found.version += 1
        found.generation += 1

    def _pod(self, namespace: str, name: str) -> tuple[SimulatedWorkload, SimulatedPod]:
        for (space, _), workload in self._workloads.items():
            if space == namespace:
                for pod in workload.alive(self._elapsed):
                    if pod.name == name:
                        return workload, pod
        raise TargetNotFound(f"Pod {namespace}/{name}")

    def _respect_budget(self, owner: SimulatedWorkload, pod: SimulatedPod) -> None:
        """Policy IfHealthyBudget, the default: an unready pod may go while the others alone satisfy the budget."""
        needed = owner.told.min_available
        others = owner.ready_at(self._elapsed) - pod.ready(self._elapsed)
        if needed is not None and others < needed:
            raise DisruptionBudgetSpent(pod.name, others, needed)
