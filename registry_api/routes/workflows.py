"""Packages: upload, look up, dry run, revoke; and the request of a run."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter, BackgroundTasks, File, Header, Response, UploadFile
from pydantic import BaseModel, Field

from atom.errors import AtomError
from atom.flow import packages
from atom.flow.errors import UploadRefused
from atom.gate.verdict import Verdict
from atom.package.loader import wpk_schema
from atom.store import workflows as rows
from atom.store.workflows import Workflow
from atom.trust.errors import TrustError
from registry_api import metrics
from registry_api.auth import Caller, allowed
from registry_api.routes.pages import Cursor, Limit, page
from registry_api.routes.runs import run_view
from registry_api.services import FromParts, FromServices

router = APIRouter(tags=["workflows"])
_PRIVATE = {"cosign_blob", "object_key"}


class RunRequest(BaseModel):
    """What to run with. `trigger` is `manual` for a person."""

    parameters: dict[str, Any] = Field(default_factory=dict)


def workflow_view(workflow: Workflow) -> dict[str, Any]:
    return {name: value for name, value in asdict(workflow).items() if name not in _PRIVATE}


def verdict_view(verdict: Verdict) -> dict[str, Any]:
    """`issues` is the older name of `findings`."""
    body = verdict.as_dict()
    return body | {"digest": verdict.digest, "issues": body["findings"]}


@router.post("/workflows", status_code=201, summary="Upload a signed package")
def upload(
    parts: FromParts,
    response: Response,
    caller: Annotated[Caller, allowed("workflows.upload")],
    file: Annotated[UploadFile, File(description="The package, exactly as it was signed.")],
    signature: Annotated[UploadFile | None, File(description="Detached base64 signature (.sig).")] = None,
    bundle: Annotated[UploadFile | None, File(description="Sigstore bundle.")] = None,
) -> dict[str, Any]:
    """201 with the signer; 200 if these very bytes were there already; 400 for whatever is unsigned or unsound."""
    material = bundle or signature
    try:
        done = parts.admission.upload(
            caller.tenant, caller.subject, file.file.read(), material.file.read() if material else b""
        )
    except AtomError as error:
        cause = error.cause if isinstance(error, UploadRefused) else error
        metrics.UPLOADS.labels("refused", cause.code).inc()
        if isinstance(cause, TrustError):
            metrics.UNSIGNED.inc()
        raise
    metrics.UPLOADS.labels("accepted" if done.created else "repeated", "").inc()
    response.status_code = 201 if done.created else 200
    response.headers["Location"] = f"/workflows/{done.workflow.id}"
    return workflow_view(done.workflow) | {"verdict": verdict_view(done.verdict)}


@router.get("/workflows", summary="Packages, newest first")
def list_workflows(
    parts: FromParts, caller: Annotated[Caller, allowed("workflows.read")], limit: Limit = 50, cursor: Cursor = None
) -> dict[str, Any]:
    with parts.database.transaction(caller.tenant) as tx:
        found = rows.page(tx, limit=limit, before=cursor)
    return page(found, limit, workflow_view)


@router.get("/workflows/{reference}", summary="One package, by id, name or name@version")
def get_workflow(
    parts: FromParts, caller: Annotated[Caller, allowed("workflows.read")], reference: str
) -> dict[str, Any]:
    with parts.database.transaction(caller.tenant) as tx:
        return workflow_view(packages.find(tx, reference))


@router.post("/workflows/{reference}/dry-run", summary="The gate's verdict, nothing is run")
def dry_run(parts: FromParts, caller: Annotated[Caller, allowed("workflows.read")], reference: str) -> dict[str, Any]:
    with parts.database.transaction(caller.tenant) as tx:
        workflow = packages.find(tx, reference)
    package = parts.packages.load(workflow)
    with parts.database.transaction(caller.tenant) as tx:
        return verdict_view(packages.verdict_on(tx, package))


@router.post("/workflows/{reference}/revoke", summary="End a version: it does not run any more")
def revoke(parts: FromParts, caller: Annotated[Caller, allowed("workflows.revoke")], reference: str) -> dict[str, Any]:
    return workflow_view(parts.admission.revoke(caller.tenant, caller.subject, reference))


@router.post("/workflows/{reference}/runs", status_code=201, summary="Ask for a run", tags=["runs"])
def request_run(
    parts: FromParts,
    services: FromServices,
    background: BackgroundTasks,
    caller: Annotated[Caller, allowed("runs.request")],
    reference: str,
    wanted: RunRequest,
    idempotency_key: Annotated[str | None, Header(max_length=200, description="Same key, same run.")] = None,
) -> dict[str, Any]:
    run = parts.requests.request(
        caller.tenant, caller.subject, reference, wanted.parameters, idempotency_key=idempotency_key
    )
    metrics.RUNS.labels("requested").inc()
    if run.status == "queued":
        background.add_task(services.dagster.push, caller.tenant, run.id)
    return run_view(run)


@router.get("/schemas/wpk/v1", summary="JSON Schema of a package", tags=["schemas"])
def schema() -> dict[str, Any]:
    return wpk_schema()
