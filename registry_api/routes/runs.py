"""Runs: look up, decide, cancel, and take their evidence away."""

from __future__ import annotations

import uuid
from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, Query
from pydantic import BaseModel, Field

from atom.evidence.file import collect
from atom.store import approvals, runs, steps, verdicts, workflows
from atom.store.runs import Run, Status
from registry_api import metrics
from registry_api.auth import Caller, allowed
from registry_api.routes.pages import Cursor, Limit, page
from registry_api.services import FromParts, FromServices

router = APIRouter(prefix="/runs", tags=["runs"])


class Decision(BaseModel):
    """`verdict_digest` is the verdict that the approver saw; another one by now makes the approval void."""

    reason: str | None = Field(None, max_length=2000)
    verdict_digest: str | None = None


def run_view(run: Run) -> dict[str, Any]:
    return asdict(run)


@router.get("", summary="Runs, newest first")
def list_runs(
    parts: FromParts,
    caller: Annotated[Caller, allowed("runs.read")],
    limit: Limit = 50,
    cursor: Cursor = None,
    status: Annotated[Status | None, Query()] = None,
    workflow: Annotated[str | None, Query(max_length=63)] = None,
) -> dict[str, Any]:
    with parts.database.transaction(caller.tenant) as tx:
        found = runs.page(tx, limit=limit, before=cursor, status=status, workflow=workflow)
    return page(found, limit, run_view)


@router.get("/{run_id}", summary="One run with its steps and decisions")
def get_run(parts: FromParts, caller: Annotated[Caller, allowed("runs.read")], run_id: uuid.UUID) -> dict[str, Any]:
    run = parts.requests.get(caller.tenant, run_id)
    with parts.database.transaction(caller.tenant) as tx:
        return run_view(run) | {
            "steps": [asdict(step) for step in steps.of_run(tx, run_id)],
            "decisions": [asdict(row) for row in approvals.of_run(tx, run_id)],
        }


@router.post("/{run_id}/approve", summary="A second person's yes")
def approve(
    parts: FromParts,
    services: FromServices,
    background: BackgroundTasks,
    caller: Annotated[Caller, allowed("runs.decide")],
    run_id: uuid.UUID,
    decision: Decision | None = None,
) -> dict[str, Any]:
    told = decision or Decision(reason=None, verdict_digest=None)
    run = parts.requests.approve(caller.tenant, caller.subject, run_id, reason=told.reason, seen=told.verdict_digest)
    metrics.RUNS.labels("approved").inc()
    if run.status == "queued":
        background.add_task(services.dagster.push, caller.tenant, run.id)
    return run_view(run)


@router.post("/{run_id}/reject", summary="A second person's no")
def reject(
    parts: FromParts,
    caller: Annotated[Caller, allowed("runs.decide")],
    run_id: uuid.UUID,
    decision: Decision | None = None,
) -> dict[str, Any]:
    run = parts.requests.reject(caller.tenant, caller.subject, run_id, reason=decision.reason if decision else None)
    metrics.RUNS.labels("rejected").inc()
    return run_view(run)


@router.post("/{run_id}/cancel", summary="End a waiting run, or stop a running one at its next safe point")
def cancel(parts: FromParts, caller: Annotated[Caller, allowed("runs.cancel")], run_id: uuid.UUID) -> dict[str, Any]:
    run = parts.requests.cancel(caller.tenant, caller.subject, run_id)
    metrics.RUNS.labels("cancelled").inc()
    return run_view(run)


@router.get("/{run_id}/evidence", summary="Everything an auditor needs, in one file", tags=["evidence"])
def evidence(
    parts: FromParts, caller: Annotated[Caller, allowed("evidence.read")], run_id: uuid.UUID
) -> dict[str, Any]:
    run = parts.requests.get(caller.tenant, run_id)
    with parts.database.transaction(caller.tenant) as tx:
        workflow = workflows.by_id(tx, run.workflow_id)
    assert workflow is not None  # foreign key
    package = parts.packages.read(workflow)
    with parts.database.transaction(caller.tenant) as tx:
        return collect(tx, run_id, package, verdicts.by_digest(tx, run.verdict_digest))
