"""The simulator's input: one YAML file that says what a cluster looks like and how it will behave."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from atom.errors import AtomError
from atom.package.guard import read_yaml
from atom.package.model import Duration
from atom.runtime.action import Name, Namespace
from atom.runtime.errors import SnapshotRefused
from atom.runtime.simulator.life import Life

Pods = Annotated[int, Field(ge=0, le=1000)]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)


class Node(_Part):
    name: str
    ready: bool = True  # pods are placed on ready nodes only


class PodLife(_Part):
    """`healthy`; `crash-loop`: crashes before it is ready; `relapsing`: is ready for a while, then crashes, again and
    again; `stuck`: runs and never becomes ready."""

    life: Literal["healthy", "crash-loop", "relapsing", "stuck"] = "healthy"
    startup: Duration = timedelta(seconds=20)
    ready_for: Duration = timedelta(seconds=45)  # of `relapsing`

    def as_life(self) -> Life:
        startup = self.startup.total_seconds()
        match self.life:
            case "healthy":
                return Life(startup)
            case "crash-loop":
                return Life(startup, crash_after=startup / 2)
            case "relapsing":
                return Life(startup, crash_after=startup + self.ready_for.total_seconds())
            case "stuck":
                return Life(startup, stuck=True)


class PodAtStart(PodLife):
    age: Duration = timedelta(days=7)


class Demand(_Part):
    """From `at` after the start on, the workload's traffic needs `cores` CPU cores in all."""

    at: Duration = timedelta(0)
    cores: float = Field(ge=0)


class Latency(_Part):
    """p95 of one request: `base_ms` on an idle pod, growing with CPU use if `cpu_bound`, else the same at any size."""

    base_ms: float = Field(default=50.0, gt=0)
    cpu_bound: bool = True


class ScaledBy(_Part):
    min_replicas: int = 1
    max_replicas: int


class Fault(_Part):
    """The first `times` calls of this kind on the workload fail; `applied`: after they took effect (a lost answer)."""

    on: Literal["workload", "scale", "annotate_template", "pods", "evict", "measure"]
    error: Literal["conflict", "unavailable", "throttled"]
    times: int = Field(default=1, ge=1)
    applied: bool = False

    @model_validator(mode="after")
    def _answers_are_lost_only_when_unavailable(self) -> Fault:
        if self.applied and self.error != "unavailable":
            raise ValueError("a call that was applied cannot have been refused: use error: unavailable")
        return self


class WorkloadAtStart(_Part):
    """A Deployment. `pods` are its first pods; the others are healthy. `replacement` is every pod created later."""

    name: Name
    replicas: Pods
    generation: int = 1
    observed_generation: int | None = None  # where it lags, a rollout is under way that the controller has not seen
    pods: list[PodAtStart] = Field(default_factory=list)
    replacement: PodLife = PodLife()
    min_available: int | None = None  # of a PodDisruptionBudget
    autoscaler: ScaledBy | None = None
    demand: list[Demand] = Field(default_factory=list)
    latency: Latency = Latency()
    log: list[str] = Field(default_factory=lambda: ["listening", "ready"])
    faults: list[Fault] = Field(default_factory=list)

    @model_validator(mode="after")
    def _makes_sense(self) -> WorkloadAtStart:
        if len(self.pods) > self.replicas:
            raise ValueError(f"{len(self.pods)} pods described for {self.replicas} replicas")
        times = [demand.at for demand in self.demand]
        if times and (times[0] or times != sorted(times)):
            raise ValueError("demand does not begin at 0s, or is not in the order of time")
        return self


class Snapshot(_Part):
    """The whole file."""

    api_version: Literal["simulator.atom/v1"]
    start: AwareDatetime = datetime(2026, 1, 1, tzinfo=UTC)
    nodes: list[Node] = Field(min_length=1)
    namespaces: dict[Namespace, list[WorkloadAtStart]]

    @model_validator(mode="after")
    def _names_are_unique(self) -> Snapshot:
        for namespace, workloads in self.namespaces.items():
            names = [workload.name for workload in workloads]
            if len(names) != len(set(names)):
                raise ValueError(f"two workloads of one name in {namespace}")
        if not any(node.ready for node in self.nodes):
            raise ValueError("no node is ready")
        return self


def read_snapshot(data: bytes) -> Snapshot:
    """Raises SnapshotRefused, with the place of the first objection."""
    try:
        tree: Any = read_yaml(data).tree
        return Snapshot.model_validate(tree)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise SnapshotRefused(f"/{'/'.join(map(str, first['loc']))}: {first['msg']}") from None
    except AtomError as error:
        raise SnapshotRefused(error.found) from error
