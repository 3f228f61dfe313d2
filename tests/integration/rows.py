"""Rows as the application writes them, for tests of what stands below the use cases."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from atom.store import runs, workflows
from atom.store.database import Transaction, new_id
from atom.store.runs import Run, Status
from atom.store.workflows import Workflow

DIGEST = "sha256:" + "a" * 64
# How a run comes to each state.
WAY: dict[str, list[Status]] = {
    "pending_approval": ["pending_approval"],
    "queued": ["queued"],
    "running": ["queued", "running"],
    "succeeded": ["queued", "running", "succeeded"],
    "failed": ["queued", "running", "failed"],
    "rolled_back": ["queued", "running", "rolled_back"],
    "cancelled": ["queued", "cancelled"],
    "rejected": ["pending_approval", "rejected"],
    "expired": ["pending_approval", "expired"],
    "unknown": ["queued", "running", "unknown"],
}


def a_workflow(tx: Transaction, **other: Any) -> Workflow:
    fields: dict[str, Any] = {
        "id": new_id(),
        "name": f"workflow-{uuid.uuid4().hex[:8]}",
        "version": "1.0.0",
        "digest": f"sha256:{uuid.uuid4().hex * 2}",
        "title": "A title",
        "size": 1,
        "object_key": "packages/none",
        "signer": "release",
        "sig_kind": "bundle",
        "key_id": DIGEST,
        "sig_time": None,
        "cosign_blob": b"{}",
        "published_by": "alice",
        "received_at": datetime.now(UTC),
        "revoked_at": None,
    }
    workflow = Workflow(**(fields | other))
    assert workflows.insert(tx, workflow)
    return workflow


def a_run(
    tx: Transaction, workflow: Workflow, status: str = "queued", *, way: Sequence[Status] = (), **other: Any
) -> Run:
    """A run that came to `status` the ordinary way, or the given one."""
    first, *rest = way or WAY[status]
    run_id = new_id()
    fields: dict[str, Any] = {
        "workflow_id": workflow.id,
        "package_digest": workflow.digest,
        "parameters": {},
        "parameters_digest": DIGEST,
        "verdict_digest": DIGEST,
        "trigger": "manual",
        "idempotency_key": None,
        "status": first,
        "requested_by": "bob",
        "expires_at": datetime.now(UTC) + timedelta(hours=1),
    }
    assert runs.insert(tx, id=run_id, **(fields | other))
    for state in rest:
        if state == "running":
            claim(tx, run_id)
        else:
            runs.move(tx, run_id, to=state, outcome=state)
    run = runs.by_id(tx, run_id)
    assert run is not None
    return run


def claim(tx: Transaction, run_id: uuid.UUID, *, attempt: int = 1, worker: str = "w1", seconds: int = 30) -> bool:
    return runs.claim(
        tx, run_id, attempt=attempt, worker=worker, dagster_run_id="d1", seconds=seconds, cosign_sig="c2ln"
    )
