"""HorizontalPodAutoscalers: whose replica count is whose."""

from __future__ import annotations

from atom.package.model import Effect
from atom.runtime.action import Call, Permission, action
from atom.runtime.actions.workloads import Target
from atom.runtime.objects import Autoscaler, Value


class Autoscalers(Value):
    items: list[Autoscaler]


@action("k8s.hpa.for-workload@v1", Effect.READ, Permission("autoscaling", "horizontalpodautoscalers", ("list",)))
def for_workload(call: Call, given: Target) -> Autoscalers:
    """Find the autoscalers that own a workload's replica count."""
    return Autoscalers(items=[hpa for hpa in call.cluster.autoscalers(given.namespace) if hpa.target == given.name])
