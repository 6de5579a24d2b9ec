"""Canaries go the way of alerts, and leave no incident behind."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta

import pytest

from tests.unit.application.world import signal
from tocsin.application import canary, timekeeping
from tocsin.application import deliver as delivery
from tocsin.application.flights import Flights
from tocsin.application.ingest import Delivery
from tocsin.application.intake import Intake
from tocsin.application.ports import Receipt
from tocsin.application.records import PageState
from tocsin.sources import REGISTRY

EVERY = timedelta(minutes=1)


class Perch:
    def send(self, _message, _deadline):
        return Receipt(delivered=True)

    def close(self):
        pass


@pytest.fixture
def channel(world):
    return canary.channel_of(world.app.node)


def fly(world, flight):
    body = json.dumps(canary.payload(flight)).encode()
    parsed = REGISTRY["alertmanager"](body)
    return world.ingest_all([Delivery(canary.sender(), parsed.signals), Delivery(world.prometheus, [signal()])])


def found(world, flight):
    return world.database.read(lambda tx: tx.pages.get(canary.page_id(flight)))


def test_a_canary_ends_in_the_nodes_own_channel_and_begins_no_incident(world, channel):
    assert fly(world, "one")
    assert [incident.title for incident in world.incidents()] == ["DiskFull: on Claudex"], "its neighbour's"
    (page,) = delivery.claim(world.app, channel, 10)
    assert canary.is_canary(page)
    outcome = delivery.deliver(world.app, {channel: Perch()}, page)
    assert outcome is not None
    assert outcome.state is PageState.DELIVERED
    assert timekeeping.report(world.app) == 1
    assert timekeeping.report(world.app) == 0


def test_a_node_that_does_not_have_the_channel_lets_it_fail_and_harms_nobody(world, channel):
    fly(world, "one")
    world.clock.forward(11)
    assert delivery.strange(world.app, world.channels) == [channel]
    (page,) = delivery.claim(world.app, channel, 10)
    outcome = delivery.deliver(world.app, world.channels, page)
    assert outcome is not None
    assert outcome.state is PageState.EXHAUSTED
    assert len(world.incidents()) == 1


def test_canaries_of_long_ago_are_forgotten_and_test_pages_of_people_are_not(world):
    world.does("ana", "test-page", person="ana")
    fly(world, "one")
    world.clock.forward(canary.KEPT.total_seconds() + 1)
    fly(world, "two")
    assert found(world, "one") is None
    assert found(world, "two") is not None
    assert world.database.read(lambda tx: tx.pages.count("")) == 1 + len(world.channels)


def test_their_sender_is_known_to_its_own_intake_and_to_nobody_else(world):
    own = canary.sender()
    assert asyncio.run(Intake(world.app, [own]).integration(own.key)) is own
    assert asyncio.run(Intake(world.app).integration(own.key)) is None
    assert own.key not in {one.key for one in world.database.read(lambda tx: tx.accounts.integrations())}


@pytest.fixture
def steady():
    return [100.0]


@pytest.fixture
def flights(steady):
    return Flights(clock=lambda: steady[0])


def test_where_no_canaries_fly_nothing_is_said_of_them(flights):
    assert (flights.age_s, flights.late) == (None, False)
    assert [*flights.troubles(), *flights.warnings()] == []


def test_one_that_did_not_come_through_is_said_at_once_and_is_late_after_one_and_a_half_spans(flights, steady):
    flights.every, flights.began_at = EVERY, steady[0]
    assert list(flights.troubles()) == []
    flights.trouble = "The door is shut."
    assert list(flights.troubles()) == ["No canary has come through the whole path for 0 s. The door is shut."]
    assert not flights.late
    flights.trouble, steady[0] = "", steady[0] + 91
    assert flights.late
    (trouble,) = flights.troubles()
    assert trouble.endswith("for 91 s. The last one is still under way.")
    flights.arrived_at = steady[0]
    assert list(flights.troubles()) == []
    assert flights.age_s == 0


def test_a_watchdog_that_cannot_be_told_is_a_warning(flights):
    flights.unasked = "It answered 500."
    assert list(flights.warnings()) == ["The canaries come through, and the watchdog cannot be told: It answered 500."]
