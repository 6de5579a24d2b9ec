"""A node's workers: they claim what is due, take it through prepare, send and record, and may stand still between."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Protocol

from tests.simulation.team import CHANNELS
from tocsin.application import deliver as delivery
from tocsin.application.ports import ChannelError, Message, Receipt
from tocsin.application.records import Page
from tocsin.domain.errors import UnavailableError

if TYPE_CHECKING:
    from tests.simulation.node import Node

WORKERS = 4
STARTS_WITHIN_S = 1.5
"""A worker starts no later than this after the claim; with the send's deadline that is less than the lease."""
PAUSE_CHANCE = 0.01
HASTEN_EVERY = timedelta(seconds=2)


def carried(message: Message) -> tuple[str, ...]:
    """The pages a message tells of."""
    return message.carries or (message.page_id,)


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes of handing a message to a provider.

    Args:
        after_s: virtual seconds until the node hears of it.
        result: what it hears; an error that is no ChannelError is one nobody foresaw.
    """

    after_s: float
    result: Receipt | Exception


class Outside(Protocol):
    """The far side of the channels, and whoever looks on."""

    def wanted(self, node: Node, pages: Sequence[Page]) -> None:
        """A node has looked for the last time, and is going to send these in one message."""
        ...

    def hand_over(self, node: Node, channel: str, message: Message) -> Answer:
        """A node sends a message."""
        ...


class Sender:
    """What `tocsin.engine` does with pools of threads, for one life of a node."""

    def __init__(self, node: Node, outside: Outside) -> None:
        self._node, self._outside = node, outside
        self._free = dict.fromkeys(CHANNELS, WORKERS)
        self._hasten_at = node.world.now + delivery.WAITS_AT_MOST
        self.running: Page | None = None

    def claim(self) -> None:
        """Take no more than there are workers free for. Where nothing is due, a claim would find nothing."""
        database = self._node.app.database
        for channel in database.read(lambda tx: tx.pages.channels_waiting(database.now())):
            free = self._free[channel]
            for page in delivery.claim(self._node.app, channel, free) if free else []:
                self._free[channel] -= 1
                self._node.after(self._node.world.between(0, STARTS_WITHIN_S), partial(self._deliver, page))

    def hasten_waiting(self) -> None:
        """Now and then: a page that no worker was free for is not waited for."""
        if self._node.world.now >= self._hasten_at:
            self._hasten_at = self._node.world.now + HASTEN_EVERY
            delivery.hasten_waiting(self._node.app)

    @contextmanager
    def _work_on(self, page: Page) -> Iterator[None]:
        """A worker's step: who is at work is known, and what the database does not take is left to the lease."""
        self.running = page
        try:
            yield
        except UnavailableError:
            self._node.world.note(f"{self._node.identity} cannot reach the database for {page.id}")
        finally:
            self.running = None

    def _deliver(self, page: Page) -> None:
        wanted: Message | ChannelError | None = None
        with self._work_on(page):
            wanted = delivery.prepare(self._node.app, page)
        match wanted:
            case None:
                self._done(page)
            case ChannelError():
                self._record(page, wanted)
            case Message():
                self._outside.wanted(self._node, [each for each in (page, *page.company) if each.id in carried(wanted)])
                self._perhaps_later(partial(self._send, page, wanted))

    def _perhaps_later(self, go_on: Callable[[], None]) -> None:
        """A process may stand still here of all places: what it knew is old when it goes on."""
        world = self._node.world
        if world.happens("pause", PAUSE_CHANCE):
            self._node.stall(world.between(5, 45))
            self._node.after(0, go_on)
        else:
            go_on()

    def _send(self, page: Page, message: Message) -> None:
        answer = self._outside.hand_over(self._node, page.channel, message)
        self._node.after(answer.after_s, partial(self._record, page, answer.result))

    def _record(self, page: Page, result: Receipt | Exception) -> None:
        """Keep what came of it; what nobody foresaw becomes the page's failure, as at the engine's error boundary."""
        app = self._node.app
        with self._work_on(page):
            match result:
                case Receipt():
                    delivery.record(app, page, result, None)
                case ChannelError():
                    delivery.record(app, page, None, result)
                case _:
                    delivery.fail(app, page, f"It could not be written or sent: {result!r}")
        self._done(page)

    def _done(self, page: Page) -> None:
        self._free[page.channel] += 1
        self._node.look_within(0.001)
