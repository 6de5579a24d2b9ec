"""Where deliveries wait for their commit: those that come together, or right after one another, go in together."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from tocsin.application.ingest import Delivery
from tocsin.domain.errors import UnavailableError

BATCH_SIGNALS = 4000
RETURN_WITHIN_S = 0.001
"""How long those who were answered just now are waited for: under load most have their next delivery ready."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A delivery, who waits for it to be on disk, and what ends their patience."""

    delivery: Delivery
    done: asyncio.Future[None]
    patience: asyncio.TimerHandle


class Doorstep:
    """What waits in one event loop; one batch is under way at a time, and what comes meanwhile is the next.

    Handing over wakes another thread, which from then on competes with this one for the interpreter. So it is done once
    for everything that a round of the loop brings, and few large batches are better than many small ones. Who comes
    alone is handed over at once.

    Args:
        loop: whose deliveries these are. Nothing of this is called by another thread but `take`, once the loop rests.
        hand_over: takes a batch; `answer` is called for each part of it in the end.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, hand_over: Callable[[list[Waiting]], None]) -> None:
        self.loop = loop
        self._hand_over = hand_over
        self._waiting: deque[Waiting] = deque()
        self._under_way = self._expected = 0
        self._return_by = 0.0
        self._looks = self._waits = False

    def put(self, one: Waiting) -> None:
        """Let a delivery wait behind the others."""
        self._waiting.append(one)
        self._look_soon()

    def _look_soon(self) -> None:
        if not (self._looks or self._under_way):
            self._looks = True
            self.loop.call_soon(self._look)

    def _look(self) -> None:
        """Hand over what waits, unless those who were answered just now may still come in time."""
        self._looks = False
        if self._under_way or not self._waiting:
            return
        left = self._return_by - self.loop.time()
        if left <= 0 or len(self._waiting) >= self._expected:
            batch = self.take()
            self._under_way = len(batch)
            self._hand_over(batch)
        elif not self._waits:
            self._waits = True
            self.loop.call_later(left, self._waited)

    def _waited(self) -> None:
        self._waits = False
        self._return_by = 0.0
        self._look()

    def take(self) -> list[Waiting]:
        """What waits, no more of it than one commit is to hold."""
        batch: list[Waiting] = []
        signals = 0
        while self._waiting and signals < BATCH_SIGNALS:
            batch.append(self._waiting.popleft())
            signals += len(batch[-1].delivery.signals)
        return batch

    def answer(self, batch: list[Waiting], problem: UnavailableError | None) -> None:
        """Tell a batch, or a part of one, what came of it; some may have given up waiting."""
        for one in batch:
            one.patience.cancel()
            if one.done.done():
                continue
            if problem is None:
                one.done.set_result(None)
            else:
                one.done.set_exception(problem)
        self._expected = self._under_way + len(self._waiting)
        self._under_way -= len(batch)
        if not self._under_way:
            self._return_by = self.loop.time() + RETURN_WITHIN_S
            if self._waiting:
                self._look_soon()
