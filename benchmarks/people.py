"""Who asks: one registry client a person, a trusted key, and packages signed beforehand."""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from atom.local.issuer import issue_token
from atom.trust.keys import PrivateKey, generate_key_pair, load_private_key
from atom.trust.sign import sign_bundle
from atomctl.client import Registry
from benchmarks.stack import Running

PLAYBOOK = Path(__file__).parents[1] / "examples" / "playbooks" / "restart-unhealthy.wpk.yaml"
NAME = "restart-unhealthy"
_TENANT, _HOUR = "default", 3600
_PASSWORD = b"a benchmark needs no secret"


@dataclass(frozen=True)
class People:
    """`author` is a publisher's token; `operator` requests runs, `approver` approves them, `viewer` looks."""

    author: str
    operator: Registry
    approver: Registry
    viewer: Registry
    key: PrivateKey

    def package(self, version: str) -> tuple[bytes, bytes]:
        """The playbook under another version, and its bundle."""
        data = PLAYBOOK.read_bytes().replace(b"version: 1.0.0", f"version: {version}".encode(), 1)
        return data, sign_bundle(data, self.key)

    def upload(self, url: str, version: str) -> httpx.Request:
        """The whole request, built beforehand: the benchmark's own work must not count."""
        data, bundle = self.package(version)
        files = {"file": ("p.wpk.yaml", data), "bundle": ("p.sigstore.json", bundle)}
        request = httpx.Request("POST", f"{url}/workflows", files=files, headers=_bearer(self.author))
        request.read()
        return request


class Line:
    """One kept-alive connection to the registry, with as little Python around it as there can be."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)

    def send(self, request: httpx.Request, expected: int) -> bytes:
        """The body of the answer. Raises RuntimeError for any status but `expected`."""
        headers = {name: value for name, value in request.headers.items() if name != "connection"}
        self._connection.request(request.method, request.url.path, request.content or None, headers)
        answer = self._connection.getresponse()
        body = answer.read()
        if answer.status != expected:
            raise RuntimeError(f"{request.method} {request.url.path}: {answer.status} {body[:500]!r}")
        return body

    def close(self) -> None:
        self._connection.close()


@contextmanager
def people(stack: Running, key_name: str) -> Iterator[People]:
    """Everybody signed in, and a fresh key trusted under `key_name`."""

    def registry(name: str, role: str) -> Registry:
        return Registry(stack.url, issue_token(stack.home, name, [role], _TENANT, _HOUR))

    private, public = generate_key_pair(_PASSWORD)
    admin, operator, approver, viewer = (
        registry(*who)
        for who in (("dora", "tenant-admin"), ("bob", "operator"), ("carol", "approver"), ("frank", "viewer"))
    )
    with admin, operator, approver, viewer:
        admin.post("/keys", {"name": key_name, "pem": public})
        author = issue_token(stack.home, "alice", ["publisher"], _TENANT, _HOUR)
        yield People(author, operator, approver, viewer, load_private_key(private, _PASSWORD))


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}
