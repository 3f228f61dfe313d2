"""Runs to learn from, built from one good example."""

from __future__ import annotations

import uuid
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from atom.dataset.runs import Decision, RunFacts, StepFacts

NOON = datetime(2026, 10, 3, 12, tzinfo=UTC)
TENANT = uuid.UUID("018f0000-0000-7000-8000-000000000001")
KEY = b"k" * 32
STEPS = (
    StepFacts("has-spare-capacity", "preflight", "k8s.workload.get@v1", "read", "succeeded", 0.1),
    StepFacts("find", "step", "k8s.pods.unhealthy@v1", "read", "succeeded", 0.2),
    StepFacts("restart", "step", "k8s.pods.delete@v1", "write", "succeeded", 4.0),
    StepFacts("all-ready", "verify", "k8s.workload.get@v1", "read", "succeeded", 2.0),
)


def facts(number: int = 1, **changes: Any) -> RunFacts:
    """Run `number` of restart-unhealthy on shop/cart: approved after 74 s, verified 192 s after its request."""
    requested = changes.pop("requested_at", NOON)
    good = RunFacts(
        tenant_id=TENANT,
        run_id=uuid.UUID(int=number),
        workflow="restart-unhealthy",
        version="1.4.2",
        package_digest="sha256:" + "a" * 64,
        parameters={"namespace": "shop", "deployment": "cart", "unhealthyFor": "5m", "maxPods": 2},
        trigger="alertmanager",
        requested_at=requested,
        approved_at=requested + timedelta(seconds=74),
        started_at=requested + timedelta(seconds=76),
        finished_at=requested + timedelta(seconds=192),
        status="succeeded",
        outcome="verified",
        error=None,
        score=41,
        risk="caution",
        mode="manual",
        steps=STEPS,
        effects={"read": 3, "write": 1},
        cluster="simulator",
        export="allow",
        cause_classes=("crash-loop", "deadlock"),
        audit_path="audit/0001.json",
        audit_digest="sha256:" + "b" * 64,
        decisions=(Decision("approve", 74.0),),
    )
    return replace(good, **changes)


def ending(**statuses: str) -> tuple[StepFacts, ...]:
    """STEPS with other endings, by step id with _ for -."""
    changed = {name.replace("_", "-"): status for name, status in statuses.items()}
    return tuple(replace(step, status=changed.get(step.id, step.status)) for step in STEPS)
