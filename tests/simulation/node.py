"""One node: the engine's shell around the real steps, with its loops, its workers, its door and its deaths.

What `tocsin.engine` does with threads happens here on the virtual clock: a keeper ticks and reports, a dispatcher
claims no more than its workers can start, a worker takes a page through prepare, send and record. A look at the
database follows every commit within the second in which the real loops poll.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Protocol

from tests.simulation.store import NodeDatabase, Store, unreachable
from tests.simulation.team import CHANNELS, PROCEDURES
from tests.simulation.world import CRASH_POINTS, BrokenPromiseError, CrashedError, World
from tocsin.application import deliver as delivery
from tocsin.application import timekeeping
from tocsin.application.app import Application, Bell, Shelf
from tocsin.application.ingest import Delivery
from tocsin.application.intake import Intake, _Waiting
from tocsin.application.ports import ChannelError, Message, Receipt
from tocsin.application.records import Page
from tocsin.domain.errors import UnavailableError

WORKERS = 4
POLL_S = 1.0
PAUSE_S = 1.0
REPORT_EVERY_S = 1.0
STARTS_WITHIN_S = 1.5
"""A worker starts no later than this after the claim; with the send's deadline that is less than the lease."""
CRASH_CHANCES = {"ingest": 0.04, "decide": 0.04, "page": 0.015}
LOST_COMMIT_CHANCE = 0.01


class _Bell(Bell):
    """Rung by the application after commits; wakes this node at once."""

    def __init__(self, ring: Callable[[], None]) -> None:
        super().__init__()
        self._wake = ring

    def ring(self) -> None:
        self._wake()


@dataclass(frozen=True, slots=True)
class Answer:
    """What comes of handing a message to a provider.

    Args:
        after_s: virtual seconds until the node hears of it.
        result: what it hears; an error that is no ChannelError is one nobody foresaw.
    """

    after_s: float
    result: Receipt | Exception


class Provider(Protocol):
    """The far side of a channel."""

    def hand_over(self, node: Node, channel: str, message: Message) -> Answer:
        """A node sends a message."""
        ...


class Node:
    """One process among its peers.

    Args:
        name: for its place in the fleet; every new life of it has a name of its own at the database.
        world: time and chance.
        store: the shared database.
        provider: takes what it sends.
    """

    def __init__(self, name: str, world: World, store: Store, provider: Provider) -> None:
        self.name, self.world, self.store, self._provider = name, world, store, provider
        self.life = 0
        self.up = False
        self.up_at = self.stalled_until = self.cut_until = self.troubled_at = world.now
        self.neighbours: list[Node] = []
        self.running: Page | None = None
        self._looks: dict[str, datetime] = {}
        self._reported_at = world.now
        self._free = dict.fromkeys(CHANNELS, WORKERS)
        self._doorstep: list[tuple[Delivery, Callable[[bool], None]]] = []
        self.app: Application
        self._intake: Intake
        self.start()

    @property
    def identity(self) -> str:
        """The name of this life of the node."""
        return f"{self.name}.{self.life}"

    def start(self) -> None:
        """Begin a life: nothing is remembered of the one before."""
        if self.up:
            return
        self.life += 1
        self.up, self.up_at = True, self.world.now
        self.app = Application(
            database=NodeDatabase(self.store, self._now, self._reach, self._answer, self._tell_others),
            shelf=Shelf(lambda _data, _version: PROCEDURES),
            link_key=b"simulated",
            node=self.identity,
            bell=_Bell(lambda: self.look_within(0.001)),
            crash=self._pass,
        )
        self._intake = Intake(self.app)
        self._looks.clear()
        self._free = dict.fromkeys(CHANNELS, WORKERS)
        self._doorstep.clear()
        self.look_within(0.0)

    def healthy_since(self) -> datetime | None:
        """Since when it could have done its work; None when it cannot now."""
        since = max(self.up_at, self.stalled_until, self.cut_until)
        return since if self.up and since <= self.world.now else None

    # What befalls it.

    def end(self, why: str) -> None:
        """Die: what was not committed never was, and what is on the wire arrives without its sender."""
        if not self.up:
            return
        self.world.note(f"! {self.identity} dies: {why}")
        self.up, self.troubled_at = False, self.world.now
        self.world.after(self.world.between(1, 2 if self.world.calm else 90), self.start)

    def stall(self, seconds: float) -> None:
        """Stand still: nothing of this node moves until then, but its messages on the wire do."""
        self.world.note(f"! {self.identity} stands still for {seconds:.0f} s")
        self.troubled_at = self.world.now
        self.stalled_until = max(self.stalled_until, self.world.now + timedelta(seconds=seconds))

    def cut(self, seconds: float) -> None:
        """Lose the database."""
        self.world.note(f"! {self.identity} cannot reach the database for {seconds:.0f} s")
        self.cut_until = max(self.cut_until, self.world.now + timedelta(seconds=seconds))

    def recover(self) -> None:
        """Be well from now on."""
        self.stalled_until = min(self.stalled_until, self.world.now)
        self.cut_until = min(self.cut_until, self.world.now)
        self.start()
        self._looks.clear()  # those of a node that stood still come too late
        self.look_within(0.0)

    def _now(self) -> datetime:
        return self.world.now

    def _reach(self) -> None:
        if self.world.now < self.cut_until:
            self.troubled_at = self.world.now
            raise unreachable()

    def _answer(self) -> None:
        if self.world.happens("lost-commit", LOST_COMMIT_CHANCE):
            self.world.note(f"! {self.identity} is told that a commit failed, and it is on disk")
            self.world.count("lost commits")
            self.troubled_at = self.world.now
            raise unreachable()

    def _pass(self, point: str) -> None:
        if point not in CRASH_POINTS:
            raise BrokenPromiseError(f"the code passes {point}, a crash point the simulator does not know")
        if self.world.happens("crash", CRASH_CHANCES[point.partition(".")[0]]):
            self.world.count(f"crashes at {point}")
            raise CrashedError(point)

    # How its work gets its turn.

    def after(self, seconds: float, do: Callable[[], None]) -> None:
        """Let this life of the node do something later; a stall delays it, death forgets it."""
        life = self.life
        self.world.after(seconds, lambda: self.run(do, life))

    def run(self, do: Callable[[], None], life: int) -> None:
        """Do something now if this life still lasts; it may end by it."""
        if not self.up or life != self.life:
            return
        if self.world.now < self.stalled_until:
            self.world.at(self.stalled_until, lambda: self.run(do, life))
            return
        try:
            do()
        except CrashedError as crash:
            self.end(f"crash point {crash}")

    def _tell_others(self) -> None:
        for node in self.neighbours:
            node.look_within(self.world.between(0, POLL_S))
        self.look_within(POLL_S)

    def look_within(self, seconds: float) -> None:
        """Let both loops come round no later than this."""
        for name, step in (("keeper", self._keep), ("dispatcher", self._dispatch)):
            self._look(name, step, seconds)

    def _look(self, name: str, step: Callable[[], float | None], seconds: float) -> None:
        at = self.world.now + timedelta(seconds=seconds)
        planned = self._looks.get(name)
        if not self.up or (planned is not None and planned <= at):
            return
        self._looks[name] = at
        self.after(seconds, lambda: self._come_round(name, step, at))

    def _come_round(self, name: str, step: Callable[[], float | None], at: datetime) -> None:
        if self._looks.get(name) != at:
            return
        del self._looks[name]
        try:
            pause = step()
        except UnavailableError:
            pause = PAUSE_S
        if pause is not None:
            self._look(name, step, pause)

    # The engine's loops.

    def _keep(self) -> float | None:
        while (ticked := timekeeping.tick(self.app)).done == timekeeping.BATCH:
            pass
        if ticked.failed:
            raise BrokenPromiseError("the rules of an incident could not be computed", *ticked.failed)
        wait = self._seconds(timekeeping.next_tick(self.app))
        if self.world.now - self._reported_at < timedelta(seconds=REPORT_EVERY_S):
            return REPORT_EVERY_S if wait is None else min(wait, REPORT_EVERY_S)
        self._reported_at = self.world.now
        timekeeping.report(self.app)
        return wait

    def _dispatch(self) -> float | None:
        wait = self._seconds(timekeeping.next_page(self.app))
        if wait is None or wait > 0:
            return wait
        for channel in CHANNELS:
            self._start(channel)
        return POLL_S

    def _seconds(self, wait: timedelta | None) -> float | None:
        return None if wait is None else max(0.0, wait.total_seconds())

    def _start(self, channel: str) -> None:
        free = self._free[channel]
        pages = delivery.claim(self.app, channel, free) if free else []
        for page in pages:
            self._free[channel] -= 1
            self.after(self.world.between(0, STARTS_WITHIN_S), partial(self._deliver, page))

    @contextmanager
    def _work_on(self, page: Page) -> Iterator[None]:
        """A worker's step: who is at work is known, and what the database does not take is left to the lease."""
        self.running = page
        try:
            yield
        except UnavailableError:
            self.world.note(f"{self.identity} cannot reach the database for {page.id}")
        finally:
            self.running = None

    def _deliver(self, page: Page) -> None:
        wanted: Message | ChannelError | None = None
        with self._work_on(page):
            wanted = delivery.prepare(self.app, page)
            if isinstance(wanted, Message):
                answer = self._provider.hand_over(self, page.channel, wanted)
                self.after(answer.after_s, partial(self._record, page, answer.result))
                return
        if wanted is None:
            self._done(page)
        else:
            self._record(page, wanted)

    def _record(self, page: Page, result: Receipt | Exception) -> None:
        """Keep what came of it; what nobody foresaw becomes the page's failure, as at the engine's error boundary."""
        with self._work_on(page):
            match result:
                case Receipt():
                    delivery.record(self.app, page, result, None)
                case ChannelError():
                    delivery.record(self.app, page, None, result)
                case _:
                    delivery.fail(self.app, page, f"It could not be written or sent: {result!r}")
        self._done(page)

    def _done(self, page: Page) -> None:
        self._free[page.channel] += 1
        self.look_within(0.001)

    # The door.

    def post(self, arrived: Delivery, answer: Callable[[bool], None]) -> None:
        """Take a sender's request; those that arrive together are committed together. `answer` says whether by 2xx."""
        self._doorstep.append((arrived, answer))
        if len(self._doorstep) == 1:
            self.after(0.005, self._take_in)

    def _take_in(self) -> None:
        waiting, self._doorstep = self._doorstep, []
        batch: list[Any] = [_Waiting(arrived, None, None) for arrived, _answer in waiting]  # type: ignore[arg-type]
        try:
            self._intake._commit(batch)
        except UnavailableError:
            for _arrived, answer in waiting:
                answer(False)
            return
        for _arrived, answer in waiting:
            answer(True)
