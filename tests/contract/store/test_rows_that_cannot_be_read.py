"""One poison row per queue: it delays nobody else, goes out as far as it can be read, and somebody is told of it."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.contract.store.making import page
from tests.contract.store.reaching import spoil
from tests.unit.application.hand_clock import HandClock
from tests.unit.application.world import NOON, World, procedures, signal
from tocsin.application import deliver as delivery
from tocsin.application import timekeeping
from tocsin.application.records import PageState
from tocsin.application.set_aside import SET_ASIDE
from tocsin.domain import events as ev
from tocsin.domain.react import Topic
from tocsin.domain.schedules import Override

NO_INSTANT = 10**18
"""Microseconds that lie past the year 9999."""
GARBAGE = b"\xff garbage"


@pytest.fixture
def world(database) -> World:
    return World(database, database.clock if hasattr(database, "clock") else HandClock(NOON))


@pytest.fixture
def two(world) -> tuple[str, str]:
    """Two incidents that page Ana now."""
    for name in ("First", "Second"):
        world.ingest(signal(name, severity="error"))
    first, second = (incident.id for incident in world.incidents())
    return first, second


def told(part: str) -> bool:
    return any(part in warning for warning in SET_ASIDE.warnings())


def mailed(world) -> set[str]:
    """Incidents that Ana reads of; one mail may tell of several."""
    return {name for message in world.email.sent for name in re.findall(r"INC-\d+-\d+(?:-\d+)?", message.text)}


@pytest.mark.parametrize(
    "spoiling",
    [
        "UPDATE pages SET topic = 'of-a-release-to-come' WHERE incident_id = ?",
        "UPDATE pages SET state = 'mangled' WHERE incident_id = ?",
        f"UPDATE pages SET send_at = {NO_INSTANT} WHERE incident_id = ?",
        f"UPDATE pages SET intended_at = -{NO_INSTANT}, wake_at = -{NO_INSTANT} WHERE incident_id = ? AND attempt = 1",
        f"UPDATE pages SET sent_at = {NO_INSTANT} WHERE incident_id = ?",
    ],
)
def test_a_page_that_cannot_be_read_goes_out_and_delays_nobody(world, two, spoiling):
    first, second = two
    spoil(world.database, spoiling, first)
    world.send_due()
    assert mailed(world) == {first, second}
    assert timekeeping.report(world.app) > 0


def test_a_page_of_a_topic_or_state_that_is_not_known_is_told_of(world, two):
    first, second = two
    spoil(world.database, "UPDATE pages SET topic = 'new' WHERE incident_id = ?", first)
    spoil(world.database, "UPDATE pages SET state = 'new' WHERE incident_id = ?", second)
    (one,) = [it for it in world.pages(first) if it.channel == "email"]
    (other,) = [it for it in world.pages(second) if it.channel == "email"]
    assert (one.topic, other.state) == (Topic.PAGE, PageState.FAILED)
    assert told(f"Page {one.id} is about 'new'")
    assert told(f"Page {other.id} is in the state 'new'")


def test_a_post_of_a_topic_that_is_not_known_stays_a_post(database):
    database.transact(lambda tx: tx.pages.plan([page("1", lane=4, topic=Topic.POSTED)]))
    spoil(database, "UPDATE pages SET topic = 'new'")
    found = database.read(lambda tx: tx.pages.get("pg-1"))
    assert found.topic is Topic.POSTED
    assert not found.urgent


def test_a_page_in_a_lane_that_is_none_is_put_where_a_claim_finds_it(world, two):
    first, second = two
    spoil(world.database, "UPDATE pages SET lane = 9 WHERE incident_id = ?", first)
    world.send_due()
    assert mailed(world) == {second}
    spoil(world.database, "UPDATE pages SET wake_at = wake_at - 60000000 WHERE wake_at IS NOT NULL")
    assert delivery.strange(world.app, ("email", "webhook")) == []
    world.send_due()
    assert mailed(world) == {first, second}


def test_a_result_that_cannot_be_read_keeps_nobody_elses_from_their_chain(world, two):
    first, second = two
    world.send_due()
    spoil(world.database, "UPDATE pages SET state = 'mangled' WHERE incident_id = ? AND reported = 0", first)
    assert timekeeping.report(world.app) > 0
    assert timekeeping.report(world.app) == 0
    (reported,) = world.events(ev.PagesReported, second)
    assert [result.state for result in reported.results] == ["accepted"]


def unreadable(world, incident):
    spoil(world.database, "UPDATE incidents SET state = ? WHERE id = ?", GARBAGE, incident)
    spoil(world.database, "UPDATE events SET body = ? WHERE incident_id = ?", GARBAGE, incident)


def test_an_incident_that_cannot_be_read_is_mailed_of_plainly_beside_the_others(world, two):
    first, second = two
    unreadable(world, first)
    world.send_due()
    assert mailed(world) == {first, second}


def test_new_alerts_of_an_incident_that_cannot_be_read_begin_another_beside_it(world, two):
    first, second = two
    unreadable(world, first)
    assert world.ingest(signal("First", severity="error", instance="b"), signal("Second", instance="b"))
    world.ingest(signal("First", severity="error", instance="c"))
    readable = {incident.id: incident for incident in world.incidents()}
    assert len(readable) == 2
    (beside,) = set(readable) - {second}
    assert readable[beside].alerts == 2, "both go to the one beside"
    assert told(f"{first} cannot be read")


def test_an_incident_that_ended_and_cannot_be_read_stands_in_no_alerts_way(world, two):
    first, _second = two
    unreadable(world, first)
    spoil(world.database, "UPDATE incidents SET is_open = 0, resolved_at = 1 WHERE id = ?", first)
    assert world.ingest(signal("First", severity="error", instance="b"))
    assert len(world.incidents()) == 2


def test_a_word_on_an_alert_whose_incident_cannot_be_read_is_kept(world, two):
    first, _second = two
    unreadable(world, first)
    world.ingest(signal("First", severity="error", firing=False))
    assert [alert["firing"] for alert in world.alerts(first)] == [False]


def test_an_alert_row_that_cannot_be_read_refuses_no_delivery(world, two):
    first, _second = two
    spoil(
        world.database,
        "UPDATE alerts SET first_payload = ?, digest = ?, last_seen_at = ?, starts_at = ? WHERE incident_id = ?",
        GARBAGE,
        GARBAGE,
        NO_INSTANT,
        -NO_INSTANT,
        first,
    )
    world.ingest(signal("First", severity="error"), signal("Third", severity="error"))
    assert len(world.incidents()) == 3
    (alert,) = world.alerts(first)
    assert alert["labels"]["alertname"] == "First", "as its sender says it now"


def test_an_alerts_payload_that_cannot_be_read_is_shown_as_nothing(world, two):
    first, _second = two
    spoil(world.database, "UPDATE alerts SET first_payload = ? WHERE incident_id = ?", GARBAGE, first)
    (alert,) = world.alerts(first)
    assert alert["labels"] == {}


def test_an_override_without_times_leaves_the_turn_to_whose_it_is(world, database):
    now = database.now()
    made = [Override(f"ovr-{number}", "level-1", "bo", now, now + timedelta(hours=1)) for number in (1, 2)]
    for override in made:
        database.transact(lambda tx, override=override: tx.accounts.add_override(override))
    spoil(database, "UPDATE overrides SET ends_at = ? WHERE id = 'ovr-1'", NO_INSTANT)
    assert [override.id for override in database.read(lambda tx: tx.accounts.overrides())] == ["ovr-2"]
    assert told("override ovr-1")


def test_a_sender_whose_row_has_no_instant_keeps_no_other_out(world, database):
    world.integration("other")
    spoil(
        database, "UPDATE integrations SET created_at = ?, refused_at = ? WHERE name = 'other'", NO_INSTANT, -NO_INSTANT
    )
    found = database.read(lambda tx: tx.accounts.integrations())
    assert sorted(one.name for one in found) == ["other", "prometheus"]


def test_procedures_in_force_that_cannot_be_read_give_way_to_the_last_good_ones(world, two):
    world.database.transact(lambda tx: tx.accounts.save_procedures("v9", GARBAGE, world.database.now()))
    assert world.ingest(signal("Third", severity="error"))
    assert world.database.read(world.app.shelf.active).version == "v1"
    assert told("The procedures in force, v9")
    again = world.node("after a start")
    assert world.database.read(again.shelf.active).version == "v1"
    world.apply(procedures("v10"))
    assert world.database.read(again.shelf.active).version == "v10"
