"""Live pages: one watcher per process looks for news, and every open page hears of it as a server-sent event.

An event carries no facts, only that something changed; the page then fetches itself, under its own session. So a lost
event costs nothing, and nothing is ever shown that a reload would not show.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections import Counter
from functools import partial

import msgspec
from starlette.concurrency import run_in_threadpool
from starlette.types import Receive, Send

from tocsin.application.app import Application
from tocsin.application.ports import Transaction
from tocsin.domain.errors import UnavailableError

OPEN_INCIDENTS = ""
"""The subject of the list; any other subject is an incident's id."""

LOOK_EVERY_S = 1.0
"""Seconds between looks when nothing in this process changed: another node may have changed something."""
AT_MOST_EVERY_S = 0.25
"""Seconds between looks while much is changing."""
BEAT_S = 15.0
"""Seconds after which an idle stream says that it is alive."""
_LISTED = 200

_HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # a proxy that collects the stream would make it useless
]


class Live:
    """All streams of one process.

    Args:
        app: the application; its bell shortens the wait.
        beat_s: see `BEAT_S`.
    """

    def __init__(self, app: Application, *, beat_s: float = BEAT_S) -> None:
        self._app = app
        self._beat_s = beat_s
        self._subjects: Counter[str] = Counter()
        self._versions: dict[str, str] = {}
        self._news = asyncio.Condition()
        self._watcher: asyncio.Task[None] | None = None
        self._closed = False

    async def close(self) -> None:
        """End every stream, so that the server can stop; the pages reconnect by themselves."""
        self._closed = True
        await self._notify()

    async def stream(self, subject: str, receive: Receive, send: Send) -> None:
        """Answer one request with a stream, until it hangs up or the server stops.

        A page that does not exist is refused before; here every subject does.

        Args:
            subject: an incident's id, or `OPEN_INCIDENTS`.
            receive: the request's.
            send: the request's.
        """
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        await send({"type": "http.response.body", "body": b"retry: 2000\n\n", "more_body": True})
        gone = asyncio.Event()
        listening = asyncio.create_task(self._hung_up(receive, gone))
        self._subjects[subject] += 1
        self._watch()
        told = ""
        try:
            while not gone.is_set() and not self._closed:
                version = await self._next(subject, told, gone)
                body = b": still here\n\n" if version == told else _event(version)
                told = version
                await send({"type": "http.response.body", "body": body, "more_body": True})
        finally:
            listening.cancel()
            self._subjects -= Counter({subject: 1})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _next(self, subject: str, told: str, gone: asyncio.Event) -> str:
        """The subject's next version, or the one told before when a beat is due."""

        def ready() -> bool:
            return self._closed or gone.is_set() or self._versions.get(subject, told) != told

        async with self._news:
            try:
                async with asyncio.timeout(self._beat_s):
                    await self._news.wait_for(ready)
            except TimeoutError:
                return told
        return self._versions.get(subject, told)

    async def _hung_up(self, receive: Receive, gone: asyncio.Event) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        gone.set()
        await self._notify()

    async def _notify(self) -> None:
        async with self._news:
            self._news.notify_all()

    def _watch(self) -> None:
        if self._watcher is None or self._watcher.done():
            self._watcher = asyncio.create_task(self._look())

    async def _look(self) -> None:
        """The one watcher; it rests when nobody listens."""
        while self._subjects and not self._closed:
            rings = self._app.bell.rings
            look = partial(_versions, subjects=frozenset(self._subjects))
            try:
                self._versions = await run_in_threadpool(self._app.database.read, look)
            except UnavailableError:
                pass  # the streams stay open and go on when the database is back
            else:
                await self._notify()
            await asyncio.sleep(AT_MOST_EVERY_S)
            await run_in_threadpool(self._app.bell.wait, rings, LOOK_EVERY_S)


def _versions(transaction: Transaction, subjects: frozenset[str]) -> dict[str, str]:
    found = {subject: str(transaction.incidents.head(subject)[0]) for subject in subjects if subject}
    if OPEN_INCIDENTS in subjects:
        listed = transaction.incidents.page_of("open", "", _LISTED)
        state = "\n".join(f"{incident.id} {incident.seq}" for incident in listed)
        found[OPEN_INCIDENTS] = hashlib.sha256(state.encode()).hexdigest()[:16]
    return found


def _event(version: str) -> bytes:
    return b"event: changed\ndata: " + msgspec.json.encode({"version": version}) + b"\n\n"
