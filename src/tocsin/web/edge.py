"""The outermost layer: doors before rooms, security headers on everything, and the one error boundary of the server.

Pure ASGI: two of Starlette's class-based middlewares cost two thirds of the ingest rate (docs/adr/0002).
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from http import HTTPStatus

from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tocsin.web.problems import MEDIA_TYPE, Problem

log = logging.getLogger("tocsin.web")

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; manifest-src 'self'"
)
MAX_BODY = 1024 * 1024
"""Bytes of one request to the API or of one form; the doors have a limit of their own."""

DISCARD_BYTES = 64 * 1024 * 1024
DISCARD_S = 10.0
"""How much, and for how many seconds, is read of a body that is too long before it is refused."""

ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
BY_DEFAULT = (
    (b"referrer-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
"""Set unless the answer says something else: static files may be kept, and links must not travel."""

TOLD = "tocsin.told"
"""In the scope of a request whose unexpected error has been logged and answered already, as a page for a person."""

Find = Callable[[str], ASGIApp | None]


class Edge:
    """The application as the server sees it.

    Args:
        find_door: answers the ingest door at a path, or None; doors skip everything that rooms need.
        rooms: everything else.
    """

    def __init__(self, find_door: Find, rooms: ASGIApp) -> None:
        self._find_door = find_door
        self._rooms = rooms

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, whatever happens on the way."""
        if scope["type"] != "http":
            await self._rooms(scope, receive, send)
            return
        door = self._find_door(scope["path"])
        incoming = _Incoming(scope, receive)
        answer = _Answer(send, incoming)
        try:
            if door is not None:
                await door(scope, incoming.receive, answer.send)
            else:
                await self._rooms(scope, _limited(scope, incoming.receive), answer.send)
        except Exception as error:
            if scope.get(TOLD):
                return
            problem = unexpected(error)
            if answer.started:
                raise  # the server breaks the connection off, which tells the client that the answer is not whole
            await _send_problem(answer.send, problem)


class _Incoming:
    """One request's body on its way in."""

    __slots__ = ("_begun", "_more", "_receive", "_scope")

    def __init__(self, scope: Scope, receive: Receive) -> None:
        self._scope = scope
        self._receive = receive
        self._begun = False
        self._more = True

    async def receive(self) -> Message:
        self._begun = True
        message = await self._receive()
        self._more = message.get("more_body", False)
        return message

    async def discard(self) -> None:
        """Read what is still to come of a body, up to a bound, and forget it.

        Many clients read an answer only once they have sent everything, and lose it when the connection is closed with
        bytes unread (RFC 9112, 9.6). One that waits for leave to send (Expect: 100-continue) gets its answer instead.
        """
        if not self._begun and (b"expect", b"100-continue") in self._scope["headers"]:
            return
        left = DISCARD_BYTES
        try:
            async with asyncio.timeout(DISCARD_S):
                while self._more and left > 0:
                    left -= len((await self.receive()).get("body", b""))
        except TimeoutError:
            log.info("A body that is too long was not all read within %s s; its sender is answered.", DISCARD_S)


class _Answer:
    """One answer on its way out, with the headers that everything carries."""

    __slots__ = ("_incoming", "_send", "started")

    def __init__(self, send: Send, incoming: _Incoming) -> None:
        self._send = send
        self._incoming = incoming
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            if message["status"] == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
                await self._incoming.discard()
            headers = list(message.get("headers", ()))
            names = {name.lower() for name, _ in headers}
            headers.extend(ALWAYS)
            headers.extend(item for item in BY_DEFAULT if item[0] not in names)
            message = {**message, "headers": headers}
        await self._send(message)


def unexpected(error: Exception) -> Problem:
    """Log an error that nobody foresaw, and say so with a reference that finds it in the log.

    Args:
        error: with its traceback.
    """
    reference = secrets.token_hex(4)
    log.error("Unexpected error %s.", reference, exc_info=error)
    detail = (
        f"Something unexpected happened on our side; the log has it as {reference}. What was committed before is kept. "
        "Trying again is safe."
    )
    return Problem(500, detail, {"reference": reference})


def _limited(scope: Scope, receive: Receive) -> Receive:
    """Reads no more of a request's body than `MAX_BODY`; whoever goes on reading gets a 413 to answer."""
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    announced = int(length) if length.isdigit() else 0
    read = 0

    async def limited() -> Message:
        nonlocal read
        if announced <= MAX_BODY:
            message = await receive()
            read += len(message.get("body", b""))
            if read <= MAX_BODY:
                return message
        raise HTTPException(413)

    return limited


async def _send_problem(send: Send, problem: Problem) -> None:
    body = problem.encode()
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
