"""Serving: uvicorn around the application, with streams that end when the server is asked to."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Sequence
from types import FrameType

import uvicorn

from tocsin.application.app import Application
from tocsin.application.intake import Intake
from tocsin.domain.errors import NotAllowedNowError
from tocsin.web.app import create_app
from tocsin.web.doorway import doorway
from tocsin.web.health import Troubles, Warnings, nothing_wrong
from tocsin.web.live import Live

GRACE_S = 10
"""Seconds that requests under way have to finish once the server is asked to stop."""
BACKLOG = 2048
"""Connections that wait while the process starts, or is busy for a moment."""

Ready = Callable[[], None]
"""Called once, when requests are answered."""

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - only compared with


def serve(
    app: Application,
    intake: Intake,
    listening: socket.socket,
    *,
    troubles: Troubles = nothing_wrong,
    warnings: Warnings = nothing_wrong,
    trusted_proxies: Sequence[str] = (),
    ready: Ready | None = None,
) -> None:
    """Serve until SIGINT or SIGTERM, then return once what was under way is answered; in the main thread.

    Args:
        app: the application.
        intake: started; the caller stops it afterwards.
        listening: as `listen` made it, before anything slow began: early senders wait instead of being turned away.
        troubles: see `create_app`.
        warnings: see `create_app`.
        trusted_proxies: addresses or networks whose X-Forwarded-… headers count.
        ready: called when requests are answered.
    """
    web = create_app(app, intake, troubles, warnings)
    config = uvicorn.Config(
        web.asgi,
        http=doorway(web.doors),
        access_log=False,
        log_config=None,
        log_level="warning",
        server_header=False,
        lifespan="off",
        backlog=BACKLOG,
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=list(trusted_proxies),
        timeout_graceful_shutdown=GRACE_S,
    )
    Server(config, web.live, ready).run([listening])


def url_of(listening: socket.socket) -> str:
    """How programs on this machine reach a listening socket."""
    address, port = listening.getsockname()[:2]
    reachable = _EVERYWHERE.get(address, address)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def listen(host: str, port: int) -> socket.socket:
    """A listening socket.

    Args:
        host: name or address.
        port: TCP port; 0 picks a free one.

    Raises:
        NotAllowedNowError: another program listens there, or the address is not this machine's.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        raise NotAllowedNowError(
            f"{host} port {port} cannot be listened on: {error.strerror}. "
            "End the program that uses it, or choose another with --host and --port."
        ) from error


class Server(uvicorn.Server):
    """uvicorn, which waits for open connections when it stops; so the streams are ended first.

    Args:
        config: uvicorn's.
        live: the streams.
        ready: called when requests are answered.
    """

    def __init__(self, config: uvicorn.Config, live: Live, ready: Ready | None = None) -> None:
        super().__init__(config)
        self._live = live
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Accept connections, then say so."""
        await super().startup(sockets)
        if self._ready is not None:
            self._ready()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begin to stop; a second Ctrl-C does not wait.

        uvicorn would raise the signal again once it has stopped, which ends the process before it has let go of
        database and leases.
        """
        del frame
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then let the other requests finish."""
        await self._live.close()
        await super().shutdown(sockets)
