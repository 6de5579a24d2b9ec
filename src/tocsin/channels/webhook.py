"""Webhook: messages as signed JSON to a URL, by the Standard Webhooks rules (standardwebhooks.com).

`webhook-id` is the page's id, so that a receiver who remembers ids drops the one duplicate a crash can cause.
"""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from urllib.parse import SplitResult, urlsplit

import httpcore
from standardwebhooks.webhooks import EmptyWebhookSecretError
from standardwebhooks.webhooks import Webhook as Signer

from tocsin.application.ports import ChannelError, Message, Receipt
from tocsin.channels.sending.reach import Deadline, connect, permits
from tocsin.channels.sending.settings import ChannelSettings
from tocsin.channels.sending.text import one_line

_REDIRECTS = range(300, 400)
_PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}
_IDLE_S = 30.0
_KEPT = 16
_REASON = 200
_UNREAD = 65536
_UNREAD_S = 1.0


class Webhook:
    """Posts messages; connections are kept, redirects are not followed, proxies of the environment are not used.

    Args:
        settings: site (the signing secret), and whether private addresses may be reached.
    """

    def __init__(self, settings: ChannelSettings) -> None:
        self._settings = settings
        # As many connections as there are senders, so that a slow receiver does not hold up the others.
        self._pool = httpcore.ConnectionPool(
            max_connections=None,
            max_keepalive_connections=_KEPT,
            keepalive_expiry=_IDLE_S,
            network_backend=_Guarded(settings),
        )

    def send(self, message: Message, deadline: float) -> Receipt:
        """Post the message to the URL it is addressed to; see `Channel.send`."""
        url = _url(message.to)
        body = _body(message)
        headers = self._headers(message, body)
        within = _current.deadline = Deadline(deadline)
        try:
            with self._pool.stream("POST", message.to, headers=headers, content=body.encode()) as response:
                _finish(response)
        except (httpcore.TimeoutException, TimeoutError) as error:
            raise ChannelError(f"The webhook at {_origin(url)} did not answer within {within.seconds:g} s.") from error
        except (httpcore.NetworkError, httpcore.ProtocolError, OSError) as error:
            raise _failed(error, url) from error
        _judge(response.status, _origin(url))
        return Receipt()

    def close(self) -> None:
        """Close all connections."""
        self._pool.close()

    def _headers(self, message: Message, body: str) -> list[tuple[str, str]]:
        now = datetime.now(UTC)
        return [
            ("Content-Type", "application/json"),
            ("User-Agent", "Tocsin"),
            ("webhook-id", message.page_id),
            ("webhook-timestamp", str(int(now.timestamp()))),
            ("webhook-signature", self._signer().sign(message.page_id, now, body)),
        ]

    def _signer(self) -> Signer:
        secret = self._settings.secret(self._settings.site.webhook_secret)
        try:
            return Signer(secret)
        except (EmptyWebhookSecretError, ValueError):
            # Without the cause: it would carry the secret into logs.
            raise ChannelError(
                "Webhooks are signed, and site.yaml has no usable secret for it. Let webhook.secret refer to whsec_ "
                "and 24 to 64 bytes in base64, and give the same to the receiver.",
                permanent=True,
            ) from None


class _Current(threading.local):
    """The deadline of the request that this thread is making; between requests there is no time for anything."""

    deadline = Deadline(0)


_current = _Current()


class _Guarded(httpcore.NetworkBackend):
    """Connects to addresses that may be reached, and to what the look-up answered the first time."""

    def __init__(self, settings: ChannelSettings) -> None:
        self._settings = settings
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
        return _Bounded(
            connect(host, port, _current.deadline, attempt, lambda address: permits(self._settings, address))
        )


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


def _url(address: str) -> SplitResult:
    with suppress(ValueError):
        url = urlsplit(address)
        plain = address.isascii() and address.isprintable() and " " not in address
        if plain and url.scheme in {"http", "https"} and url.hostname and url.port != 0 and url.username is None:
            return url
    raise ChannelError(
        "The address of this webhook contact is no URL that can be posted to; it should look like "
        "https://hooks.example.org/tocsin, without a user name in it.",
        permanent=True,
    )


def _origin(url: SplitResult) -> str:
    """The part of a URL that is no secret; receivers often put a token into the rest."""
    return f"{url.scheme}://{url.netloc}"


def _body(message: Message) -> str:
    return json.dumps(
        {
            "type": "incident.page" if message.urgent else "incident.post",
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "data": {
                "page_id": message.page_id,
                "incident_id": message.incident_id,
                "severity": message.severity.value,
                "urgent": message.urgent,
                "person": message.person,
                "subject": message.subject,
                "text": message.text,
                "facts": message.facts,
            },
        }
    )


def _judge(status: int, origin: str) -> None:
    if HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES:
        return
    said = f"The webhook at {origin} answered {status}"
    if status in _REDIRECTS:
        raise ChannelError(f"{said}, a redirect; Tocsin follows none, so give the final URL.", permanent=True)
    passing = status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR
    raise ChannelError(f"{said} and did not take the message.", permanent=not passing)


def _finish(response: httpcore.Response) -> None:
    """Read what is left of an answer, so that the connection can be kept; its status stands, whatever comes of this."""
    read = 0
    with suppress(httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError, TimeoutError):
        _current.deadline = Deadline(min(_current.deadline.left(), _UNREAD_S))
        for chunk in response.iter_stream():
            read += len(chunk)
            if read > _UNREAD:
                return


def _failed(error: Exception, url: SplitResult) -> ChannelError:
    because = _rooted(error)
    if isinstance(because, ssl.SSLCertVerificationError):
        return ChannelError(
            f"The webhook at {_origin(url)} shows a certificate that cannot be trusted: {because.verify_message}.",
            permanent=True,
        )
    return ChannelError(
        f"The webhook at {_origin(url)} could not be reached: {one_line(str(error), _REASON) or type(error).__name__}."
    )


def _rooted(error: BaseException) -> BaseException:
    """The error that the others came from."""
    while (cause := error.__cause__ or error.__context__) is not None:
        error = cause
    return error
