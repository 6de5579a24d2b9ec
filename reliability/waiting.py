"""Waiting for what must come true, never for a while."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

LOOK_EVERY_S = 0.03


def wait_until(holds: Callable[[], object], within_s: float, what: str) -> None:
    """Return as soon as `holds` says so.

    Raises:
        TimeoutError: it did not come true; says `what` was waited for.
    """
    deadline = time.monotonic() + within_s
    pause = threading.Event()
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"after {within_s:g} s still not: {what}")
        pause.wait(LOOK_EVERY_S)
