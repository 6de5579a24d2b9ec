"""A mail server that delivers nowhere: it keeps what it is sent, for the demo and the tests to look at."""

from __future__ import annotations

import asyncio
import email
import email.policy
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import EmailMessage
from pathlib import Path
from typing import Self

from aiosmtpd.smtp import SMTP, Envelope, Session

from tocsin.demo.children import LOOPBACK


@dataclass(frozen=True, slots=True)
class ReceivedMail:
    """One message as it came over the wire.

    Args:
        sender: address of the SMTP envelope.
        recipients: addresses of the SMTP envelope.
        message: the parsed message.
        path: the .eml file it was written to; None when the sink keeps no files.
        received_at: when its last byte had arrived, aware UTC.
    """

    sender: str
    recipients: tuple[str, ...]
    message: EmailMessage
    path: Path | None
    received_at: datetime

    @property
    def subject(self) -> str:
        """The decoded subject line, empty when there is none."""
        return str(self.message.get("Subject", ""))

    @property
    def text(self) -> str:
        """The decoded plain-text body, empty when there is none."""
        body = self.message.get_body(("plain",))
        return str(body.get_content()) if body is not None else ""


class SmtpSink:
    """An SMTP server on loopback, in a thread of its own; use it as a context manager.

    Args:
        directory: where each message is written as `0001.eml`, `0002.eml` …; None keeps them in memory only.
        port: TCP port; 0 lets the system choose, and `port` tells which it was after `start`.
    """

    def __init__(self, directory: Path | None = None, port: int = 0) -> None:
        self.port = port
        self._directory = directory
        self._messages: list[ReceivedMail] = []
        self._arrival = threading.Condition()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: asyncio.Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def messages(self) -> tuple[ReceivedMail, ...]:
        """Everything received so far, oldest first."""
        with self._arrival:
            return tuple(self._messages)

    def start(self) -> None:
        """Listen.

        Raises:
            OSError: the port is taken.
        """
        if self._directory is not None:
            self._directory.mkdir(parents=True, exist_ok=True)
        loop = self._loop = asyncio.new_event_loop()
        try:
            self._server = loop.run_until_complete(loop.create_server(self._connection, LOOPBACK, self.port))
        except OSError:
            self._loop = None
            loop.close()
            raise
        self.port = int(self._server.sockets[0].getsockname()[1])
        self._thread = threading.Thread(target=loop.run_forever, name="smtp-sink", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the port and end the thread; the messages stay readable. Does nothing when it is not running."""
        loop, thread, server = self._loop, self._thread, self._server
        if loop is None or thread is None or server is None:
            return
        asyncio.run_coroutine_threadsafe(_hang_up(server), loop).result(timeout=10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.close()
        self._loop = self._thread = self._server = None

    def wait_for(self, predicate: Callable[[ReceivedMail], bool], timeout: float = 10.0) -> ReceivedMail:
        """The first message, received already or still to come, that the predicate accepts.

        Args:
            predicate: says whether a message is the one waited for.
            timeout: seconds to wait for it.

        Raises:
            TimeoutError: none came; the message lists the subjects that did.
        """
        deadline = time.monotonic() + timeout
        looked_at = 0
        with self._arrival:
            while True:
                found = next((mail for mail in self._messages[looked_at:] if predicate(mail)), None)
                if found is not None:
                    return found
                looked_at = len(self._messages)
                in_time = self._arrival.wait(deadline - time.monotonic())
                if not in_time and looked_at == len(self._messages):
                    raise TimeoutError(self._what_came_instead(timeout))

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        """Take one message; aiosmtpd calls this when its last line has arrived."""
        content = envelope.original_content or b""
        message = email.message_from_bytes(content, policy=email.policy.default)
        with self._arrival:
            path = self._keep(content)
            recipients = tuple(envelope.rcpt_tos)
            self._messages.append(ReceivedMail(envelope.mail_from or "", recipients, message, path, datetime.now(UTC)))
            number = len(self._messages)
            self._arrival.notify_all()
        return f"250 OK kept as {number:04d}"

    def _keep(self, content: bytes) -> Path | None:
        if self._directory is None:
            return None
        path = self._directory / f"{len(self._messages) + 1:04d}.eml"
        path.write_bytes(content)
        return path

    def _connection(self) -> SMTP:
        return SMTP(self, hostname="localhost", enable_SMTPUTF8=True, loop=self._loop)

    def _what_came_instead(self, timeout: float) -> str:
        subjects = "".join(f"\n  {mail.subject} (to {', '.join(mail.recipients)})" for mail in self._messages)
        return f"No matching mail arrived within {timeout:g} s. These arrived:{subjects or ' none'}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


async def _hang_up(server: asyncio.Server) -> None:
    """Close the listening socket, and end the sessions that clients left open so that no task outlives the loop."""
    server.close()
    sessions = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for session in sessions:
        session.cancel()
    await asyncio.gather(*sessions, return_exceptions=True)
