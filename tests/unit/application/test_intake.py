"""Requests that wait together are committed together; test_intake_under_strain.py has what happens when it is hard."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tests.unit.application.world import procedures, signal
from tocsin.application import doorstep
from tocsin.application.intake import Intake
from tocsin.domain.errors import InvalidError, UnavailableError


class Gate:
    """A database whose transactions wait until the gate is opened; it counts them and can be made to fail."""

    def __init__(self, database):
        self.database = database
        self.opened = threading.Event()
        self.entered = threading.Semaphore(0)
        self.commits = 0
        self.failure = None

    def transact(self, work):
        self.entered.release()
        assert self.opened.wait(30)
        self.commits += 1
        if self.failure is not None:
            raise self.failure
        return self.database.transact(work)

    def __getattr__(self, name):
        return getattr(self.database, name)


@pytest.fixture
def gate(world):
    """`world.app` on a gated database."""
    gated = Gate(world.database)
    object.__setattr__(world.app, "database", gated)
    yield gated
    gated.opened.set()


@pytest.fixture
def intake(world, gate):
    """An intake that works until the test ends."""
    running = Intake(world.app)
    running.start()
    yield running
    gate.opened.set()
    running.stop()


async def under_way(intake, gate, world, **facts):
    """A delivery whose transaction waits at the gate."""
    task = asyncio.ensure_future(intake.submit(world.prometheus, [signal(**facts)]))
    await asyncio.to_thread(gate.entered.acquire)
    return task


async def handed_in(intake, world, *signals):
    """A delivery that waits behind the one under way."""
    task = asyncio.ensure_future(intake.submit(world.prometheus, signals))
    await asyncio.sleep(0)
    return task


def test_what_waits_together_is_committed_together(world, gate, intake):
    async def scenario():
        tasks = [await under_way(intake, gate, world)]
        tasks += [await handed_in(intake, world, signal(instance=str(number))) for number in range(5)]
        gate.opened.set()
        await asyncio.gather(*tasks)

    asyncio.run(scenario())
    assert gate.commits == 2, "the first alone, then all that had come meanwhile"
    assert world.incident().alerts == 6
    assert intake.accepted == 6


def test_a_commit_takes_no_more_signals_than_a_batch_holds(world, gate, intake, monkeypatch):
    monkeypatch.setattr(doorstep, "BATCH_SIGNALS", 3)

    async def scenario():
        tasks = [await under_way(intake, gate, world)]
        for number in range(4):
            pair = [signal(instance=f"{number}-{each}") for each in (1, 2)]
            tasks.append(await handed_in(intake, world, *pair))
        gate.opened.set()
        await asyncio.gather(*tasks)

    asyncio.run(scenario())
    assert gate.commits == 3, "the first alone, then two and two"
    assert world.incident().alerts == 9


def test_whoever_gave_up_waiting_is_no_obstacle_to_the_others(world, gate, intake):
    async def scenario():
        first = await under_way(intake, gate, world)
        impatient = await handed_in(intake, world, signal(instance="a"))
        patient = await handed_in(intake, world, signal(instance="b"))
        impatient.cancel()
        await asyncio.sleep(0)
        gate.opened.set()
        await asyncio.gather(first, patient)

    asyncio.run(scenario())
    assert world.incident().alerts == 2, "nobody was promised the third"


def test_for_those_who_gave_up_waiting_nothing_is_committed(world, gate, intake):
    async def scenario():
        first = await under_way(intake, gate, world)
        (await handed_in(intake, world, signal(instance="a"))).cancel()
        await asyncio.sleep(0)
        gate.opened.set()
        await first
        await asyncio.to_thread(intake.stop)

    asyncio.run(scenario())
    assert gate.commits == 1


def test_whoever_gives_up_during_the_commit_leaves_the_others_their_answer(world, gate, intake):
    async def scenario():
        (await under_way(intake, gate, world)).cancel()
        patient = await handed_in(intake, world, signal(instance="b"))
        gate.opened.set()
        await patient

    asyncio.run(scenario())
    assert world.incident().alerts == 2


def test_whether_deliveries_are_taken_in_is_told(world):
    running = Intake(world.app)
    assert not running.is_alive
    running.start()
    assert running.is_alive
    running.stop()
    assert not running.is_alive


def test_a_closed_event_loop_does_not_end_the_intake(world, gate, intake):
    async def leave():
        (await under_way(intake, gate, world)).cancel()

    asyncio.run(leave())
    gate.opened.set()
    asyncio.run(intake.submit(world.prometheus, [signal(instance="b")]))
    assert world.incident().alerts == 2


@pytest.mark.parametrize("error", [InvalidError("a rule"), RuntimeError("a bug"), KeyError("x")])
def test_whatever_the_reason_what_is_not_stored_is_to_be_sent_again(world, gate, intake, error):
    """Senders drop what is answered by a 4xx."""
    gate.opened.set()
    gate.failure = error
    with pytest.raises(UnavailableError, match="send it again"):
        asyncio.run(intake.submit(world.prometheus, [signal()]))


def test_procedures_that_break_under_way_refuse_nothing_for_good(world, gate, intake):
    gate.opened.set()
    world.known["v1"] = None
    world.app.shelf._versions.clear()
    with pytest.raises(UnavailableError):
        asyncio.run(intake.submit(world.prometheus, [signal()]))
    world.apply(procedures("v1"))
    asyncio.run(intake.submit(world.prometheus, [signal()]))
    assert world.incident().alerts == 1


def test_an_intake_ends_behind_what_was_handed_in(world, gate):
    running = Intake(world.app)
    running.start()

    async def scenario():
        first = await under_way(running, gate, world)
        second = await handed_in(running, world, signal(instance="b"))
        stopping = asyncio.ensure_future(asyncio.to_thread(running.stop))
        gate.opened.set()
        await asyncio.gather(first, second, stopping)

    asyncio.run(scenario())
    assert world.incident().alerts == 2


def test_the_crash_points_lie_around_the_commit(world):
    points: list[str] = []
    world.crash = points.append
    running = Intake(world.node("n1"))
    running.start()
    asyncio.run(running.submit(world.prometheus, [signal()]))
    running.stop()
    assert points == ["ingest.before_commit", "ingest.after_commit"]
