"""Rollouts: wait for them."""

from __future__ import annotations

from atom.package.model import Effect
from atom.runtime.action import Call, Permission, action
from atom.runtime.actions.workloads import Target
from atom.runtime.objects import Value

POLL_SECONDS = 5.0


class RolledOut(Value):
    replicas: int
    waited_seconds: float


@action("k8s.rollout.wait@v1", Effect.READ, Permission("apps", "deployments", ("get",)))
def wait(call: Call, given: Target) -> RolledOut:
    """Wait until the controller has acted on the present spec and every pod is ready, or the step's timeout."""
    began = call.cluster.now()
    while not (found := call.cluster.workload(given.namespace, given.name)).rolled_out:
        call.pause(POLL_SECONDS)
    waited = (call.cluster.now() - began).total_seconds()
    return RolledOut(replicas=found.spec.replicas, waited_seconds=waited)
