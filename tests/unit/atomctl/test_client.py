"""The client repeats only what may be repeated, and names every way in which a registry can fail."""

from __future__ import annotations

import socket

import pytest

from atom.errors import Conflict, Unavailable
from atomctl import client
from atomctl.client import Registry, segment
from atomctl.errors import NotARegistry, RegistryRefused, RegistryUnreachable
from tests.unit.atomctl.conftest import FakeServer

HANG_UP = 0


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_PAUSES", (0.0, 0.0))


def test_every_request_carries_the_token(registry: FakeServer) -> None:
    registry.say("GET", "/runs", {"items": []})
    with Registry(registry.url, "t0ken") as asked:
        asked.get("/runs", limit=3, status=None)
    assert registry.asked[0].headers["Authorization"] == "Bearer t0ken"
    assert registry.asked[0].path == "/runs?limit=3"


def test_a_read_that_broke_off_is_repeated(registry: FakeServer) -> None:
    registry.say("GET", "/runs", b"", status=HANG_UP)
    registry.say("GET", "/runs", {"code": "x", "title": "busy"}, status=503)
    registry.say("GET", "/runs", {"items": []})
    with Registry(registry.url) as asked:
        assert asked.get("/runs") == {"items": []}
    assert len(registry.asked) == 3


def test_a_decision_that_broke_off_is_never_repeated(registry: FakeServer) -> None:
    registry.say("POST", "/runs/1/approve", b"", status=HANG_UP)
    with Registry(registry.url) as asked, pytest.raises(RegistryUnreachable):
        asked.post("/runs/1/approve", {})
    assert len(registry.asked) == 1


def test_a_run_request_is_repeated_with_the_same_idempotency_key(registry: FakeServer) -> None:
    registry.say("POST", "/workflows/w/runs", b"", status=HANG_UP)
    registry.say("POST", "/workflows/w/runs", {"id": "1"}, status=201)
    with Registry(registry.url) as asked:
        assert asked.post("/workflows/w/runs", {}, key="k-1") == {"id": "1"}
    assert [one.headers["Idempotency-Key"] for one in registry.asked] == ["k-1", "k-1"]


def test_a_refusal_is_told_in_the_registrys_own_words(registry: FakeServer) -> None:
    registry.refuse("POST", "/runs/1/approve", 409, code="not-pending", title="The run does not wait for a decision")
    with Registry(registry.url) as asked, pytest.raises(RegistryRefused) as refused:
        asked.post("/runs/1/approve")
    error = refused.value
    assert (error.status, error.kind, error.title) == (409, Conflict, "The run does not wait for a decision")
    assert error.as_dict()["code"] == "not-pending"
    assert (error.expected, error.found, error.remedy) == ("this", "that", "do so")


def test_a_server_error_counts_as_unavailable(registry: FakeServer) -> None:
    registry.refuse("POST", "/keys", 500, code="bug")
    with Registry(registry.url) as asked, pytest.raises(RegistryRefused) as refused:
        asked.post("/keys", {})
    assert refused.value.kind is Unavailable


@pytest.mark.parametrize(("status", "body"), [(200, b"<html>"), (502, b"Bad Gateway"), (404, b"[]")])
def test_what_is_no_registry_is_called_so(registry: FakeServer, status: int, body: bytes) -> None:
    registry.say("GET", "/runs", body, status=status)
    with Registry(registry.url) as asked, pytest.raises(NotARegistry):
        asked.get("/runs")


def test_an_answer_without_end_is_cut_off(registry: FakeServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(client, "_MOST", 1000)
    registry.say("GET", "/runs", b"[" + b"1," * 1000)
    with Registry(registry.url) as asked, pytest.raises(NotARegistry):
        asked.get("/runs")


def test_nobody_there_names_the_address() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    with Registry(url) as asked, pytest.raises(RegistryUnreachable) as nobody:
        asked.post("/runs/1/approve")
    assert url in nobody.value.expected


@pytest.mark.parametrize("url", ["localhost:8000", "ftp://host", "http://", ""])
def test_an_address_that_is_none_is_refused_at_once(url: str) -> None:
    with pytest.raises(NotARegistry):
        Registry(url)


def test_a_name_cannot_lead_to_another_path() -> None:
    assert segment("../../keys?x=1") == "..%2F..%2Fkeys%3Fx%3D1"
    assert segment("restart-unhealthy@1.0.0") == "restart-unhealthy@1.0.0"
