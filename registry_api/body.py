"""The cap on request bodies, enforced while they stream in: nothing larger is ever held."""

from __future__ import annotations

from contextlib import suppress

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from atom.errors import TooLarge
from registry_api.problems import problem

MAX_BODY = 2 << 20  # bytes: a package of at most 1 MiB, its signature, and the multipart around them


class BodyTooLarge(TooLarge):
    """The request body is larger than any package with its signature."""

    def __init__(self) -> None:
        super().__init__(
            expected=f"at most {MAX_BODY} bytes",
            found="more",
            remedy="keep data out of the package; nothing was stored",
        )


class LimitBody:
    """ASGI middleware. Answers 413 as soon as the limit is passed, whatever Content-Length promised."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
        if declared.isdigit() and int(declared) > MAX_BODY:
            await problem(BodyTooLarge())(scope, receive, send)
            return
        read = 0
        answered = False

        async def counted() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > MAX_BODY:
                raise BodyTooLarge
            return message

        async def unless_too_large(message: Message) -> None:
            nonlocal answered
            if read <= MAX_BODY:  # else FastAPI is about to say 400: it takes our error for one of parsing
                answered = True
                await send(message)

        with suppress(BodyTooLarge):
            await self._app(scope, counted, unless_too_large)
        if read > MAX_BODY and not answered:
            await problem(BodyTooLarge())(scope, receive, send)
