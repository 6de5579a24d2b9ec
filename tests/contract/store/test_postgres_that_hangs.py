"""A peer or a server that was frozen: senders get their 503 while they still listen, and nobody else waits."""

from __future__ import annotations

import asyncio
import time

import psycopg
import pytest

from tests.unit.application.hand_clock import HandClock
from tests.unit.application.world import NOON, World, signal
from tocsin.application import timekeeping
from tocsin.application.intake import Intake
from tocsin.db.postgres import PostgresDatabase
from tocsin.domain.errors import HeldError, UnavailableError

SENDERS_LISTEN_S = 10.0


@pytest.fixture
def world(node) -> World:
    return World(node(), HandClock(NOON))


@pytest.fixture
def intake(world):
    intake = Intake(world.app)
    intake.start()
    yield intake
    intake.stop()


@pytest.fixture
def peer(emptied_postgres):
    """A session in the middle of a transaction, with none of our timeouts."""
    with psycopg.connect(emptied_postgres) as connection:
        yield connection


def hold(peer, incident):
    peer.execute("SELECT 1 FROM incidents WHERE id = %s FOR UPDATE", (incident.id,))


def titles(world):
    return [incident.title.partition(":")[0] for incident in world.incidents()]


async def all_of(intake, world, *signals):
    """What came of deliveries that are handed in together, one signal each: an error or None; and how long it took."""

    async def one(sent):
        try:
            async with asyncio.timeout(SENDERS_LISTEN_S):
                await intake.submit(world.prometheus, [sent])
        except UnavailableError as error:
            return error
        return None

    began = time.monotonic()
    answers = await asyncio.gather(*(one(sent) for sent in signals))
    return answers, time.monotonic() - began


def test_what_a_frozen_peer_holds_is_unavailable_and_everything_else_is_stored(world, intake, peer):
    hold(peer, world.begin())
    same, other = signal("DiskFull", instance="b"), signal("Other")
    answers, _took = asyncio.run(all_of(intake, world, same, other, same, signal("Third")))
    assert [type(answer) for answer in answers] == [HeldError, type(None), HeldError, type(None)]
    answers, took = asyncio.run(all_of(intake, world, same, signal("Fourth")))
    assert [type(answer) for answer in answers] == [HeldError, type(None)]
    assert took < 2, "once it is known that somebody holds on, nobody waits long"
    peer.rollback()
    answers, _took = asyncio.run(all_of(intake, world, same))
    assert answers == [None]
    assert titles(world) == ["DiskFull", "Other", "Third", "Fourth"]
    assert len(world.alerts(world.incidents()[0].id)) == 2


def test_the_ladders_of_others_go_on_meanwhile(world, peer):
    hold(peer, world.begin())
    world.ingest(signal("Other", severity="error"))
    world.spoil("UPDATE incidents SET next_due_at = 1 WHERE id <> ?", world.incidents()[0].id)
    assert timekeeping.tick(world.app).done == 1


def test_a_node_frozen_in_a_transaction_loses_its_rows_to_the_others(world, node):
    """Its session says so to the server when it begins: the server lets go of what a frozen node holds."""
    asked = node().transact(
        lambda tx: tx.incidents._sql.all(
            "SELECT setting FROM pg_settings WHERE name IN ('idle_in_transaction_session_timeout', 'lock_timeout', "
            "'statement_timeout') ORDER BY name"
        )
    )
    assert [int(setting) for (setting,) in asked] == [10_000, 2_000, 6_000]


def test_a_transaction_the_server_ended_meanwhile_is_unavailable(world):
    def work(tx):
        tx.incidents._sql.run("SET LOCAL idle_in_transaction_session_timeout = 1")
        time.sleep(0.1)  # what is under test is a node that stands still
        tx.accounts.put("name", b"value")

    with pytest.raises(UnavailableError):
        world.database.transact(work)
    assert world.database.read(lambda tx: tx.accounts.get("name")) is None


def test_a_statement_that_takes_too_long_is_unavailable(world):
    def work(tx):
        tx.incidents._sql.run("SET LOCAL statement_timeout = 1")
        tx.incidents._sql.run("SELECT pg_sleep(5)")

    with pytest.raises(UnavailableError):
        world.database.transact(work)


def test_a_frozen_server_is_unavailable_in_time_and_all_is_well_when_it_goes_on(own_postgres):
    database = PostgresDatabase(own_postgres.url, time.monotonic)
    database.migrate()
    world = World(database, HandClock(NOON))
    intake = Intake(world.app)
    intake.start()
    assert asyncio.run(all_of(intake, world, signal("Before")))[0] == [None]
    own_postgres.freeze()
    try:
        answers, took = asyncio.run(all_of(intake, world, signal("During"), signal("Too")))
        with pytest.raises(UnavailableError):
            database.transact(lambda tx: tx.accounts.get("name"))
        with pytest.raises(UnavailableError):
            database.read(lambda tx: tx.accounts.get("name"))
    finally:
        own_postgres.thaw()
    assert all(type(answer) is UnavailableError for answer in answers)
    assert took < SENDERS_LISTEN_S
    for _retry in range(40):
        [answer], _took = asyncio.run(all_of(intake, world, signal("After")))
        if answer is None:
            break
    assert "After" in titles(world)
    intake.stop()
    database.close()
