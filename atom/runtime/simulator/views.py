"""Simulated workloads and pods as the API server would describe them."""

from __future__ import annotations

from datetime import datetime, timedelta

from atom.runtime.objects import (
    Autoscaler,
    Event,
    ObjectMeta,
    Pod,
    PodCondition,
    PodSpec,
    PodStatus,
    PodTemplate,
    TemplateMeta,
    Workload,
    WorkloadSpec,
    WorkloadStatus,
)
from atom.runtime.simulator.workload import SimulatedPod, SimulatedWorkload


def workload_object(found: SimulatedWorkload, now: float) -> Workload:
    alive = found.alive(now)
    ready = sum(pod.ready(now) for pod in alive)
    return Workload(
        metadata=ObjectMeta(
            name=found.told.name,
            namespace=found.namespace,
            uid=f"{found.namespace}-{found.told.name}",
            resource_version=str(found.version),
            generation=found.generation,
        ),
        spec=WorkloadSpec(
            replicas=found.replicas, template=PodTemplate(metadata=TemplateMeta(annotations=found.annotations))
        ),
        status=WorkloadStatus(
            observed_generation=found.generation - found.lag,
            replicas=len(alive),
            updated_replicas=sum(pod.template == found.template for pod in alive),
            ready_replicas=ready,
            available_replicas=ready,
        ),
    )


def pod_object(namespace: str, pod: SimulatedPod, start: datetime, now: float) -> Pod:
    condition = pod.condition(now)
    return Pod(
        metadata=ObjectMeta(
            name=pod.name, namespace=namespace, uid=pod.uid, creation_timestamp=start + timedelta(seconds=pod.created)
        ),
        spec=PodSpec(node_name=pod.node),
        status=PodStatus(
            phase="Running",
            reason=condition.reason,
            restarts=condition.restarts,
            conditions=[
                PodCondition(
                    type="Ready",
                    status="True" if condition.ready else "False",
                    reason=condition.reason,
                    last_transition_time=start + timedelta(seconds=pod.created + condition.since),
                )
            ],
        ),
    )


def autoscaler_object(found: SimulatedWorkload) -> Autoscaler | None:
    if (told := found.told.autoscaler) is None:
        return None
    name = found.told.name
    return Autoscaler(
        metadata=ObjectMeta(name=name, namespace=found.namespace, uid=f"hpa-{found.namespace}-{name}"),
        target=name,
        min_replicas=told.min_replicas,
        max_replicas=told.max_replicas,
    )


def pod_log(
    owner: SimulatedWorkload, pod: SimulatedPod, start: datetime, now: float, lines: int, previous: bool
) -> str:
    """What the container wrote at its last start, or the one before."""
    starts = pod.life.starts(now - pod.created)
    begun = starts[-2] if previous and len(starts) > 1 else starts[-1]
    at = start + timedelta(seconds=pod.created + begun)
    return "\n".join(f"{at:%FT%TZ} {line}" for line in owner.told.log[-lines:])


def pod_events(pod: SimulatedPod, start: datetime, now: float) -> list[Event]:
    restarts = pod.life.starts(now - pod.created)[1:]
    if not restarts:
        return []
    last = start + timedelta(seconds=pod.created + restarts[-1])
    return [Event(at=last, reason="BackOff", message="Back-off restarting failed container", count=len(restarts))]
