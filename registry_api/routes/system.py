"""Is it alive, is it ready, what does it measure. Open to everybody who can reach it."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from prometheus_client import generate_latest

from atom.errors import AtomError
from registry_api.metrics import REGISTRY
from registry_api.services import FromParts

router = APIRouter(tags=["system"])


@router.get("/healthz", summary="The process answers")
async def healthz() -> dict[str, str]:
    return {"status": "ok"}


@router.get("/readyz", summary="Everything that a request needs answers")
def readyz(parts: FromParts, response: Response) -> dict[str, Any]:
    checks: dict[str, str] = {}
    for name, check in (("database", parts.database.version), ("objects", parts.objects.check)):
        try:
            check()
            checks[name] = "ok"
        except AtomError as error:
            checks[name] = f"{error.code}: {error.found}"
            response.status_code = 503
    return {"status": "ready" if response.status_code != 503 else "not ready", "checks": checks}


@router.get("/metrics", summary="Prometheus metrics")
def metrics() -> Response:
    return Response(generate_latest(REGISTRY), media_type="text/plain; version=0.0.4; charset=utf-8")
