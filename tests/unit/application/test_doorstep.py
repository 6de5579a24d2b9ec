"""What comes together goes in together, and nobody who comes alone waits for others."""

from __future__ import annotations

import asyncio

import pytest

from tests.unit.application.world import NOON, signal
from tocsin.application import doorstep as module
from tocsin.application.doorstep import Doorstep, Waiting
from tocsin.application.ingest import Delivery
from tocsin.application.records import Integration
from tocsin.domain.errors import UnavailableError

SENDER = Integration("int-1", "prometheus", "key", "claudex", NOON)


class Street:
    """A doorstep, and the batches that were taken in from it."""

    def __init__(self):
        self.taken: asyncio.Queue[list[Waiting]] = asyncio.Queue()
        self.doorstep = Doorstep(asyncio.get_running_loop(), self.taken.put_nowait)

    def come(self, count=1, signals=1):
        loop, delivery = asyncio.get_running_loop(), Delivery(SENDER, [signal()] * signals)
        arrivals = [Waiting(delivery, loop.create_future(), loop.call_later(3600, int)) for _ in range(count)]
        for one in arrivals:
            self.doorstep.put(one)
        return arrivals

    async def next(self):
        async with asyncio.timeout(30):
            return await self.taken.get()

    async def answer_next(self):
        batch = await self.next()
        self.doorstep.answer(batch, None)
        return batch


@pytest.fixture
def in_a_street(monkeypatch):
    """Runs a scenario; those who were answered just now are waited for as long as is said."""

    def run(scenario, return_within_s):
        monkeypatch.setattr(module, "RETURN_WITHIN_S", return_within_s)

        async def live():
            await scenario(Street())

        asyncio.run(live())

    return run


def test_what_comes_in_one_round_of_the_loop_goes_in_together(in_a_street):
    async def scenario(street):
        arrivals = street.come(3)
        assert await street.answer_next() == arrivals
        assert all(one.done.done() and one.patience.cancelled() for one in arrivals)

    in_a_street(scenario, 0.0)


def test_what_comes_while_a_batch_is_under_way_is_the_next(in_a_street):
    async def scenario(street):
        street.come()
        first = await street.next()
        later = street.come(2)
        await asyncio.sleep(0)
        later += street.come()
        await asyncio.sleep(0)
        assert street.taken.empty()
        street.doorstep.answer(first, None)
        assert await street.next() == later

    in_a_street(scenario, 0.0)


def test_a_batch_is_under_way_until_its_last_part_is_answered(in_a_street):
    async def scenario(street):
        street.come(2)
        one, other = await street.next()
        [later] = street.come()
        street.doorstep.answer([one], None)
        await asyncio.sleep(0)
        assert street.taken.empty()
        street.doorstep.answer([other], UnavailableError("held"))
        assert await street.next() == [later]
        assert one.done.result() is None
        assert isinstance(other.done.exception(), UnavailableError)

    in_a_street(scenario, 0.0)


def test_those_who_were_answered_are_waited_for_and_then_go_in_with_the_others(in_a_street):
    async def scenario(street):
        street.come(3)
        await street.answer_next()
        early = street.come()
        for _round in range(3):
            await asyncio.sleep(0)
        early += street.come()
        for _round in range(3):
            await asyncio.sleep(0)
        assert street.taken.empty()
        early += street.come()
        assert await street.answer_next() == early

    in_a_street(scenario, 3600.0)


def test_nobody_waits_longer_than_that_for_those_who_do_not_come_again(in_a_street):
    async def scenario(street):
        street.come(3)
        await street.answer_next()
        alone = street.come()
        assert await street.next() == alone

    in_a_street(scenario, 0.01)


def test_who_comes_alone_again_and_again_never_waits(in_a_street):
    async def scenario(street):
        for _turn in range(5):
            alone = street.come()
            assert await street.answer_next() == alone

    in_a_street(scenario, 3600.0)


def test_who_gave_up_is_passed_over(in_a_street):
    async def scenario(street):
        gone, patient = street.come(2)
        batch = await street.next()
        gone.done.cancel()
        street.doorstep.answer(batch, None)
        assert patient.done.result() is None

    in_a_street(scenario, 0.0)


def test_a_batch_holds_no_more_signals_than_one_commit_is_to(in_a_street, monkeypatch):
    monkeypatch.setattr(module, "BATCH_SIGNALS", 3)

    async def scenario(street):
        arrivals = street.come(3, signals=2)
        assert await street.answer_next() == arrivals[:2]
        assert await street.answer_next() == arrivals[2:]

    in_a_street(scenario, 0.0)


def test_a_look_that_finds_everything_taken_leaves_it_at_that(in_a_street):
    async def scenario(street):
        street.come(2)
        assert len(street.doorstep.take()) == 2
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert street.taken.empty()
        alone = street.come()
        assert await street.next() == alone

    in_a_street(scenario, 0.0)
