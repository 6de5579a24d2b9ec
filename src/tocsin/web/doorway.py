"""The short way in: a whole delivery that one glance shows to be in order goes from the socket straight to the intake.

uvicorn's HTTP protocol with a short cut before its parser. Whatever is out of the ordinary in the least, in the framing
of the request, its key or its alerts, is left as it came to the parser and the door behind it (docs/adr/0002), so there
is one place that knows what to say about it. A request costs half the processor time this way.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import ClassVar, NamedTuple

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from tocsin.domain.errors import TocsinError
from tocsin.web.edge import ALWAYS, BY_DEFAULT
from tocsin.web.hooks import LONG_BODY, Doors
from tocsin.web.problems import MEDIA_TYPE, problem_of

_BEGINS = b"POST /ingest/"
_MAX_HEAD = 8192
_HEAD = re.compile(rb"POST /ingest/([\w-]+)/([a-z]+)(?:/api/v2/alerts)? HTTP/1\.1((?:\r\n[\w-]+:[ \t]*[!-~ \t]*)+)")
_LENGTH = re.compile(rb"\r\ncontent-length: ?(\d{1,9})(?:\r\n|\Z)")
_FRAMED_OTHERWISE = re.compile(rb"\r\n(?:transfer-encoding|connection|expect|upgrade)[ \t]*:")


class _Head(NamedTuple):
    key: str
    source: str
    length: int


@lru_cache(maxsize=256)
def _read(head: bytes) -> _Head | None:
    """What a request's head says; None when it is not as plain as can be. A sender's heads are mostly all the same."""
    found = _HEAD.fullmatch(head)
    if found is None:
        return None
    headers = found[3].lower()
    lengths = _LENGTH.findall(headers)
    if len(lengths) != 1 or headers.count(b"content-length") != 1 or _FRAMED_OTHERWISE.search(headers):
        return None
    return _Head(found[1].decode(), found[2].decode(), int(lengths[0]))


class Doorway(HttpToolsProtocol):
    """One connection."""

    doors: ClassVar[Doors]

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, object],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._between_requests = True
        self._begun = b""
        self._done: asyncio.Future[None] | None = None
        self._later: list[bytes] = []
        self._leaving = False

    def on_message_begin(self) -> None:
        """The parser has a request of which there is more to come."""
        self._between_requests = False
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """The parser has all of a request."""
        self._between_requests = True
        super().on_message_complete()

    def data_received(self, data: bytes) -> None:
        """Take a delivery in, or leave what came to the parser."""
        if self._done is not None:  # a client that does not wait for the answer
            self._later.append(data)
            self.flow.pause_reading()
            return
        data = self._begun + data if self._begun else data
        self._begun = b""
        if not (data.startswith(_BEGINS) and self._between_requests and self._is_quiet() and self._took_in(data)):
            super().data_received(data)

    def _is_quiet(self) -> bool:
        last: RequestResponseCycle | None = self.cycle
        return not self.pipeline and (last is None or last.response_complete)

    def _took_in(self, data: bytes) -> bool:
        """Whether it is taken in, or may be once the rest of it is there."""
        first, blank, body = data.partition(b"\r\n\r\n")
        head = _read(first) if blank else None
        if head is not None:
            missing = head.length - len(body) if head.length <= LONG_BODY else -1
        else:
            missing = -1 if blank else _MAX_HEAD - len(data)
        if missing < 0:
            return False
        self._unset_keepalive_if_required()
        if head is None or missing:
            self._begun = data
            return True
        taken = self.doors.hand_in(head.key, head.source, body)
        if taken is not None:
            self._done, accepted = taken
            self._done.add_done_callback(lambda done: self._answer(done, accepted))
        return taken is not None

    def _answer(self, done: asyncio.Future[None], accepted: bytes) -> None:
        self._done = None
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        error = done.exception()
        self.transport.write(_refusal(self._own(), error) if error else _whole(202, self._own() + _JSON, accepted))
        if self._leaving:
            self.transport.close()
            return
        self.timeout_keep_alive_task = self.loop.call_later(self.timeout_keep_alive, self.timeout_keep_alive_handler)
        if self._later:
            self.flow.resume_reading()
            later, self._later = b"".join(self._later), []
            self.data_received(later)

    def _own(self) -> bytes:
        """The server's headers, and whether this answer is the last."""
        return _lines(self.server_state.default_headers) + (b"connection: close\r\n" if self._leaving else b"")

    def shutdown(self) -> None:
        """Stop after the answer that is owed."""
        self._leaving = True
        if self._done is None:
            super().shutdown()


def _refusal(headers: bytes, error: BaseException) -> bytes:
    assert isinstance(error, TocsinError), "the intake promises it"
    problem = problem_of(error)
    more = [(name.lower().encode(), value.encode()) for name, value in problem.headers.items()]
    return _whole(problem.status, headers + _lines([(b"content-type", MEDIA_TYPE.encode()), *more]), problem.encode())


def _whole(status: int, headers: bytes, body: bytes) -> bytes:
    """An answer in one piece, which one system call sends."""
    return b"%b%bcontent-length: %d\r\n%b\r\n%b" % (_STATUS[status], headers, len(body), _SAFE, body)


def _lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    return b"".join([b"%b: %b\r\n" % header for header in headers])


_STATUS = {status.value: b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode()) for status in HTTPStatus}
_JSON = _lines([(b"content-type", b"application/json")])
_SAFE = _lines([*ALWAYS, *BY_DEFAULT])


def doorway(doors: Doors) -> type[Doorway]:
    """The protocol of a server with these doors."""
    return type("Doorway", (Doorway,), {"doors": doors})
