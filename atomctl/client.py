"""The registry as a Python object: requests out, plain JSON in, every failure one of `atomctl.errors`."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlsplit

import httpx

from atomctl.errors import NotARegistry, RegistryRefused, RegistryUnreachable

_TIMEOUT = httpx.Timeout(30, connect=5)  # seconds
_PAUSES = (0.2, 0.8)  # seconds before the second and the third try
_TRY_AGAIN = {502, 503, 504}
_MOST = 64 << 20  # bytes of one JSON answer; evidence is the largest, at 32 MiB
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class Registry:
    """One registry, asked by one person.

    A connection that was refused is tried three times. Whether a request that broke off was carried out is unknown, so
    only those that may be repeated are: reads, and writes that the registry recognises when they come again.
    Every method raises RegistryRefused, RegistryUnreachable or NotARegistry.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url.rstrip("/")
        address = urlsplit(self.url)
        if address.scheme not in ("http", "https") or not address.hostname:
            raise NotARegistry(self.url, "no address of the form http://host:port")
        self._client = httpx.Client(
            base_url=self.url,
            timeout=_TIMEOUT,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            trust_env=address.hostname not in _LOOPBACK,  # no proxy between two processes of one machine
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._client.close()

    def get(self, path: str, **query: object) -> Any:
        """The JSON at `path`; a query parameter that is None is left out."""
        given = {name: str(value) for name, value in query.items() if value is not None}
        return self._ask(self._client.build_request("GET", path, params=given), repeatable=True)

    def post(self, path: str, body: object = None, *, repeatable: bool = False, key: str | None = None) -> Any:
        """What the registry answers to `body`. With an idempotency `key` the request may be repeated."""
        headers = {"Idempotency-Key": key} if key else {}
        request = self._client.build_request("POST", path, json=body, headers=headers)
        return self._ask(request, repeatable=repeatable or key is not None)

    def upload(self, path: str, files: Mapping[str, tuple[str, bytes]]) -> Any:
        """Multipart. Content-addressed on the other side, hence repeatable."""
        return self._ask(self._client.build_request("POST", path, files=dict(files)), repeatable=True)

    def delete(self, path: str) -> Any:
        return self._ask(self._client.build_request("DELETE", path), repeatable=True)

    @contextmanager
    def download(self, path: str) -> Iterator[Iterator[bytes]]:
        """The bytes at `path`, in pieces."""
        try:
            with self._client.stream("GET", path) as response:
                if response.status_code >= 400:
                    raise self._refusal(response.status_code, _read(response))
                yield response.iter_bytes()
        except httpx.TransportError as error:
            raise self._unreachable(error) from error

    def _ask(self, request: httpx.Request, *, repeatable: bool) -> Any:
        for pause in (*_PAUSES, None):
            try:
                response = self._client.send(request, stream=True)
                try:
                    status, body = response.status_code, _read(response)
                finally:
                    response.close()
            except httpx.TransportError as error:
                if pause is None or not (repeatable or isinstance(error, httpx.ConnectError | httpx.ConnectTimeout)):
                    raise self._unreachable(error) from error
            else:
                if pause is None or not (repeatable and status in _TRY_AGAIN):
                    return self._answer(status, body)
            time.sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _answer(self, status: int, body: bytes) -> Any:
        if status >= 400:
            raise self._refusal(status, body)
        try:
            return json.loads(body)
        except ValueError:
            raise NotARegistry(self.url, f"status {status} and no JSON") from None

    def _refusal(self, status: int, body: bytes) -> RegistryRefused | NotARegistry:
        try:
            problem = json.loads(body)
        except ValueError:
            problem = None
        if not isinstance(problem, dict) or "code" not in problem:
            return NotARegistry(self.url, f"status {status} without problem details")
        return RegistryRefused(status, problem)

    def _unreachable(self, error: httpx.TransportError) -> RegistryUnreachable:
        return RegistryUnreachable(self.url, str(error) or type(error).__name__)


def segment(name: object) -> str:
    """`name` as one segment of a path."""
    return quote(str(name), safe="@")


def _read(response: httpx.Response) -> bytes:
    body = bytearray()
    for piece in response.iter_bytes():
        body += piece
        if len(body) > _MOST:
            raise NotARegistry(str(response.url), f"an answer of more than {_MOST} bytes")
    return bytes(body)
