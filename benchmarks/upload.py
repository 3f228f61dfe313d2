"""Upload → 201: how long, how many a second, and which part of it goes where."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime

import httpx

from atom.flow.packages import trust_policy
from atom.flow.parts import Parts
from atom.gate.verdict import judge
from atom.package.loader import load_package
from atom.runtime.actions import known_actions
from atom.store.vault import Vault
from atom.trust.verify import verify_signature
from benchmarks.people import Line, People, people
from benchmarks.stack import Running
from benchmarks.table import Figure, latencies, median

_PEER = "GET /healthz"
_WARM = 20  # uploads that are not counted: threads, connections and caches that the first requests make


@dataclass(frozen=True, slots=True)
class Timed:
    """`seconds` of each request, and of all of them together."""

    seconds: list[float]
    wall: float

    @property
    def rate(self) -> float:
        return len(self.seconds) / self.wall


def measure(stack: Running, *, quick: bool) -> list[Figure]:
    """With 1 and with 8 clients, each upload a new version signed beforehand; then the parts of one."""
    count = 50 if quick else 400
    with people(stack, "bench-upload") as who:
        _send(stack, [who.upload(stack.url, f"1.0.0-warm.{n}") for n in range(_WARM)], 201, clients=8)
        figures: list[Figure] = []
        for clients in (1, 8):
            health = [httpx.Request("GET", f"{stack.url}/healthz")] * (5 * count)
            uploads = [who.upload(stack.url, f"1.0.0-c{clients}.{n}") for n in range(count)]
            peer, done = _send(stack, health, 200, clients), _send(stack, uploads, 201, clients)
            who_many = "1 client" if clients == 1 else f"{clients} clients"
            name, peer_name = f"upload, {who_many}", f"{_PEER}, {who_many}"
            figures += latencies(name, done.seconds, peer_name, peer.seconds, 0.5, 0.99)
            figures.append(Figure(f"{name}: uploads", done.rate, "/s", count, peer_name, peer.rate))
            if clients == 1:
                whole = median(done.seconds)
        return figures + _parts(stack, who, whole, count)


def _send(stack: Running, requests: list[httpx.Request], expected: int, clients: int) -> Timed:
    """All requests, each client sending its next one as soon as the last was answered."""
    waiting = iter(requests)  # next() of a list's iterator is one step of the interpreter: threads may share it
    seconds: list[float] = []

    def client() -> None:
        line = Line(stack.url)
        with suppress(StopIteration):
            while True:
                request = next(waiting)
                began = time.perf_counter()
                line.send(request, expected)
                seconds.append(time.perf_counter() - began)
        line.close()

    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as pool:
        for done in [pool.submit(client) for _ in range(clients)]:
            done.result()
    return Timed(seconds, time.perf_counter() - began)


def _parts(stack: Running, who: People, whole: float, count: int) -> list[Figure]:
    """The same upload in this process, by the same parts that the server has; each part as a share of the request."""
    settings = stack.settings()
    parts = Parts.from_settings(settings, Vault.from_settings(settings))
    tenant = parts.database.tenants()[0].id
    packages = [who.package(f"1.0.0-p.{n}") for n in range(count)]
    with parts.database.transaction(tenant) as tx:
        policy = trust_policy(tx)
    try:
        parts.admission.upload(tenant, "alice", *who.package("1.0.0-p.warm"))
        now = datetime.now(UTC)
        loaded = [load_package(data) for data, _ in packages]
        verify = _median(lambda n: verify_signature(*packages[n], policy, None, now), count)
        parse = _median(lambda n: load_package(packages[n][0]), count)
        gate = _median(lambda n: judge(loaded[n], known_actions()), count)
        put = _median(lambda n: parts.objects.put(f"packages/{tenant}/bench-{uuid.uuid4()}", packages[n][0]), count)
        inside = _median(lambda n: parts.admission.upload(tenant, "alice", *packages[n]), count)
    finally:
        parts.close()
    shares = {
        "verify the signature": verify,
        "parse strictly, schema": parse,
        "gate": gate,
        "object put": put,
        "three transactions": inside - verify - parse - gate - put,
        "HTTP, token, multipart, answer": whole - inside,
    }
    peer = "upload, 1 client p50"
    return [Figure(f"  of which {n}", s * 1000, "ms", count, peer, whole * 1000) for n, s in shares.items()]


def _median(action: Callable[[int], object], count: int) -> float:
    """Seconds."""

    def once(n: int) -> float:
        began = time.perf_counter()
        action(n)
        return time.perf_counter() - began

    return median([once(n) for n in range(count)])
