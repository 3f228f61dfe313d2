"""What an action may ask of a cluster. The simulator answers it; the official Kubernetes client will."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal, Protocol

from atom.runtime.objects import Autoscaler, Event, Pod, Workload

Query = Literal["cpu_usage_over_request", "http_p95_ms_5m", "pod_restarts_5m"]


class Cluster(Protocol):
    """One cluster and its clock.

    Every method may raise ClusterUnavailable (what was asked may or may not have happened) and Throttled (it has not);
    methods that name an object raise TargetNotFound. Writes raise ObjectChanged unless the object still is at the
    `version` (resourceVersion) that the caller read.
    """

    @property
    def label(self) -> str:
        """What stands in every record: `simulator:sha256:…` or `kubernetes:<name>`."""

    @property
    def host(self) -> str:
        """The authority of the `k8s://<host>/…` addresses of its objects."""

    def now(self) -> datetime:
        """UTC on the cluster's clock, which stands still in the simulator until somebody sleeps."""

    def sleep(self, seconds: float) -> None:
        """Let `seconds` pass on the cluster's clock."""

    def workload(self, namespace: str, name: str) -> Workload: ...

    def scale(self, namespace: str, name: str, replicas: int, version: str) -> Workload: ...

    def annotate_template(self, namespace: str, name: str, annotations: dict[str, str], version: str) -> Workload:
        """Set annotations of the pod template, which makes the controller replace every pod, one after the other."""

    def pods(self, namespace: str, owner: str) -> Sequence[Pod]:
        """The live pods of one workload."""

    def evict(self, namespace: str, name: str, uid: str) -> None:
        """Evict one pod by the eviction API. Raises DisruptionBudgetSpent, or ObjectChanged if `uid` is another's."""

    def log(self, namespace: str, pod: str, lines: int, previous: bool) -> str:
        """The last `lines` lines; of the container's previous life if `previous` and there was one."""

    def events(self, namespace: str, pod: str) -> Sequence[Event]: ...

    def autoscalers(self, namespace: str) -> Sequence[Autoscaler]: ...

    def measure(self, query: Query, namespace: str, workload: str) -> float:
        """One named query's value now. Raises NoSamples."""
