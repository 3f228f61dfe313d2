"""The cap on bodies holds whatever the client promises and however it cuts its bytes."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry_api.body import MAX_BODY, LimitBody


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Reads everything and tells how much it was."""
    read, more = 0, True
    while more:
        message = await receive()
        read += len(message.get("body", b""))
        more = message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": str(read).encode()})


async def impatient(scope: Any, receive: Any, send: Any) -> None:
    """Answers 400 when reading fails, as a framework does that takes every error for one of parsing."""
    try:
        await echo(scope, receive, send)
    except Exception:
        await send({"type": "http.response.start", "status": 400, "headers": []})
        await send({"type": "http.response.body", "body": b"bad request"})


def ask(app: Any, chunks: list[int], promised: bytes | None = None) -> tuple[list[int], int]:
    """(statuses sent, bytes that the client had to send)."""
    sent: list[int] = []
    taken = 0
    waiting = list(chunks)

    async def receive() -> dict[str, Any]:
        nonlocal taken
        size = waiting.pop(0) if waiting else 0
        taken += size
        return {"type": "http.request", "body": b"a" * size, "more_body": bool(waiting)}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            sent.append(message["status"])

    headers = [(b"content-length", promised)] if promised is not None else []
    asyncio.run(LimitBody(app)({"type": "http", "headers": headers, "method": "POST", "path": "/"}, receive, send))
    return sent, taken


@pytest.mark.parametrize("app", [echo, impatient])
@settings(max_examples=30, deadline=None, database=None)
@given(chunks=st.lists(st.sampled_from([0, 1, 65536, MAX_BODY // 2, MAX_BODY - 1, MAX_BODY]), max_size=6))
def test_what_is_too_large_is_cut_off_and_answered_once(app: Any, chunks: list[int]) -> None:
    sent, taken = ask(app, chunks)
    assert sent == [200 if sum(chunks) <= MAX_BODY else 413]
    assert taken <= MAX_BODY + max(chunks, default=0)


def test_a_promise_of_too_much_is_answered_before_a_byte_is_read() -> None:
    assert ask(echo, [1], str(MAX_BODY + 1).encode()) == ([413], 0)


@pytest.mark.parametrize("promised", [b"0", b"-1", b"x", b"", b"1", str(MAX_BODY).encode()])
def test_a_false_promise_helps_nobody(promised: bytes) -> None:
    assert ask(echo, [MAX_BODY, MAX_BODY], promised)[0] == [413]


def test_other_traffic_passes() -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    asyncio.run(LimitBody(app)({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert seen == ["lifespan"]
