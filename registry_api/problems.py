"""Errors as problem+json (RFC 9457): what was expected, what was found, what to do. Never a traceback, never a secret."""

from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from atom.errors import (
    AtomError,
    Conflict,
    Forbidden,
    InvalidInput,
    Misconfigured,
    NotFound,
    TooLarge,
    Unauthenticated,
    Unavailable,
)
from atom.flow.errors import UploadRefused

_log = logging.getLogger(__name__)
_STATUS: tuple[tuple[type[AtomError], int], ...] = (  # the first that fits
    (UploadRefused, 400),
    (TooLarge, 413),
    (InvalidInput, 400),
    (Unauthenticated, 401),
    (Forbidden, 403),
    (NotFound, 404),
    (Conflict, 409),
    (Unavailable, 503),
    (Misconfigured, 503),
    (AtomError, 500),
)


class RequestMalformed(InvalidInput):
    """The request does not have the form that this route takes."""

    def __init__(self, found: str) -> None:
        super().__init__(expected="a request as in /docs", found=found, remedy="correct it; nothing was done")


class _Problem(JSONResponse):
    """In ASCII: what was found may be half a surrogate pair, which UTF-8 has no bytes for."""

    media_type = "application/problem+json"

    def render(self, content: Any) -> bytes:
        return json.dumps(content).encode("ascii")


def install(app: FastAPI) -> None:
    """Every way in which a request can fail ends in one of these."""
    app.add_exception_handler(AtomError, _atom_error)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _bug)


def problem(error: AtomError) -> JSONResponse:
    status = next(status for kind, status in _STATUS if isinstance(error, kind))
    headers = {"WWW-Authenticate": "Bearer"} if status == 401 else {"Retry-After": "5"} if status == 503 else {}
    facts = error.as_dict()
    body = {"type": f"urn:atom:problem:{facts['code']}", "status": status, "detail": str(error), **facts}
    return _Problem(body, status, headers)


def _atom_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, AtomError)  # registered for these
    response = problem(error)
    if response.status_code >= 500:
        _log.warning("%s %s: %s", request.method, request.url.path, error)
    return response


def _malformed(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # registered for these
    found = "; ".join(f"{'.'.join(str(part) for part in e['loc'])}: {e['msg']}" for e in error.errors()[:5])
    return problem(RequestMalformed(found))


def _http_error(_: Request, error: Exception) -> Response:
    """Starlette's own: no such route, wrong method, a body that is not what its type says."""
    assert isinstance(error, HTTPException)  # registered for these
    title = HTTPStatus(error.status_code).phrase
    body = {
        "type": "about:blank",
        "status": error.status_code,
        "title": title,
        "code": title.lower().replace(" ", "-"),
        "detail": str(error.detail),
        "expected": "a method, path and body as in /docs",
        "found": str(error.detail),
        "remedy": "correct the request; nothing was done",
    }
    return _Problem(body, error.status_code, error.headers)


def _bug(request: Request, error: Exception) -> Response:
    _log.exception("%s %s", request.method, request.url.path, exc_info=error)
    body = {
        "type": "urn:atom:problem:bug",
        "status": 500,
        "title": "Atom has a bug",
        "code": "bug",
        "detail": "The request failed in a way that nobody foresaw; the registry's log has the details.",
        "expected": "an answer, or an error that says what to do",
        "found": "an error that nobody foresaw",
        "remedy": "look whether the request took effect, and report the bug with the registry's log",
    }
    return _Problem(body, 500)
