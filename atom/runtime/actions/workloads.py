"""Deployments: read, resize, restart."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from atom.package.model import Effect
from atom.runtime.action import Call, Name, Namespace, Parameters, Permission, action
from atom.runtime.errors import ReplicasNotAsExpected
from atom.runtime.objects import RESTARTED_AT, RESTARTED_BY, Value, Workload


class Target(Parameters):
    kind: Literal["Deployment"] = "Deployment"
    namespace: Namespace
    name: Name

    def address(self, call: Call) -> str:
        return call.address("apps/v1", self.namespace, self.kind, self.name)


class Scale(Target):
    replicas: int = Field(ge=0, le=1000)
    expect_replicas: int | None = Field(default=None, ge=0, description="Refuse, as a conflict, from any other size.")


class Scaled(Value):
    changed: bool
    before: int
    after: int


class Restarted(Value):
    changed: bool
    generation: int


@action("k8s.workload.get@v1", Effect.READ, Permission("apps", "deployments", ("get",)))
def get(call: Call, given: Target) -> Workload:
    """Read a workload's size, generation and status."""
    return call.cluster.workload(given.namespace, given.name)


@action(
    "k8s.workload.scale@v1",
    Effect.WRITE,
    Permission("apps", "deployments", ("get",)),
    Permission("apps", "deployments/scale", ("get", "patch")),
)
def scale(call: Call, given: Scale) -> Scaled:
    """Set a workload's replica count, if it still has the size that was expected."""
    found = call.cluster.workload(given.namespace, given.name)
    size = found.spec.replicas
    if size == given.replicas:
        # Already there: by our own earlier attempt, whose answer was lost or came too late, or by somebody else.
        before = given.expect_replicas if call.wrote_before and given.expect_replicas is not None else size
        return Scaled(changed=call.wrote_before, before=before, after=size)
    if given.expect_replicas not in (None, size):
        raise ReplicasNotAsExpected(given.name, given.expect_replicas or 0, size)
    call.targets.claim(given.address(call), {given.address(call)}, size=1)
    with call.writing(given.address(call), "scale", found, undo=f"scale back to {size}") as write:
        write.after = call.cluster.scale(given.namespace, given.name, given.replicas, found.metadata.resource_version)
    return Scaled(changed=True, before=size, after=given.replicas)


@action("k8s.workload.restart@v1", Effect.WRITE, Permission("apps", "deployments", ("get", "patch")))
def restart(call: Call, given: Target) -> Restarted:
    """Replace every pod of a workload, one after the other, by a new rollout of the same template."""
    found = call.cluster.workload(given.namespace, given.name)
    if found.spec.template.metadata.annotations.get(RESTARTED_BY) == call.mark:
        return Restarted(changed=call.wrote_before, generation=found.metadata.generation)
    call.targets.claim(given.address(call), {given.address(call)}, size=1)
    annotations = {RESTARTED_AT: f"{call.cluster.now():%FT%TZ}", RESTARTED_BY: call.mark}
    with call.writing(given.address(call), "patch", found, undo="none: the spec is the same") as write:
        after = write.after = call.cluster.annotate_template(
            given.namespace, given.name, annotations, found.metadata.resource_version
        )
    return Restarted(changed=True, generation=after.metadata.generation)
