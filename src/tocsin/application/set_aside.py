"""What cannot be read is set aside, and nobody waits for it; the log, `/readyz` and the mail of `degraded` say so.

Rows are a matter of the database, and a process has one, so there is one list of them in a process.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator

REMEMBERED_S = 900.0
"""How long after it was last met something is shown."""
SAID_EVERY_S = 60.0
AT_MOST = 100
"""How many different things are remembered; what else there is stands in the log."""
log = logging.getLogger("tocsin.set_aside")


class SetAside:
    """What this process met that cannot be read; used by many threads.

    Args:
        clock: a steady one, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._met: dict[str, tuple[float, float]] = {}
        self._unheard: set[str] = set()
        self._lock = threading.Lock()

    def note(self, what: str, problem: BaseException | None = None, *, unheard: bool = False) -> None:
        """Something cannot be read, or its rules cannot be computed.

        Args:
            what: a sentence: which one, and what is done instead; the same words for the same thing.
            problem: what was raised, for the log.
            unheard: nobody could be paged about it either, so that people must hear of it otherwise.
        """
        now = self._clock()
        with self._lock:
            _, said_at = self._met.get(what, (now, now - SAID_EVERY_S))
            say = now - said_at >= SAID_EVERY_S
            if what in self._met or len(self._met) < AT_MOST:
                self._met[what] = (now, now if say else said_at)
                self._unheard |= {what} if unheard else set()
        if say:
            log.log(logging.CRITICAL if unheard else logging.ERROR, "%s", what, exc_info=problem)

    def forget(self) -> None:
        """Begin anew, as a process does."""
        with self._lock:
            self._met, self._unheard = {}, set()

    def warnings(self) -> Iterator[str]:
        """What was met in the last quarter of an hour, as sentences."""
        with self._lock:
            self._met = {what: at for what, at in self._met.items() if self._clock() - at[0] < REMEMBERED_S}
            self._unheard &= set(self._met)
            yield from list(self._met)

    def troubles(self) -> Iterator[str]:
        """Those of them about which nobody could be paged."""
        yield from [what for what in self.warnings() if what in self._unheard]


SET_ASIDE = SetAside()
"""Of this process."""
