"""The engine's threads: what they say of themselves, and pages nobody else would touch."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from tests.unit.application.hand_clock import HandClock
from tests.unit.application.world import NOON, PEOPLE, World, in_memory, laid_out, person, procedures
from tocsin import engine as module
from tocsin.application import deliver as delivery
from tocsin.application import receipts
from tocsin.application.records import PageState
from tocsin.bootstrap import Switchboard
from tocsin.domain import events as ev
from tocsin.domain.errors import HeldError
from tocsin.domain.people import Contact, Notify
from tocsin.engine import Engine


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Iterator[sqlite3.Connection]:
    connection = laid_out(tmp_path_factory.mktemp("template"))
    yield connection
    connection.close()


@pytest.fixture
def world(template) -> Iterator[World]:
    store = in_memory(template, HandClock(NOON))
    yield World(store, store.clock)
    store.close()


@contextmanager
def running(world: World, engine: Engine | None = None) -> Iterator[Engine]:
    engine = engine or Engine(world.app, Switchboard({}, ""))
    engine.start()
    try:
        yield engine
    finally:
        engine.stop()


def eventually(is_so: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < until, "it never came to be"
        time.sleep(0.01)


def test_an_engine_that_works_has_no_troubles_and_one_that_ended_says_so(world):
    with running(world) as engine:
        assert list(engine.troubles()) == []
    assert [trouble.partition(":")[0] for trouble in engine.troubles()] == [
        "The engine's keeper does not run",
        "The engine's dispatcher does not run",
    ]


def test_a_loop_that_hangs_is_told_of(world, monkeypatch):
    free, inner = threading.Event(), world.database.transact
    monkeypatch.setattr(module, "SILENT_S", 0.2)
    monkeypatch.setattr(module, "POLL_S", 0.02)
    world.database.transact = lambda work: free.wait(30) and inner(work)
    with running(world) as engine:
        eventually(lambda: any("keeper has not come round" in trouble for trouble in engine.troubles()))
        free.set()
        eventually(lambda: list(engine.troubles()) == [])


def test_a_page_by_a_channel_no_node_has_fails_for_good_and_the_next_way_is_due(world, monkeypatch):
    monkeypatch.setattr(module, "STRANGE_EVERY_S", 0.0)
    ways = {name: person(name, contacts=(Contact("pigeon", name),), rules=(Notify("pigeon"),)) for name in PEOPLE}
    world.apply(procedures("v2", people=ways))
    world.begin()
    first = world.pages()[0]
    with running(world):
        world.clock.forward(11)
        world.app.bell.ring()
        eventually(lambda: "bo" in {page.person for page in world.pages()})
    failed = next(page for page in world.pages() if page.id == first.id)
    assert (failed.person, failed.state) == ("ana", PageState.EXHAUSTED)
    assert failed.error == "There is no channel named pigeon on this node."


def test_a_page_by_a_channel_another_node_may_have_is_left_to_it_for_a_while(world):
    ways = {name: person(name, contacts=(Contact("pigeon", name),), rules=(Notify("pigeon"),)) for name in PEOPLE}
    world.apply(procedures("v2", people=ways))
    world.begin()
    world.clock.forward(9.9)
    assert delivery.strange(world.app, ("email",)) == []
    world.clock.forward(0.1)
    assert delivery.strange(world.app, ("email",)) == ["pigeon"]
    assert delivery.strange(world.app, ("email", "pigeon")) == []


def test_pages_that_wait_for_a_worker_hasten_other_ways_but_not_right_after_a_start(world, monkeypatch):
    looked = threading.Event()
    monkeypatch.setattr(delivery, "hasten_waiting", lambda _app: looked.set() or 0)
    monkeypatch.setattr(module, "HASTEN_EVERY_S", 0.0)
    monkeypatch.setattr(delivery, "claim", lambda *_asked: [])
    world.begin()
    with running(world) as engine:
        eventually(lambda: engine._hasten_at > 0)
        assert not looked.is_set()
        engine._hasten_at = 0.0
        world.app.bell.ring()
        eventually(looked.is_set)


def test_a_row_that_another_node_holds_delays_no_ladder(world, monkeypatch):
    """What is overdue of providers is looked at after the ticks, and what fails there is told of."""

    def held(_app):
        raise HeldError("A frozen node holds a row.")

    monkeypatch.setattr(receipts, "overdue", held)
    monkeypatch.setattr(delivery, "due", lambda *_asked: [])
    monkeypatch.setattr(module, "_FAULT_PAUSE_S", 0.02)
    world.begin()
    with running(world) as engine:
        world.clock.forward(3600)
        eventually(lambda: len(world.events(ev.RoundOpened)) > 1)
        eventually(lambda: list(engine.troubles()) == ["A frozen node holds a row."])


def test_a_channel_whose_claim_fails_starves_none_of_the_others(world, monkeypatch):
    claim = delivery.claim

    def claimed(app, channel, limit):
        if channel == "email":
            raise HeldError("A frozen node gathers mail.")
        return claim(app, channel, limit)

    due = delivery.due
    monkeypatch.setattr(delivery, "claim", claimed)
    monkeypatch.setattr(delivery, "due", lambda *asked: sorted(due(*asked)))
    world.begin()
    world.clock.forward(3600)
    with running(world, Engine(world.app, Switchboard({}, "", own={"webhook": world.webhook}))) as engine:
        eventually(lambda: world.webhook.sent)
        eventually(lambda: list(engine.troubles()) == ["A frozen node gathers mail."])
