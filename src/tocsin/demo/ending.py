"""Being told to stop: the first signal unwinds everything in order, and no second one disturbs that."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

_TOLD_BY: Final = ("SIGINT", "SIGTERM", "SIGHUP")
"""Ctrl-C, kill, and a terminal that is closed; not every system has all."""


@contextmanager
def told_to_stop_once() -> Iterator[None]:
    """Inside the block the first of these signals raises KeyboardInterrupt; later ones are ignored until it is left.

    Raises:
        KeyboardInterrupt: we were told to stop.
    """
    numbers = [signal.Signals[name] for name in _TOLD_BY if name in signal.Signals.__members__]

    def stop(_number: int, _frame: FrameType | None) -> None:
        for number in numbers:
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
