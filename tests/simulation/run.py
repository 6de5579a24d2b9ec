"""One seed, from the first alert to silence: chaos, then calm with nobody answering, then the end of every incident."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta

from tests.simulation import clocks, rest
from tests.simulation.monitors import Monitors
from tests.simulation.node import Node
from tests.simulation.people import People, resolve
from tests.simulation.promises import Promises
from tests.simulation.providers import Providers
from tests.simulation.store import Store, unreachable
from tests.simulation.team import CHANNELS
from tests.simulation.telephone import Telephone
from tests.simulation.world import FAULTS, BrokenPromiseError, CrashedError, World
from tocsin.application.app import Application
from tocsin.application.ingest import Delivery

CHAOS_S = (400, 1000)
LONG_CHAOS_S = (3 * 3600, 6 * 3600)
LONG_CHANCE = 0.01
"""A night, now and then: for the late steps of the resolution ladder, and for what hours do to a clock that was set."""

SILENCE_MIN = (14, 14, 14, 14, 14, 14, 22, 48)
"""Long enough for the backlog to drain; sometimes for HIGH to reach the top with nobody answering."""

QUIET_WITHIN = timedelta(minutes=2)


@dataclass(slots=True)
class Result:
    """What came of one seed.

    Args:
        seed: of the run.
        faults: what could go wrong in it.
        counts: figures.
        virtual: how much time passed in it.
        broken: the promise that was broken; empty when all were kept.
        trace: what led to the broken promise.
        story: tells everything that happened.
        took_s: real seconds.
    """

    seed: int
    faults: frozenset[str]
    counts: Counter[str] = field(default_factory=Counter)
    virtual: timedelta = timedelta()
    broken: str = ""
    trace: list[str] = field(default_factory=list)
    story: Callable[[], list[str]] = list
    took_s: float = 0.0

    @property
    def replay(self) -> str:
        """The command that runs it again."""
        without = ",".join(fault for fault in FAULTS if fault not in self.faults)
        return f"python -m tests.simulation --seeds 1 --start {self.seed}" + (
            f" --without {without}" if without else ""
        )


class Simulation:
    """Everything of one run, put together.

    Args:
        seed: where all chance comes from.
        faults: what may go wrong.
    """

    def __init__(self, seed: int, faults: frozenset[str]) -> None:
        world = self.world = World(seed, faults)
        world.now += timedelta(hours=world.random.choice((9, 14, 23)), minutes=world.random.randint(0, 45))
        self.began = world.now
        self.store = Store()
        self.promises = self.store.witness = Promises(world, self.store)
        self.people = People(world, self.through, self._incident_of)
        telephone = Telephone(world, self.through, self.promises.outbox.speaks_of)
        self.providers = Providers(world, self.people.receive, self.promises.outbox, telephone)
        count = world.random.choice((1, 1, 2, 2, 3))
        # One process has a file of its own; several share a server, and so may one.
        follows = count > 1 or world.random.random() < 0.3
        self.system = clocks.SystemClock(world)
        wind = (clocks.postgres if follows else clocks.sqlite)(world, self.system)
        self.nodes = [
            Node(f"node-{index + 1}", world, self.store, self.providers, wind, follows=follows)
            for index in range(count)
        ]
        for node in self.nodes:
            node.neighbours = [other for other in self.nodes if other is not node]
        self.promises.nodes = self.nodes
        self.monitors = Monitors(world, self.post, self.promises.ingested)

    def through(self, ask: Callable[[Application], object]) -> object:
        """Run something a person asks for on a node that answers, as a web request would."""
        node = self._any()
        if node is None:
            raise unreachable()
        self.promises.outbox.asked = node
        try:
            return ask(node.app)
        except CrashedError as crash:
            node.end(f"crash point {crash}")
            raise unreachable() from None

    def _incident_of(self, link: str) -> str:
        return self.promises.outbox.pages[link.partition(".")[0]].intent.incident_id

    def post(self, delivery: Delivery, answer: Callable[[bool], None]) -> None:
        """A sender's request; whoever dies with it never answers, and the sender counts that as no."""
        node = self._any()
        if node is None:
            answer(False)
            return
        answered: list[bool] = []

        def once(ok: bool) -> None:
            if not answered:
                answered.append(ok)
                answer(ok)

        node.post(delivery, once)
        self.world.after(10, lambda: once(False))

    def _any(self) -> Node | None:
        listening = [node for node in self.nodes if node.up and self.world.now >= node.stalled_until]
        return self.world.random.choice(listening) if listening else None

    # The three parts of a run.

    def run(self) -> None:
        """Chaos, calm, end; raises the first broken promise."""
        world = self.world
        chaos_s = world.between(*(LONG_CHAOS_S if world.random.random() < LONG_CHANCE else CHAOS_S))
        self.monitors.begin(chaos_s * 0.7)
        self._plan_faults(chaos_s)
        world.run(world.now + timedelta(seconds=chaos_s), self.promises.watch)
        self._calm()
        self._end()

    def _plan_faults(self, span_s: float) -> None:
        world = self.world
        plans: dict[str, tuple[int, Callable[[], None]]] = {
            "kill": (3, self._kill),
            "stall": (2, lambda: self._one().stall(world.between(5, 45))),
            "cut": (2, lambda: self._one().cut(world.between(1, 60))),
            "outage": (1, self._outage),
            "clock": (1, self._set_clock),
            "provider-down": (2, lambda: self.providers.go_down(world.random.choice(CHANNELS), world.between(30, 900))),
        }
        for fault, (most, strike) in plans.items():
            often = world.random.randint(0, most) * (1 + int(span_s // 3000))
            for _ in range(often if fault in world.faults else 0):
                world.after(world.between(0, span_s), strike)

    def _kill(self) -> None:
        self.world.count("kills")
        self._one().end("killed")

    def _one(self) -> Node:
        return self.world.random.choice(self.nodes)

    def _outage(self) -> None:
        seconds = self.world.between(5, 120)
        for node in self.nodes:
            node.cut(seconds)

    def _set_clock(self) -> None:
        """Somebody sets the clock of the machine that time comes from, and now and then starts everything anew."""
        self.system.jump(self.world.random.choice(clocks.JUMPS))
        again = "kill" in self.world.faults and self.world.random.random() < 0.4
        for node in self.nodes:
            if again:
                node.end("started anew after the clock was set")
            node.clock_was_set()

    def _calm(self) -> None:
        """The faults stop, everybody is silent: the backlog drains and the unanswered climb on."""
        world = self.world
        world.note("! the faults stop")
        world.calm = True
        self.providers.down_until.clear()
        for node in self.nodes:
            node.recover()
        began, silence = world.now, timedelta(minutes=world.random.choice(SILENCE_MIN))
        while world.now < began + silence:
            world.run(world.now + timedelta(minutes=1), self.promises.watch)
            if world.now >= began + rest.SETTLES_WITHIN:
                rest.drained(self.promises, self.nodes[0].reads(world.now))

    def _end(self) -> None:
        world = self.world
        self.monitors.off = True  # what still fires would reopen its incident
        for incident_id, account in self.promises.accounts.items():
            if account.incident is not None and account.incident.is_open:
                self.people.does("ana", incident_id, "ends", resolve, world.between(0, 5), calm=True)
        world.run(world.now + QUIET_WITHIN, self.promises.watch)
        rest.at_rest(self.promises, self.providers.taken)


@contextmanager
def _without_a_log() -> Iterator[None]:
    """What the application warns of is the point of a run; the promises say whether it was dealt with."""
    log = logging.getLogger("tocsin")
    level = log.level
    log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        log.setLevel(level)


@_without_a_log()
def simulate(seed: int, faults: frozenset[str] = frozenset(FAULTS)) -> Result:
    """Run one seed to its end, or to the first broken promise."""
    result = Result(seed, faults)
    started = time.perf_counter()
    simulation = Simulation(seed, faults)
    about: tuple[str, ...] = ()
    try:
        simulation.run()
    except BrokenPromiseError as broken:
        result.broken, about = broken.promise, broken.about
    finally:
        simulation.store.close()
    result.trace = simulation.world.trace(about) if result.broken else []
    result.story = simulation.world.trace
    result.counts = simulation.world.counts
    taken = simulation.providers.taken
    result.counts["duplicates"] = sum(taken.values()) - len(taken)
    result.counts["incidents"] = len(simulation.promises.accounts)
    result.virtual = simulation.world.now - simulation.began
    result.took_s = time.perf_counter() - started
    return result


def made_smaller(result: Result) -> Result:
    """The same broken promise with as little going wrong as it takes: fault by fault is left out while it stays."""
    for fault in FAULTS:
        smaller = simulate(result.seed, result.faults - {fault})
        if smaller.broken == result.broken:
            result = smaller
    return result


def told(result: Result, plant: str = "") -> str:
    """A broken promise for whoever has to mend it: what, how to see it again, and what led to it."""
    if not result.broken:
        return ""
    planted = f" --plant {plant}" if plant else ""
    return "\n".join((f"seed {result.seed}: {result.broken}", f"  {result.replay}{planted}", *result.trace))
