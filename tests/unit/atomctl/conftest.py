"""A real HTTP server that answers what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from atomctl.main import app


@dataclass
class Asked:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class FakeServer:
    """`say` queues answers for one method and path (without its query); the last one is repeated."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    answers: dict[tuple[str, str], list[tuple[int, bytes]]] = field(default_factory=dict)

    def say(self, method: str, path: str, *bodies: object, status: int = 200) -> None:
        encoded = [body if isinstance(body, bytes) else json.dumps(body).encode() for body in bodies]
        self.answers.setdefault((method, path), []).extend((status, body) for body in encoded)

    def refuse(self, method: str, path: str, status: int, **facts: str) -> None:
        problem = {"type": "urn:atom:problem:test", "status": status, "code": "test", "title": "It was refused"}
        known = {"expected": "this", "found": "that", "remedy": "do so", "detail": "expected this; found that"}
        self.say(method, path, problem | known | facts, status=status)

    def next(self, method: str, path: str) -> tuple[int, bytes]:
        queue = self.answers.get((method, path.partition("?")[0]))
        if not queue:
            return 404, json.dumps({"code": "not-found", "title": "Not Found", "detail": path}).encode()
        return queue.pop(0) if len(queue) > 1 else queue[0]


@pytest.fixture
def registry() -> Iterator[FakeServer]:
    fake = FakeServer()

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            fake.asked.append(Asked(self.command, self.path, dict(self.headers), body))
            status, answer = fake.next(self.command, self.path)
            if status == 0:  # hang up without an answer
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        do_GET = do_POST = do_DELETE = _answer  # names that http.server looks for

        def log_message(self, format: str, *args: object) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    fake.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield fake
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def atomctl(registry: FakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`atomctl("runs", "--json")` in an empty folder, against the server above."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("COSIGN_PASSWORD", raising=False)

    def run(*arguments: str, **more: Any) -> Result:
        environment = {"ATOM_URL": registry.url, "ATOM_TOKEN": "t0ken", "ATOM_HOME": str(tmp_path / "home")}
        return CliRunner().invoke(app, list(arguments), env=environment | more.pop("env", {}), **more)

    return run


RUN_ID = "01939f2e-7f3c-7c1a-b7a0-6a9d3c1f2b11"


@pytest.fixture
def run_row() -> dict[str, Any]:
    """One run as the registry tells it."""
    times = dict.fromkeys(("approved_at", "started_at", "finished_at"))
    return times | {
        "id": RUN_ID,
        "workflow": "restart-unhealthy",
        "version": "1.0.0",
        "parameters": {"namespace": "shop", "deployment": "cart"},
        "verdict_digest": "sha256:" + "a" * 64,
        "status": "pending_approval",
        "outcome": None,
        "requested_by": "bob",
        "requested_at": "2026-11-22T10:00:00+00:00",
        "approved_by": None,
        "cluster": None,
        "error": None,
        "immutable_log_path": None,
        "steps": [],
        "decisions": [],
    }
