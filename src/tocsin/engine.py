"""The engine: threads around the steps of `application.timekeeping` and `application.deliver`, and nothing more.

One keeper ticks the incidents and puts results on their chains; one dispatcher claims what is due, no more than can be
started at once; each channel has its own workers, so a provider that hangs delays nobody else (`application.breaker`
sees to it that it does not delay its own pages' other ways either). What the steps do is in the application, where the
simulator drives the same code.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial

from tocsin.application import deliver as delivery
from tocsin.application import receipts, timekeeping
from tocsin.application.app import Application
from tocsin.application.records import Page
from tocsin.bootstrap import Switchboard
from tocsin.domain.errors import HeldError, TocsinError, UnavailableError

WORKERS = 4
"""Sends under way at once on one channel."""

POLL_S = 1.0
"""Work another node left behind is found at least this soon, without being told."""

REPORT_EVERY_S = 1.0
STRANGE_EVERY_S = 5.0
STRANGE_AT_ONCE = 50
HASTEN_EVERY_S = 2.0
FORGET_EVERY_S = 3600.0
STOP_WITHIN_S = 10.0
SILENT_S = 15.0
"""A loop comes round every second; after this long it hangs."""
_FAULT_PAUSE_S = 1.0
_PAUSED_S = 5.0
log = logging.getLogger("tocsin.engine")


@dataclass(slots=True)
class Pulse:
    """What readiness looks at.

    Args:
        beats: name of a loop to when it last came round, on the monotonic clock, in seconds.
        trouble: name of a loop to what stands in its way; absent when nothing does.
    """

    beats: dict[str, float] = field(default_factory=dict)
    trouble: dict[str, str] = field(default_factory=dict)


class Engine:
    """The engine of one node.

    Args:
        app: the application.
        channels: the node's; each is used by several threads.
    """

    def __init__(self, app: Application, channels: Switchboard) -> None:
        self._app = app
        self._channels = channels
        self._stopping = threading.Event()
        self._free = {name: threading.Semaphore(WORKERS) for name in channels}
        self._pools = {name: ThreadPoolExecutor(WORKERS, f"tocsin-{name}") for name in channels}
        steps: dict[str, Callable[[], float]] = {"keeper": self._keep, "dispatcher": self._dispatch}
        self._threads = {
            name: threading.Thread(target=self._loop, args=(name, step), name=f"tocsin-{name}", daemon=True)
            for name, step in steps.items()
        }
        self._reported_at = 0.0
        self._strange_at = 0.0
        self._hasten_at = self._dispatched_at = 0.0
        self._forget_at = time.monotonic() + FORGET_EVERY_S
        self.pulse = Pulse()

    def start(self) -> None:
        """Begin to work."""
        for name, thread in self._threads.items():
            self.pulse.beats[name] = time.monotonic()
            thread.start()

    def troubles(self) -> Iterator[str]:
        """What stands in the way of its loops, and which of them has not come round for long."""
        yield from list(self.pulse.trouble.values())
        for name, thread in self._threads.items():
            silent = time.monotonic() - self.pulse.beats.get(name, 0.0)
            if not thread.is_alive():
                yield f"The engine's {name} does not run: start the server again."
            elif silent > SILENT_S:
                yield f"The engine's {name} has not come round for {silent:.0f} s: what is due may not be sent."

    def stop(self) -> None:
        """Finish what is being sent, for ten seconds at most; nothing else is held, so no lease is left behind."""
        self._stopping.set()
        self._app.bell.ring()
        deadline = time.monotonic() + STOP_WITHIN_S
        for thread in self._threads.values():
            thread.join(max(0.0, deadline - time.monotonic()))
        for semaphore in self._free.values():
            for _ in range(WORKERS):
                semaphore.acquire(timeout=max(0.0, deadline - time.monotonic()))
        for pool in self._pools.values():
            pool.shutdown(wait=False, cancel_futures=True)
        self._channels.close()

    def _loop(self, name: str, step: Callable[[], float]) -> None:
        """Step, then sleep until a commit rings the bell or the step's own time has come."""
        bell = self._app.bell
        heard = -1
        while not self._stopping.is_set():
            heard = bell.rings
            try:
                pause = step()
                self.pulse.trouble.pop(name, None)
            except UnavailableError as error:
                self._in_trouble(name, error.detail)
                pause = _FAULT_PAUSE_S
            except Exception as error:
                log.exception("The %s met an error and goes on.", name)
                self._in_trouble(name, repr(error))
                pause = _FAULT_PAUSE_S
            self.pulse.beats[name] = time.monotonic()
            if name in self.pulse.trouble:
                self._stopping.wait(pause)
            else:
                bell.wait(heard, pause)

    def _in_trouble(self, name: str, detail: str) -> None:
        if self.pulse.trouble.get(name) != detail:
            log.error("The %s cannot work: %s", name, detail)
        self.pulse.trouble[name] = detail

    def _keep(self) -> float:
        _each(self._tick, self._report, lambda: receipts.overdue(self._app), self._forget)  # ladders before all else
        return self._until(timekeeping.next_tick(self._app))

    def _tick(self) -> None:
        wait = timekeeping.next_tick(self._app)
        until = time.monotonic() + REPORT_EVERY_S  # however much is overdue, results come in between
        while wait is not None and wait <= timedelta(0) and time.monotonic() < until:
            timekeeping.tick(self._app)  # looking takes no turn of the writer, ticking does
            wait = timekeeping.next_tick(self._app)

    def _report(self) -> None:
        """Results reach the chains about a second after they came, in batches."""
        now = time.monotonic()
        if now - self._reported_at < REPORT_EVERY_S:
            return
        self._reported_at = now
        timekeeping.report(self._app)

    def _forget(self) -> None:
        if time.monotonic() >= self._forget_at:
            forgotten = max(timekeeping.forget(self._app), receipts.forget(self._app))
            if forgotten < timekeeping.FORGET_AT_ONCE:
                self._forget_at = time.monotonic() + FORGET_EVERY_S

    def _until(self, wait: timedelta | None) -> float:
        return POLL_S if wait is None else min(POLL_S, max(0.0, wait.total_seconds()))

    def _dispatch(self) -> float:
        self._channels.connect(self._app.database.read(self._app.shelf.active).site)
        wait = timekeeping.next_page(self._app)
        if wait is None or wait > timedelta(0):
            self._dispatched_at = time.monotonic()
            return self._until(wait)
        starts = [partial(self._start, name) for name in delivery.due(self._app, self._channels)]
        _each(*starts, self._fail_strange, self._hasten_waiting)
        return POLL_S

    def _hasten_waiting(self) -> None:
        """With very many pages waiting a look takes long, so the next comes later: at most a twentieth of the time.

        After a start, a stop or an outage everything has waited; the workers come to it before other ways are tried.
        """
        began, before = time.monotonic(), self._dispatched_at
        self._dispatched_at = began
        if began - before > _PAUSED_S:
            self._hasten_at = began + delivery.WAITS_AT_MOST.total_seconds()
        if began >= self._hasten_at:
            delivery.hasten_waiting(self._app)
            self._hasten_at = began + max(HASTEN_EVERY_S, 20 * (time.monotonic() - began))

    def _fail_strange(self) -> None:
        """Nothing is sent, so it needs no workers; every few seconds is soon enough and costs a busy engine nothing."""
        if time.monotonic() < self._strange_at:
            return
        self._strange_at = time.monotonic() + STRANGE_EVERY_S
        for name in delivery.strange(self._app, self._channels):
            for page in delivery.claim(self._app, name, STRANGE_AT_ONCE):
                self._deliver(page)

    def _start(self, channel: str) -> None:
        """Claim as many pages as there are free workers, and start them."""
        free = 0
        while free < WORKERS and self._free[channel].acquire(blocking=False):
            free += 1
        pages: list[Page] = []
        try:
            if free:
                pages = delivery.claim(self._app, channel, free)
        finally:
            for _ in range(free - len(pages)):
                self._free[channel].release()
        for page in pages:
            self._pools[channel].submit(self._work, page)

    def _work(self, page: Page) -> None:
        try:
            self._deliver(page)
        finally:
            self._free[page.channel].release()
            self._app.bell.ring()

    def _deliver(self, page: Page) -> None:
        """★ The error boundary of a send: whatever goes wrong becomes the page's result, never a dead worker."""
        try:
            delivery.deliver(self._app, self._channels, page)
        except UnavailableError as error:
            log.warning("The result of %s could not be kept; its lease will run out. %s", page.id, error.detail)
        except Exception as error:
            log.exception("Page %s could not be sent as written; it counts as failed.", page.id)
            self._failed(page, error)

    def _failed(self, page: Page, error: Exception) -> None:
        try:
            delivery.fail(self._app, page, f"It could not be written or sent: {error!r}")
        except TocsinError as again:
            log.warning("The failure of %s could not be kept; its lease will run out. %s", page.id, again.detail)


def _each(*steps: Callable[[], object]) -> None:
    """Take each step whatever became of those before it: a row that somebody holds delays only what needs that row.

    Raises:
        TocsinError: the first that a step met, once all were taken; that the database is out of reach, at once.
    """
    met: list[TocsinError] = []
    for step in steps:
        try:
            step()
        except TocsinError as error:
            if isinstance(error, UnavailableError) and not isinstance(error, HeldError):
                raise
            met.append(error)
    if met:
        raise met[0]
