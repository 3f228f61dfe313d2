"""Pods of one workload: find the unhealthy, collect what they said, evict them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from atom.package.model import Effect
from atom.runtime.action import Call, Name, Namespace, Parameters, Permission, Span, action
from atom.runtime.errors import ActionInputRefused, PodNotReplaced
from atom.runtime.objects import Event, Pod, Value

POLL_SECONDS = 5.0
COLLECTED_BYTES = 32 * 1024  # of all logs together: with events and JSON escapes it stays below a step's 64 KiB
COLLECTED_EVENTS = 10  # a pod
_GET_PODS = Permission("", "pods", ("get", "list"))


class Unhealthy(Parameters):
    namespace: Namespace
    owner: Name
    unhealthy_for: Span = Field(default=timedelta(minutes=5), description="Ignore pods not ready for less than this.")
    limit: int = Field(default=5, ge=1, le=20, description="The most pods to name; the longest unready come first.")


class PodFound(Value):
    namespace: str
    owner: str
    name: str
    uid: str
    reason: str
    restarts: int
    unready_seconds: float


class PodsFound(Value):
    pods: list[PodFound]
    total: int


class PodRef(Parameters):
    """One pod as `k8s.pods.unhealthy` names it; what else it says is not needed."""

    model_config = ConfigDict(extra="ignore", alias_generator=to_camel, populate_by_name=True)
    namespace: Namespace
    owner: Name
    name: Name
    uid: str


Pods = Annotated[list[PodRef], Field(max_length=20)]


class Logs(Parameters):
    tail_lines: int = Field(default=100, ge=1, le=1000)
    previous: bool = Field(default=False, description="Of the container's life before its last restart.")


class Collect(Parameters):
    pods: Pods
    logs: Logs = Logs()
    events: bool = True


class Sample(Value):
    pod: str
    log: str
    truncated: bool
    events: list[Event]


class Samples(Value):
    samples: list[Sample]


class Delete(Parameters):
    pods: Pods = Field(description="Of one workload.")
    one_at_a_time: Literal[True] = Field(default=True, alias="oneAtATime")
    respect_pdb: Literal[True] = Field(default=True, alias="respectPDB", description="The eviction API always does.")
    wait_ready: Span = Field(default=timedelta(minutes=3), description="For each replacement, before the next.")


class Deleted(Value):
    changed: bool
    deleted: list[str]
    gone: list[str]  # were no longer there: nothing to do


@action("k8s.pods.unhealthy@v1", Effect.READ, Permission("apps", "deployments", ("get",)), _GET_PODS)
def unhealthy(call: Call, given: Unhealthy) -> PodsFound:
    """Name the pods of a workload that have not been ready for a while."""
    now = call.cluster.now()
    found = []
    for pod in call.cluster.pods(given.namespace, given.owner):
        if (since := pod.unready_since) and now - since >= given.unhealthy_for:
            found.append(_found(pod, given.owner, (now - since).total_seconds()))
    found.sort(key=lambda pod: (-pod.unready_seconds, pod.name))
    return PodsFound(pods=found[: given.limit], total=len(found))


@action(
    "k8s.pods.collect@v1",
    Effect.READ,
    Permission("", "pods/log", ("get",)),
    Permission("", "events", ("list",)),
)
def collect(call: Call, given: Collect) -> Samples:
    """Keep a bounded sample of logs and events, before a restart destroys them."""
    room = COLLECTED_BYTES // max(1, len(given.pods))
    return Samples(samples=[_sample(call, pod, given, room) for pod in given.pods])


@action(
    "k8s.pods.delete@v1",
    Effect.WRITE,
    Permission("apps", "deployments", ("get",)),
    _GET_PODS,
    Permission("", "pods/eviction", ("create",)),
)
def delete(call: Call, given: Delete) -> Deleted:
    """Evict pods one at a time, within disruption budgets and limits, waiting for each replacement."""
    deleted: list[str] = []
    if given.pods:
        live = _live(call, given.pods)
        wanted = [live[pod.uid] for pod in given.pods if pod.uid in live]
        for pod in wanted:
            _evict(call, pod, given)
            deleted.append(pod.metadata.name)
    gone = [pod.name for pod in given.pods if pod.name not in deleted]
    return Deleted(changed=bool(deleted) or call.wrote_before, deleted=deleted, gone=gone)


def _found(pod: Pod, owner: str, unready_seconds: float) -> PodFound:
    return PodFound(
        namespace=pod.metadata.namespace,
        owner=owner,
        name=pod.metadata.name,
        uid=pod.metadata.uid,
        reason=pod.status.reason,
        restarts=pod.status.restarts,
        unready_seconds=unready_seconds,
    )


def _sample(call: Call, pod: PodRef, given: Collect, room: int) -> Sample:
    """The end of the log is kept: a crash is there."""
    log = call.cluster.log(pod.namespace, pod.name, given.logs.tail_lines, given.logs.previous)
    kept = log.encode()[-room:].decode(errors="ignore")
    events = list(call.cluster.events(pod.namespace, pod.name))[-COLLECTED_EVENTS:] if given.events else []
    return Sample(pod=pod.name, log=kept, truncated=len(kept) < len(log), events=events)


def _live(call: Call, refs: list[PodRef]) -> Mapping[str, Pod]:
    """The owner's live pods by uid, once the limits allow all of `refs`. Whose pods they are is the cluster's word."""
    first = refs[0]
    if any((ref.namespace, ref.owner) != (first.namespace, first.owner) for ref in refs):
        raise ActionInputRefused("k8s.pods.delete@v1", "pods: of more than one workload")
    size = call.cluster.workload(first.namespace, first.owner).spec.replicas
    live = {pod.metadata.uid: pod for pod in call.cluster.pods(first.namespace, first.owner)}
    call.targets.claim(
        call.address("apps/v1", first.namespace, "Deployment", first.owner),
        {call.address("v1", ref.namespace, "Pod", ref.name) for ref in refs},
        size,
    )
    return live


def _evict(call: Call, pod: Pod, given: Delete) -> None:
    meta, owner = pod.metadata, given.pods[0].owner
    wanted = 1 + sum(
        other.unready_since is None and other.metadata.uid != meta.uid
        for other in call.cluster.pods(meta.namespace, owner)
    )
    address = call.address("v1", meta.namespace, "Pod", meta.name)
    with call.writing(address, "evict", pod, undo="none: its controller creates another pod"):
        call.cluster.evict(meta.namespace, meta.name, meta.uid)
    deadline = call.cluster.now() + given.wait_ready
    while (ready := call.cluster.workload(meta.namespace, owner).status.ready_replicas) < wanted:
        if call.cluster.now() >= deadline:
            raise PodNotReplaced(meta.name, ready, wanted, given.wait_ready)
        call.pause(POLL_SECONDS)
