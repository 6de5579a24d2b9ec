"""The outermost layer: doors before rooms, security headers on everything, and the one error boundary of the server.

Pure ASGI: two of Starlette's class-based middlewares cost two thirds of the ingest rate (docs/adr/0002).
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tocsin.web.problems import MEDIA_TYPE, Problem

log = logging.getLogger("tocsin.web")

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'; manifest-src 'self'"
)
_ALWAYS = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_BY_DEFAULT = (
    (b"referrer-policy", b"same-origin"),
    (b"cache-control", b"no-store"),
)
"""Set unless the answer says something else: static files may be kept, and links must not travel."""

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
        answer = _Answer(send)
        try:
            await (door or self._rooms)(scope, receive, answer.send)
        except Exception:
            reference = secrets.token_hex(4)
            log.exception("Unexpected error %s at %s.", reference, scope.get("method", ""))
            if answer.started:
                raise
            await _send_problem(answer.send, unexpected(reference))


class _Answer:
    """One answer on its way out, with the headers that everything carries."""

    __slots__ = ("_send", "started")

    def __init__(self, send: Send) -> None:
        self._send = send
        self.started = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            headers = list(message.get("headers", ()))
            names = {name.lower() for name, _ in headers}
            headers.extend(_ALWAYS)
            headers.extend(item for item in _BY_DEFAULT if item[0] not in names)
            message = {**message, "headers": headers}
        await self._send(message)


def unexpected(reference: str) -> Problem:
    """What is said when nobody foresaw the error; the reference finds it in the log.

    Args:
        reference: as logged.
    """
    detail = (
        f"Something unexpected happened on our side; the log has it as {reference}. What was committed before is kept. "
        "Trying again is safe."
    )
    return Problem(500, detail, {"reference": reference})


async def _send_problem(send: Send, problem: Problem) -> None:
    body = problem.encode()
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
