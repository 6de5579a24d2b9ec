"""Posting over HTTP: within one deadline, to addresses that may be reached, and without any secret in what goes wrong.

Connections are kept, redirects are not followed, proxies of the environment are not used (docs/adr/0008).
"""

from __future__ import annotations

import ssl
import threading
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import SplitResult, urlsplit

import httpcore

from tocsin.application.ports import ChannelError
from tocsin.channels.sending.reach import Address, Deadline, connect
from tocsin.channels.sending.text import one_line

REDIRECTS = range(300, 400)
_PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
_IDLE_S = 30.0
_KEPT = 16
_REASON = 200
_UNREAD = 65536
_UNREAD_S = 1.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the far side said.

    Args:
        status: HTTP status.
        body: the beginning of it, as much as came soon enough.
    """

    status: int
    body: bytes

    @property
    def taken(self) -> bool:
        """Whether it is a yes."""
        return HTTPStatus.OK <= self.status < HTTPStatus.MULTIPLE_CHOICES

    @property
    def passing(self) -> bool:
        """Whether trying the same later may help."""
        return self.status in _PASSING or self.status >= HTTPStatus.INTERNAL_SERVER_ERROR


def anywhere(_address: Address) -> bool:
    """What may be reached when an operator wrote the address: whatever it is."""
    return True


class Posting:
    """Posts to one kind of far side; safe for many threads.

    Args:
        may: whether an address may be connected to.
    """

    def __init__(self, may: Callable[[Address], bool]) -> None:
        # As many connections as there are senders, so that a slow receiver does not hold up the others.
        self._pool = httpcore.ConnectionPool(
            max_connections=None,
            max_keepalive_connections=_KEPT,
            keepalive_expiry=_IDLE_S,
            network_backend=_Guarded(may),
        )

    def post(self, url: str, headers: Sequence[tuple[str, str]], content: bytes, seconds: float, called: str) -> Answer:
        """Post once.

        Args:
            url: where to; whoever calls has looked at it with `web_address`.
            headers: of the request.
            content: its body.
            seconds: for all of it together.
            called: what errors call the far side, such as "The webhook at https://hooks.example.org".

        Raises:
            ChannelError: there was no answer.
        """
        return self._ask("POST", url, Deadline(seconds), called, headers=headers, content=content)

    def get(self, url: str, seconds: float, called: str) -> Answer:
        """Ask for a page once; see `post`."""
        return self._ask("GET", url, Deadline(seconds), called, headers=[("User-Agent", "Tocsin")], content=b"")

    def _ask(
        self,
        method: str,
        url: str,
        within: Deadline,
        called: str,
        *,
        headers: Sequence[tuple[str, str]],
        content: bytes,
    ) -> Answer:
        _current.deadline = within
        try:
            with self._pool.stream(method, url, headers=list(headers), content=content) as response:
                return Answer(response.status, _rest(response))
        except (httpcore.TimeoutException, TimeoutError) as error:
            raise ChannelError(f"{called} did not answer within {within.seconds:g} s.") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            raise _failed(error, called) from error

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()


def web_address(address: str) -> SplitResult | None:
    """The parts of a URL that can be posted to; None when it is none."""
    with suppress(ValueError):
        url = urlsplit(address)
        plain = address.isascii() and address.isprintable() and " " not in address
        if plain and url.scheme in {"http", "https"} and url.hostname and url.port != 0 and url.username is None:
            return url
    return None


def origin(url: SplitResult) -> str:
    """The part of a URL that is no secret; receivers often put a token into the rest."""
    return f"{url.scheme}://{url.netloc}"


class _Current(threading.local):
    """The deadline of the request that this thread is making; between requests there is no time for anything."""

    deadline = Deadline(0)


_current = _Current()


class _Guarded(httpcore.NetworkBackend):
    """Connects to addresses that may be reached, and to what the look-up answered the first time."""

    def __init__(self, may: Callable[[Address], bool]) -> None:
        self._may = may
        self._network = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect; httpcore calls this when no kept connection is free."""

        def attempt(address: str, seconds: float) -> httpcore.NetworkStream:
            try:
                return self._network.connect_tcp(address, port, seconds, local_address, socket_options)
            except httpcore.ConnectTimeout as error:
                raise TimeoutError from error
            except httpcore.ConnectError as error:
                raise OSError(str(error)) from error

        del timeout
        return _Bounded(connect(host, port, _current.deadline, attempt, self._may))


class _Bounded(httpcore.NetworkStream):
    """A connection that minds the deadline of the whole request, however often the peer sends another byte."""

    def __init__(self, stream: httpcore.NetworkStream) -> None:
        self._stream = stream

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        del timeout
        return self._stream.read(max_bytes, _current.deadline.left())

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        del timeout
        self._stream.write(buffer, _current.deadline.left())

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        del timeout
        return _Bounded(self._stream.start_tls(ssl_context, server_hostname, _current.deadline.left()))

    def get_extra_info(self, info: str) -> object:
        return self._stream.get_extra_info(info)


def _rest(response: httpcore.Response) -> bytes:
    """Read what is left of an answer, so that the connection can be kept; its status stands, whatever comes of this."""
    read = bytearray()
    with suppress(httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, TimeoutError):
        _current.deadline = Deadline(min(_current.deadline.left(), _UNREAD_S))
        for chunk in response.iter_stream():
            read += chunk
            if len(read) > _UNREAD:
                break
    return bytes(read[:_UNREAD])


def _failed(error: Exception, called: str) -> ChannelError:
    because = _rooted(error)
    if isinstance(because, ssl.SSLCertVerificationError):
        return ChannelError(
            f"{called} shows a certificate that cannot be trusted: {because.verify_message}.", permanent=True
        )
    return ChannelError(f"{called} could not be reached: {one_line(str(error), _REASON) or type(error).__name__}.")


def _rooted(error: BaseException) -> BaseException:
    """The error that the others came from."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error
