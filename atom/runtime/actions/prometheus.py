"""Metrics, by named queries only: a package chooses a question, it never writes one."""

from __future__ import annotations

from datetime import datetime

from atom.package.model import Effect
from atom.runtime.action import Call, Name, Namespace, Parameters, action
from atom.runtime.cluster import Query
from atom.runtime.objects import Value


class Ask(Parameters):
    query: Query
    namespace: Namespace
    workload: Name


class Answer(Value):
    value: float  # a CEL double: compare it with 0.0, or with double(params.x)
    at: datetime


@action("prom.query@v1", Effect.READ)
def query(call: Call, given: Ask) -> Answer:
    """Ask one named question about one workload."""
    return Answer(value=call.cluster.measure(given.query, given.namespace, given.workload), at=call.cluster.now())
