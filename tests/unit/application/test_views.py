"""What people and programs are shown."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from tests.unit.application.world import NOON, World
from tocsin.application.records import Integration, TimelineEntry
from tocsin.application.views import ahead_view, alert_view, entry_view, integration_view, page_view, rfc3339, verify
from tocsin.domain.ahead import Ahead


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (None, None),
        (datetime(2026, 11, 23, 12, 0, tzinfo=UTC), "2026-11-23T12:00:00Z"),
        (datetime(2026, 11, 23, 12, 0, 0, 5, tzinfo=UTC), "2026-11-23T12:00:00.000005Z"),
        (datetime(2026, 11, 23, 14, 0, tzinfo=timezone(timedelta(hours=2))), "2026-11-23T12:00:00Z"),
    ],
)
def test_instants_are_shown_in_utc(at, text):
    assert rfc3339(at) == text


def test_a_page_has_what_was_promised(world: World):
    """INTERFACE.md: the names a page's JSON carries at least."""
    world.begin()
    shown = page_view(world.pages()[0])
    promised = "id, person, channel, level, round, attempt, state, error, intended_at, sent_at"
    assert set(promised.split(", ")) <= set(shown)
    assert (shown["urgent"], shown["topic"], shown["error"], shown["sent_at"]) == (True, "page", None, None)
    assert page_view(replace(world.pages()[0], incident_id=""))["incident"] is None


@pytest.mark.parametrize(
    ("firing", "ends_at", "state"),
    [
        (True, None, "firing"),
        (True, NOON, "firing"),
        (True, NOON - timedelta(seconds=1), "stale"),
        (False, NOON - timedelta(seconds=1), "cleared"),
        (False, None, "cleared"),
    ],
)
def test_an_alert_is_firing_cleared_or_stale(firing, ends_at, state):
    shown = alert_view({"id": 1, "firing": firing, "ends_at": ends_at, "name": "x"}, NOON)
    assert shown["state"] == state
    assert shown["ends_at"] == rfc3339(ends_at)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"garbage",
        b"[]",
        b"{}",
        b'{"at":1,"event":"noted","v":1,"by":"x","data":{"authenticated_by":"x"}}',
        b"\xff",
    ],
)
def test_a_link_that_cannot_be_read_is_shown_as_one(body):
    shown = entry_view(TimelineEntry(7, body, b"\x01", {}), {})
    assert (shown["seq"], shown["event"], shown["hash"]) == (7, "unreadable", "01")


@pytest.mark.parametrize("body", [b"", b"garbage", b"[]", b"{}", b'{"seq":1,"incident":"INC-1","data":[]}'])
def test_whatever_stands_in_a_link_it_is_judged(body):
    faults = verify([TimelineEntry(1, body, b"\x01", {"1.text": (b"salt", "words")})], (1, b"\x01"), "INC-1")
    assert faults == ["link 1 cannot be read", "link 1 does not follow from the one before it"]


def test_a_chain_of_nothing_is_whole_only_when_it_should_be(world):
    assert verify([], (1, b""), "INC-1") == ["the chain has 0 links, and its head was number 1: it was cut or changed"]


def test_the_addresses_of_an_integration_are_ready_to_paste():
    integration = Integration("int-1", "prometheus", "KEY", "claudex", NOON, revoked_at=NOON)
    shown = integration_view(integration, "https://tocsin.example.org")
    assert shown["urls"]["alertmanager"] == "https://tocsin.example.org/ingest/KEY/alertmanager"
    assert "targets: [tocsin.example.org]" in shown["snippets"]["prometheus.yml"]
    assert shown["revoked_at"] == "2026-11-23T12:00:00Z"


def test_the_ladder_ahead_names_levels_and_people_or_nobody():
    coming = Ahead(NOON, "ladder", (2, 3), ("bo", "eve"), ("ana",))
    assert ahead_view(coming, {"bo": "Bo"}) == {
        "at": "2026-11-23T12:00:00Z",
        "cause": "ladder",
        "levels": [2, 3],
        "people": ["bo", "eve"],
        "posts": ["ana"],
        "summary": "L2 and L3: Bo, eve; ana (told without waking)",
    }
    assert ahead_view(replace(coming, levels=(), people=(), posts=()), {})["summary"] == "nobody"
