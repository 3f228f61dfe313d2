"""What was learnt from runs: similar runs, signals, datasets."""

from __future__ import annotations

from dataclasses import asdict
from itertools import chain
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse

from atom.errors import NotFound
from atom.store import datasets as dataset_rows
from atom.store import signals as signal_rows
from atom.store.datasets import DatasetRow
from registry_api.auth import Caller, allowed
from registry_api.routes.pages import Limit
from registry_api.services import FromParts

router = APIRouter(tags=["learning"])


class UnknownDataset(NotFound):
    """There is no such dataset, or no such file in it."""

    def __init__(self, what: str) -> None:
        super().__init__(
            expected="a version and a file from GET /datasets", found=what, remedy="see `atomctl datasets list`"
        )


@router.get("/search/runs", summary="Past runs that read like this text")
def search_runs(
    parts: FromParts,
    caller: Annotated[Caller, allowed("learning.read")],
    text: Annotated[str, Query(min_length=1, max_length=2000)],
    limit: Annotated[int, Query(ge=1, le=50)] = 5,
    outcome: Annotated[str | None, Query(max_length=40)] = None,
) -> dict[str, Any]:
    return {"items": [asdict(hit) for hit in parts.learning.search(caller.tenant, text, limit=limit, outcome=outcome)]}


@router.get("/signals", summary="Anomalies found in run history, newest first")
def list_signals(
    parts: FromParts, caller: Annotated[Caller, allowed("learning.read")], limit: Limit = 50
) -> dict[str, Any]:
    with parts.database.transaction(caller.tenant) as tx:
        return {"items": [asdict(signal) for signal in signal_rows.newest(tx, limit=limit)]}


@router.get("/datasets", summary="Training exports, newest first")
def list_datasets(
    parts: FromParts, caller: Annotated[Caller, allowed("learning.read")], limit: Limit = 50
) -> dict[str, Any]:
    with parts.database.transaction(caller.tenant) as tx:
        return {"items": [dataset_view(row) for row in dataset_rows.newest(tx, limit=limit)]}


@router.get("/datasets/{version}/{path:path}", summary="One file of a training export")
def dataset_file(
    parts: FromParts, caller: Annotated[Caller, allowed("learning.read")], version: str, path: str
) -> StreamingResponse:
    with parts.database.transaction(caller.tenant) as tx:
        found = dataset_rows.by_version(tx, version)
    files = {file["path"]: file for file in found.manifest["files"]} if found else {}
    if found is None or (path != "manifest.json" and path not in files):
        raise UnknownDataset(f"{version}/{path}")
    chunks = parts.objects.stream(f"{found.object_prefix}{path}")
    first = next(chunks, b"")  # what is wrong with the object is told before a status is
    return StreamingResponse(chain([first], chunks), media_type="application/octet-stream")


def dataset_view(row: DatasetRow) -> dict[str, Any]:
    return {name: value for name, value in asdict(row).items() if name != "object_prefix"}
