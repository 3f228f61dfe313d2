"""Kubernetes objects as far as actions look at them, with the API server's own defaults for what it leaves out.

Field names and meanings: Kubernetes API reference v1.29+ (apps/v1 Deployment, v1 Pod, autoscaling/v2). Fields that are
not named here are dropped when an object is read, so results stay small and secrets in pod specs stay in the cluster.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"  # the pod template annotation that kubectl and dashboards show
RESTARTED_BY = "wpk.atom/restarted-by"  # ours, beside it: which step of which run asked for the restart


class Value(BaseModel):
    """A frozen value that is written with the camelCase names of the API."""

    model_config = ConfigDict(frozen=True, extra="ignore", alias_generator=to_camel, populate_by_name=True)

    def as_json(self) -> dict[str, Any]:
        """Plain JSON with the API's names."""
        return self.model_dump(mode="json", by_alias=True)


class ObjectMeta(Value):
    name: str
    namespace: str
    uid: str
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None


class TemplateMeta(Value):
    annotations: dict[str, str] = Field(default_factory=dict)


class PodTemplate(Value):
    metadata: TemplateMeta = TemplateMeta()


class WorkloadSpec(Value):
    replicas: int = 1
    template: PodTemplate = PodTemplate()


class WorkloadStatus(Value):
    observed_generation: int = 0
    replicas: int = 0
    updated_replicas: int = 0
    ready_replicas: int = 0
    available_replicas: int = 0


class Workload(Value):
    api_version: Literal["apps/v1"] = "apps/v1"
    kind: Literal["Deployment"] = "Deployment"
    metadata: ObjectMeta
    spec: WorkloadSpec
    status: WorkloadStatus

    @property
    def rolled_out(self) -> bool:
        """What `kubectl rollout status` waits for: the spec was seen, and every pod is of it and ready."""
        status, wanted = self.status, self.spec.replicas
        seen = status.observed_generation >= self.metadata.generation
        return seen and status.replicas == status.updated_replicas == status.ready_replicas == wanted


class PodSpec(Value):
    node_name: str = ""


class PodCondition(Value):
    type: str
    status: Literal["True", "False", "Unknown"]
    reason: str = ""
    last_transition_time: datetime


class PodStatus(Value):
    phase: str
    reason: str = ""  # why a container waits or is not ready: CrashLoopBackOff, Unready, …
    restarts: int = 0  # of all containers together
    conditions: list[PodCondition] = Field(default_factory=list)


class Pod(Value):
    api_version: Literal["v1"] = "v1"
    kind: Literal["Pod"] = "Pod"
    metadata: ObjectMeta
    spec: PodSpec = PodSpec()
    status: PodStatus

    @property
    def unready_since(self) -> datetime | None:
        """Since when the pod takes no traffic; None while it does."""
        for condition in self.status.conditions:
            if condition.type == "Ready" and condition.status != "True":
                return condition.last_transition_time
        return None


class Autoscaler(Value):
    api_version: Literal["autoscaling/v2"] = "autoscaling/v2"
    kind: Literal["HorizontalPodAutoscaler"] = "HorizontalPodAutoscaler"
    metadata: ObjectMeta
    target: str  # name of the Deployment that it scales
    min_replicas: int = 1
    max_replicas: int


class Event(Value):
    """One v1 Event, shortened."""

    at: datetime
    reason: str
    message: str
    count: int = 1
