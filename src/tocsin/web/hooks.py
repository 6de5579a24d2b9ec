"""The doors: where monitoring tools deliver alerts. The hot path, so no framework between the socket and the intake.

A 2xx means that the alert is on disk. What cannot be stored is a 503, never a 429 and never a 2xx: senders try a 503
again and drop everything else (docs/delivery-promise.md).
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
from collections.abc import Callable, Iterable, Mapping

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp, Receive, Scope, Send

from tocsin.application.access import UnknownError
from tocsin.application.intake import Intake
from tocsin.application.records import Integration
from tocsin.domain.errors import InvalidError, NotFoundError, TocsinError, UnavailableError
from tocsin.sources import REGISTRY, Parsed
from tocsin.web.problems import MEDIA_TYPE, Problem, TooLargeError, problem_of, problem_of_status

log = logging.getLogger("tocsin.web.hooks")

MAX_BODY = 8 * 1024 * 1024
"""Bytes of one delivery. Alertmanager's largest are a few hundred kB."""
LONG_BODY = 128 * 1024
"""Bytes above which a body is read in a thread, so that the other senders go on being answered."""
REPORTED = 2048
"""Bytes of a refused body that the people on call get to see."""
BEARER_KEY = "-"
"""In place of a key in the path: the key is in the Authorization header."""

PATHS = ("/ingest/{key}/{source}", "/ingest/{key}/prometheus/api/v2/alerts", "/api/v2/alerts")
"""The doors' paths, all POST, as policy.py lists them."""

ACCEPTED = b'{"accepted":%d,"rejected":[]}'


class Doors:
    """All doors of one application.

    Args:
        intake: stores what they take.
        formats: readers by the name they have in paths.
    """

    def __init__(self, intake: Intake, formats: Mapping[str, Callable[[bytes], Parsed]] = REGISTRY) -> None:
        self._intake = intake
        self._formats = formats

    def find(self, path: str) -> ASGIApp | None:
        """The door at a path, or None when the path is none of theirs."""
        if path.startswith("/ingest/"):
            key, _, source = path[8:].partition("/")
            return self._door("" if key == BEARER_KEY else key, source.removesuffix("/api/v2/alerts"))
        if path == "/api/v2/alerts":
            return self._door("", "prometheus")
        return None

    def hand_in(self, key: str, source: str, body: bytes) -> tuple[asyncio.Future[None], bytes] | None:
        """Take in a delivery in which everything is as it should be, without waiting for anything.

        Args:
            key: of the integration.
            source: the format.
            body: whole, no longer than `LONG_BODY`.

        Returns:
            What is done once it is on disk, and the body of the answer then; None when there is more to say about it
            than that, so that it is to come in by the door.
        """
        integration, read = self._intake.known(key), self._formats.get(source)
        if integration is None or read is None:
            return None
        try:
            parsed = read(body)
            if parsed.rejected:
                return None
            return self._intake.hand_in(integration, parsed.signals), ACCEPTED % len(parsed.signals)
        except (InvalidError, UnavailableError):
            return None

    def _door(self, key: str, source: str) -> ASGIApp:
        async def door(scope: Scope, receive: Receive, send: Send) -> None:
            try:
                answer = await self._deliver(key, source, scope, receive)
            except TocsinError as error:
                answer = problem_of(error)
            await _send(send, answer)

        return door

    async def _deliver(self, key: str, source: str, scope: Scope, receive: Receive) -> bytes | Problem:
        """One delivery, from the socket to the disk.

        Returns:
            The body of a 202, or what was wrong.

        Raises:
            TocsinError: it was refused, and nothing of it is stored.
        """
        if self._intake.closing:
            raise UnavailableError("Tocsin is shutting down; nothing was stored, send it again.")
        if scope["method"] != "POST":
            return problem_of_status(405, {"Allow": "POST"})
        integration = await self._known(key or _key_of(scope["headers"]))
        read = self._formats.get(source)
        if read is None:
            detail = f"There is no format '{source[:40]}' here; there are {', '.join(sorted(self._formats))}."
            await self._intake.refuse(integration, detail, b"")
            raise NotFoundError(detail)
        try:
            body = await _body(scope, receive)
        except TooLargeError as error:
            await self._intake.refuse(integration, error.detail, b"")
            raise
        try:
            parsed = read(body) if len(body) <= LONG_BODY else await run_in_threadpool(read, body)
        except InvalidError as error:
            await self._intake.refuse(integration, error.detail, body[:REPORTED])
            return Problem(400, error.detail)
        if parsed.rejected:
            return await self._partly(integration, parsed, body)
        await self._intake.submit(integration, parsed.signals)
        return ACCEPTED % len(parsed.signals)

    async def _partly(self, integration: Integration, parsed: Parsed, body: bytes) -> bytes | Problem:
        """Keep the sound siblings of alerts that cannot be read (RULES.md).

        The sender sees a 2xx and forgets the others, so people hear of those either way: none is lost silently.
        """
        rejected = [{"index": one.index, "detail": one.detail} for one in parsed.rejected]
        log.warning("%s sent %d alerts that cannot be read.", integration.name, len(rejected))
        accepted = len(parsed.signals)
        if accepted:
            await self._intake.submit(integration, parsed.signals)
        share = f"{len(rejected)} of {len(rejected) + accepted}" if accepted else f"None of the {len(rejected)}"
        detail = f"{share} alerts {'cannot' if accepted else 'can'} be read. The first: {parsed.rejected[0].detail}"
        await self._intake.refuse(integration, detail, body[:REPORTED])
        if accepted:
            return msgspec.json.encode({"accepted": accepted, "rejected": rejected})
        return Problem(422, detail, {"accepted": 0, "rejected": rejected})

    async def _known(self, key: str) -> Integration:
        integration = await self._intake.integration(key) if key else None
        if integration is None:
            raise UnknownError(
                "No integration has this key, or it was revoked; nothing was stored. "
                "Make one with: tocsin integrations add --name NAME --service SERVICE"
            )
        return integration


def _key_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The key in the Authorization header: as bearer, or as the password of basic authentication."""
    value = next((value for name, value in headers if name == b"authorization"), b"").decode("latin-1")
    scheme, _, credentials = value.strip().partition(" ")
    match scheme.lower():
        case "bearer":
            return credentials.strip()
        case "basic":
            try:
                name, _, password = base64.b64decode(credentials, validate=True).decode("utf-8").partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return ""
            return password or name
        case _:
            return ""


async def _body(scope: Scope, receive: Receive) -> bytes:
    """The whole body, of which no more is read than `MAX_BODY`.

    Raises:
        TooLargeError: it is longer.
        UnavailableError: the sender hung up; whoever still listens is to send it again.
    """
    length = next((value for name, value in scope["headers"] if name == b"content-length"), b"0")
    size = int(length) if length.isdigit() else 0
    parts: list[bytes] = []
    more = size <= MAX_BODY
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise UnavailableError("The sender hung up before the delivery was complete; nothing was stored.")
        parts.append(message.get("body", b""))
        size = sum(map(len, parts)) if len(parts) > 1 else len(parts[0])
        more = message.get("more_body", False) and size <= MAX_BODY
    if size > MAX_BODY:
        raise TooLargeError(
            f"The delivery is longer than {MAX_BODY // 1024 // 1024} MiB; send fewer alerts at a time. "
            "Nothing was stored."
        )
    return parts[0] if len(parts) == 1 else b"".join(parts)


async def _send(send: Send, answer: bytes | Problem) -> None:
    if isinstance(answer, Problem):
        status, body = answer.status, answer.encode()
        headers = [(b"content-type", MEDIA_TYPE.encode()), (b"content-length", b"%d" % len(body))]
        headers += [(name.lower().encode(), value.encode()) for name, value in answer.headers.items()]
    else:
        status, body = 202, answer
        headers = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
