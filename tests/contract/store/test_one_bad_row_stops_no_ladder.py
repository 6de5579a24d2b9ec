"""Whatever is wrong with one incident's rows, the others climb, and of that one somebody still hears."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.contract.store.reaching import spoil
from tests.unit.application.hand_clock import HandClock
from tests.unit.application.world import NOON, PEOPLE, World, person, procedures, signal
from tocsin.application import timekeeping
from tocsin.application.views import verify
from tocsin.domain import events as ev
from tocsin.domain.people import Contact


@pytest.fixture
def world(database) -> World:
    return World(database, database.clock if hasattr(database, "clock") else HandClock(NOON))


@pytest.fixture
def two(world) -> tuple[str, str]:
    """Two incidents that owe their second level a page."""
    for name in ("First", "Second"):
        world.ingest(signal(name, severity="error"))
    first, second = (incident.id for incident in world.incidents())
    forward(world, 15)
    return first, second


def forward(world, minutes):
    if hasattr(world.database, "clock"):
        world.clock.forward(minutes=minutes)
    else:
        world.database.not_before(world.database.now() + timedelta(minutes=minutes))


def climbed(world, name):
    return [target.person for it in world.events(ev.RoundOpened, name) for target in it.targets]


def log_is_ahead(database, incident):
    """The row lacks the newest link of its log: the next append is refused by the database."""
    spoil(
        database,
        "INSERT INTO events (incident_id, seq, body, hash) "
        "SELECT incident_id, seq + 1, body, hash FROM events WHERE incident_id = ? ORDER BY seq DESC LIMIT 1",
        incident,
    )


def test_an_incident_the_database_refuses_delays_no_other_and_pages_plainly(world, two):
    first, second = two
    log_is_ahead(world.database, first)
    assert timekeeping.tick(world.app) == timekeeping.Ticked(2, (first,))
    assert climbed(world, second) == ["ana", "bo"]
    plain = [(page.person, page.channel) for page in world.pages(first) if page.attempt > 1000]
    assert sorted(plain) == [("ana", "email"), ("ana", "webhook")]
    assert timekeeping.tick(world.app).done == 0, "the next try is in a minute"
    forward(world, 1)
    assert timekeeping.tick(world.app) == timekeeping.Ticked(1, (first,))


def test_a_state_behind_its_log_is_folded_from_it_and_climbs(world, database, two):
    first, _second = two
    [(old,)] = database.read(lambda tx: tx.incidents._sql.all("SELECT state FROM incidents WHERE id = ?", (first,)))
    timekeeping.tick(world.app)
    spoil(database, "UPDATE incidents SET state = ? WHERE id = ?", bytes(old), first)
    forward(world, 15)
    assert timekeeping.tick(world.app).failed == ()
    assert climbed(world, first) == ["ana", "bo", "cem"]
    chain = database.read(lambda tx: (tx.incidents.timeline(first, 0, 999), tx.incidents.head(first)))
    assert verify(*chain, first) == []


def test_a_row_that_names_another_head_than_its_state_is_mended_from_the_log(world, database, two):
    first, _second = two
    spoil(database, "UPDATE incidents SET head_seq = head_seq - 1, head_hash = ? WHERE id = ?", bytes(32), first)
    assert timekeeping.tick(world.app).failed == ()
    chain = database.read(lambda tx: (tx.incidents.timeline(first, 0, 999), tx.incidents.head(first)))
    assert verify(*chain, first) == []


def test_results_the_database_refuses_keep_nobody_elses_from_their_chain(world, two):
    first, second = two
    world.send_due()
    log_is_ahead(world.database, first)
    assert timekeeping.report(world.app) > 0
    assert timekeeping.report(world.app) == 0
    assert len(world.events(ev.PagesReported, second)) == 1


def test_when_not_even_the_plain_pages_can_be_planned_the_others_climb(world, two, caplog):
    """Ana's contact has a channel that no database takes; the ladder asks for it only when it pages plainly."""
    first, second = two
    log_is_ahead(world.database, first)
    odd = person("ana", contacts=(Contact(object(), "ana"),))  # type: ignore[arg-type]
    world.apply(procedures("v2", people={**PEOPLE, "ana": odd}))
    assert timekeeping.tick(world.app) == timekeeping.Ticked(2, (first,))
    assert climbed(world, second) == ["ana", "bo"]
    assert [page for page in world.pages(first) if page.attempt > 1000] == []
    assert "Nobody could be paged" in caplog.text
    assert timekeeping.tick(world.app).done == 0, "it is tried again, but not at once"
