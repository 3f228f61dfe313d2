"""The application: everything meets here and nowhere else."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.metadata import version

from fastapi import FastAPI, Request, Response

from registry_api import metrics, problems
from registry_api.body import LimitBody
from registry_api.routes import keys, learning, runs, system, workflows
from registry_api.services import Services

_METHODS = {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"}
_DESCRIPTION = """Signed runbooks go in; governed runs, evidence and training data come out.

Errors are `application/problem+json` with `code`, `expected`, `found` and `remedy`."""


def create_app(services: Services) -> FastAPI:
    """An application over ready-made services; it closes them when it stops."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        services.close()

    app = FastAPI(title="Atom registry", version=version("atom-wpk"), description=_DESCRIPTION, lifespan=lifespan)
    app.state.services = services
    for routes in (workflows, runs, keys, learning, system):
        app.include_router(routes.router)
    problems.install(app)
    app.add_middleware(LimitBody)
    app.middleware("http")(_timed)
    return app


async def _timed(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
    started = time.perf_counter()
    response = await call_next(request)
    route = request.scope.get("route")
    method = request.method if request.method in _METHODS else "other"  # anybody can make up more
    metrics.SECONDS.labels(method, getattr(route, "path", "unknown"), response.status_code).observe(
        time.perf_counter() - started
    )
    return response
