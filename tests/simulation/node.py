"""One node: the engine's shell around the real steps, with its loops, its workers, its door and its deaths.

What `tocsin.engine` does with threads happens here on the virtual clock: a keeper ticks and reports, a dispatcher
claims no more than its workers can start. A look at the database follows every commit within the second in which the
real loops poll; a look that must find what the last one found, as nothing has been written since, is left out.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from tests.simulation.clocks import Clock, Pace, Wind
from tests.simulation.sender import Outside, Sender
from tests.simulation.store import NodeDatabase, Store, unreachable
from tests.simulation.team import PROCEDURES
from tests.simulation.world import CRASH_POINTS, BrokenPromiseError, CrashedError, World
from tocsin.application import receipts, timekeeping
from tocsin.application.app import Application, Bell, Shelf
from tocsin.application.ingest import Delivery
from tocsin.application.intake import Intake
from tocsin.application.records import Page
from tocsin.domain.errors import UnavailableError

POLL_S = 1.0
PAUSE_S = 1.0
REPORT_EVERY_S = 1.0
CLOCK_NOTICED_S = 12
"""PostgreSQL's clock is looked at every ten seconds."""
LOOKS_EVERY_S = 60.0
"""The longest wait for a timer: clocks drift by a hundredth, and what is due is to be noticed within a second."""
CRASH_CHANCES = {"ingest": 0.04, "decide": 0.04, "page": 0.015}
LOST_COMMIT_CHANCE = 0.01


class _Bell(Bell):
    """Rung by the application after commits; wakes this node at once."""

    def __init__(self, ring: Callable[[], None]) -> None:
        super().__init__()
        self._wake = ring

    def ring(self) -> None:
        self._wake()


class Node:
    """One process among its peers.

    Args:
        name: for its place in the fleet; every new life of it has a name of its own at the database.
        world: time and chance.
        store: the shared database.
        outside: takes what it sends.
        wind: makes the clock of each life.
        follows: whether that clock follows a server's.
    """

    def __init__(self, name: str, world: World, store: Store, outside: Outside, wind: Wind, *, follows: bool) -> None:
        self._follows = follows
        self.name, self.world, self.store, self._outside, self._wind = name, world, store, outside, wind
        self.life = 0
        self.up = False
        self.up_at = self.stalled_until = self.cut_until = self.troubled_at = world.now
        self.neighbours: list[Node] = []
        self._looks: dict[str, datetime] = {}
        self._reported_at = world.now
        self._doorstep: list[tuple[Delivery, Callable[[bool], None]]] = []
        self.app: Application
        self.clock: Clock
        self._sender: Sender
        self._intake: Intake
        self._known: dict[str, tuple[int, datetime | None]] = {}
        self._reported = -1
        self.start()

    @property
    def identity(self) -> str:
        """The name of this life of the node."""
        return f"{self.name}.{self.life}"

    @property
    def running(self) -> Page | None:
        """The page a worker of it is at work on this very moment."""
        return self._sender.running

    def start(self) -> None:
        """Begin a life: nothing is remembered of the one before. Without its database a process cannot begin."""
        if self.up:
            return
        if self.world.now < self.cut_until:
            self.world.at(self.cut_until, self.start)
            return
        self.life += 1
        self.up, self.up_at = True, self.world.now
        self.clock = self._wind(self._reach)
        self.app = Application(
            database=NodeDatabase(self.store, self.clock, self._reach, self._answer, self._tell_others),
            shelf=Shelf(lambda _data, _version: PROCEDURES),
            link_key=b"simulated",
            node=self.identity,
            bell=_Bell(lambda: self.look_within(0.001)),
            crash=self._pass,
        )
        newest = self.app.database.read(lambda tx: tx.newest_event_at())
        if newest is not None:
            self.clock.not_before(newest)
        self._sender, self._intake = Sender(self, self._outside), Intake(self.app)
        self._looks.clear()
        self._known.clear()
        self._reported = -1
        self._doorstep.clear()
        self._pace = Pace(self.identity, self.world.now, self.clock.now(), follows=self._follows)
        self.look_within(0.0)

    def well_since(self) -> datetime:
        """Since when it could do its work, or from when it can."""
        return max(self.up_at, self.stalled_until, self.cut_until, self._pace.leapt_at)

    def reads(self, until: datetime) -> datetime:
        """What its clock shows a moment from now."""
        shown = self.clock.shows()
        self._pace.look(self.world.now, shown)
        return shown + (until - self.world.now)

    def clock_was_set(self) -> None:
        """The real loops look every second, and so notice soon; here they are told to, for as long as it may take."""
        for second in range(CLOCK_NOTICED_S):
            self.world.after(second, lambda: self.look_within(0.0))

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
        pause, word = self._report(), self._wait("word", _next_word)
        if word is not None and word <= 0:
            receipts.overdue(self.app)
        wait = self._wait("tick", timekeeping.next_tick)
        while wait is not None and wait <= 0:
            ticked = timekeeping.tick(self.app)
            if ticked.failed:
                raise BrokenPromiseError("the rules of an incident could not be computed", *ticked.failed)
            wait = self._wait("tick", timekeeping.next_tick) if ticked.done else POLL_S
        word = self._wait("word", _next_word)
        if word is not None and word <= 0:  # what could not be done now is tried by the next look
            word = POLL_S
        return min((one for one in (pause, wait, word) if one is not None), default=None)

    def _report(self) -> float | None:
        """Put results on the chains, once a second while there is anything new; seconds until the next time."""
        if self._reported == self.store.results:
            return None
        passed_s = (self.world.now - self._reported_at).total_seconds()
        if passed_s < REPORT_EVERY_S:
            return REPORT_EVERY_S - passed_s
        self._reported_at = self.world.now
        results = self.store.results
        timekeeping.report(self.app)
        self._reported = results
        return None

    def _dispatch(self) -> float | None:
        wait = self._wait("page", timekeeping.next_page)
        if wait is None or wait > 0:
            return wait
        self._sender.claim()
        self._sender.hasten_waiting()
        return POLL_S

    def _wait(self, name: str, ask: Callable[[Application], timedelta | None]) -> float | None:
        """Seconds until the next instant of a work list; it is read again only when something was written."""
        self._reach()
        changes, at = self._known.get(name, (-1, None))
        now = self.clock.now()
        if changes != self.store.changes:
            wait = ask(self.app)
            at = None if wait is None else now + wait
            self._known[name] = (self.store.changes, at)
        return None if at is None else min((at - now).total_seconds(), LOOKS_EVERY_S)

    # The door.

    def post(self, arrived: Delivery, answer: Callable[[bool], None]) -> None:
        """Take a sender's request; those that arrive together are committed together. `answer` says whether by 2xx."""
        self._doorstep.append((arrived, answer))
        if len(self._doorstep) == 1:
            self.after(0.005, self._take_in)

    def _take_in(self) -> None:
        waiting, self._doorstep = self._doorstep, []
        try:
            self._intake._commit([arrived for arrived, _answer in waiting])
        except UnavailableError:
            for _arrived, answer in waiting:
                answer(False)
            return
        for _arrived, answer in waiting:
            answer(True)


def _next_word(app: Application) -> timedelta | None:
    """How long until a provider is to have said what became of a page."""
    at = app.database.read(lambda tx: tx.receipts.next_at())
    return None if at is None else at - app.database.now()
