"""Console: messages on the terminal that Tocsin runs in, to try it out, or as a last resort where somebody looks."""

from __future__ import annotations

import queue
import sys
import threading
from typing import TextIO

from tocsin.application.ports import ChannelError, Message, Receipt
from tocsin.channels.sending.reach import Deadline
from tocsin.channels.sending.settings import ChannelSettings
from tocsin.channels.sending.text import one_line, printable

_SUBJECT = 200


class Console:
    """Writes each message as one block.

    Args:
        settings: not needed here.
        stream: where to; None is standard output, whatever that is at the time.
    """

    def __init__(self, settings: ChannelSettings, stream: TextIO | None = None) -> None:
        del settings
        self._stream = stream
        self._lock = threading.Lock()

    def send(self, message: Message, deadline: float) -> Receipt:
        """Write the message; see `Channel.send`. Whether anybody looks is not known, so it is never "delivered"."""
        within = Deadline(deadline)
        stream = sys.stdout if self._stream is None else self._stream
        encoding = stream.encoding or "utf-8"
        block = _block(message).encode(encoding, "backslashreplace").decode(encoding)
        outcome: queue.SimpleQueue[Exception | None] = queue.SimpleQueue()
        if self._lock.acquire(timeout=deadline):
            # A terminal that was told to pause blocks a write for ever, so the write is left behind if it must be.
            threading.Thread(target=self._write, args=(stream, block, outcome), name="console", daemon=True).start()
        try:
            error = outcome.get(timeout=within.left())
        except (queue.Empty, TimeoutError) as late:
            raise ChannelError(f"The console took nothing for {deadline:g} s; is it paused?") from late
        if isinstance(error, ValueError):
            raise ChannelError("The console is closed; nobody can read messages there.", permanent=True) from error
        if error is not None:
            raise ChannelError(f"The console could not be written to: {error}.") from error
        return Receipt()

    def _write(self, stream: TextIO, block: str, outcome: queue.SimpleQueue[Exception | None]) -> None:
        try:
            stream.write(block)
            stream.flush()
            outcome.put(None)
        except (OSError, ValueError) as error:
            outcome.put(error)
        finally:
            self._lock.release()

    def close(self) -> None:
        """Nothing is kept."""


def _block(message: Message) -> str:
    kind = "page" if message.urgent else "post"
    head = one_line(f"{kind} {message.page_id} to {message.person} ({message.to}): {message.subject}", _SUBJECT)
    body = "".join(f"  │ {line}\n" for line in printable(message.text).splitlines())
    return f"┌ {head}\n{body}"
