"""Operations that only look: lists with cursors, one incident, its chain, the ladder ahead, who is on call."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.application.world import NOON, PEOPLE, procedures, service, signal
from tocsin.application.administration import StandIn
from tocsin.application.looks import LAG_BUDGET, Listing, OnCall, Paging, Reading, moment, readiness
from tocsin.application.moves import Resolution, Words
from tocsin.domain.errors import InvalidError, NotFoundError
from tocsin.domain.schedules import Schedule
from tocsin.domain.severity import Severity

MINUTE = timedelta(minutes=1)


def everything(world, operation, body, limit, **where):
    """A list read page by page."""
    found, cursor = [], ""
    while True:
        answer = world.does("ana", operation, replace(body, limit=limit, cursor=cursor), **where)
        assert len(answer["items"]) <= limit
        found += answer["items"]
        if answer["next"] is None:
            return found
        cursor = answer["next"]


@pytest.mark.parametrize("limit", [1, 2, 3, 100])
def test_incidents_are_listed_newest_first_in_pages_of_any_size(world, limit):
    for number in range(3):
        world.ingest(signal(f"Alert{number}"))
        world.clock.forward(1)
    titles = [item["title"] for item in everything(world, "list", Listing(), limit)]
    assert titles == [f"Alert{number}: on Claudex" for number in (2, 1, 0)]


def test_incidents_are_listed_by_status(world):
    world.begin()
    world.does("ana", "resolve", Resolution("restarted", take_command=True))
    world.ingest(signal("Other"))

    def titles(status):
        return [item["title"].partition(":")[0] for item in world.does("ana", "list", Listing(status))["items"]]

    assert {status: titles(status) for status in ("", "open", "RESOLVED", "INVESTIGATING", "MITIGATING")} == {
        "": ["Other", "DiskFull"],
        "open": ["Other"],
        "RESOLVED": ["DiskFull"],
        "INVESTIGATING": ["Other"],
        "MITIGATING": [],
    }
    with pytest.raises(InvalidError, match="status is 'odd'; it is open, INVESTIGATING, MITIGATING, RESOLVED"):
        world.does("ana", "list", Listing("odd"))


@pytest.mark.parametrize(("limit", "most"), [(0, 1000), (-1, 1000), (1001, 1000)])
def test_a_limit_has_limits(world, limit, most):
    with pytest.raises(InvalidError, match=f"limit is {limit}; it goes from 1 to {most}"):
        world.does("ana", "list", Listing(limit=limit))


def test_alerts_may_be_asked_for_by_the_hundred_thousand(world):
    world.begin()
    assert len(world.does("ana", "alerts", Paging(100_000))["items"]) == 1
    with pytest.raises(InvalidError, match="from 1 to 100000"):
        world.does("ana", "alerts", Paging(100_001))


@pytest.mark.parametrize("limit", [1, 2, 5])
def test_alerts_and_pages_and_the_timeline_are_read_page_by_page(world, limit):
    world.ingest(*(signal(instance=str(number)) for number in range(4)))
    for number in range(3):
        world.does("ana", "note", Words(f"note {number}"))
    assert [item["labels"]["instance"] for item in everything(world, "alerts", Paging(), limit)] == list("0123")
    assert {item["channel"] for item in everything(world, "pages", Paging(), limit)} == {"email", "webhook"}
    assert [item["seq"] for item in everything(world, "timeline", Reading(), limit)] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("cursor", ["x", "-1", "1.5", "9" * 19, "²"])
@pytest.mark.parametrize(("operation", "body"), [("alerts", Paging), ("timeline", Reading)])
def test_a_cursor_of_another_list_is_refused(world, cursor, operation, body):
    world.begin()
    with pytest.raises(InvalidError, match="not a cursor of this list"):
        world.does("ana", operation, body(cursor=cursor))


def test_one_incident_has_what_was_promised(world):
    """INTERFACE.md: the names an incident's JSON carries at least."""
    world.begin()
    shown = world.does("ana", "show")
    promised = (
        "id, title, service, severity, status, phase, level, round, commander, declared_at, acknowledged_at, "
        "resolved_at, next_due_at, alerts, pages, procedures"
    )
    assert set(promised.split(", ")) <= set(shown)
    assert (shown["alerts"], shown["pages"], shown["procedures"]) == (1, 2, "v1")
    assert (shown["declared_at"], shown["next_due_at"]) == ("2026-11-23T12:00:00Z", "2026-11-23T12:15:00Z")


def test_one_page_is_shown_and_another_is_not_found(world):
    world.begin()
    page = world.pages()[0]
    assert world.does("ana", "page", page=page.id)["state"] == "planned"
    with pytest.raises(NotFoundError, match="There is no page pg-0"):
        world.does("ana", "page", page="pg-0")


def test_the_timeline_says_what_happened_in_sentences(world):
    world.begin()
    world.does("ana", "note", Words("looking"))
    items = world.does("ana", "timeline")["items"]
    assert [item["summary"] for item in items] == [
        "prometheus declared HIGH on claudex: DiskFull: on Claudex",
        "Round 1: paging Ana (L1).",
        "Alerts from prometheus: 1 new.",
        "Ana: looking",
    ]
    assert items[3]["texts"] == {"text": "looking"}
    assert set(items[3]["data"]["text"]) == {"text", "sha256"}
    assert [item["by"] for item in items] == ["integration:prometheus"] * 3 + ["person:ana"]
    assert items[3]["authenticated_by"] == "session"


def test_a_whole_chain_verifies_and_names_its_head(world):
    world.begin()
    answer = world.does("ana", "timeline", Reading(limit=1, verify=True))
    assert (answer["verified"], answer["faults"], answer["links"]) == (True, [], 3)
    again = world.does("ana", "timeline", Reading(verify=True, head=answer["head"]))
    assert again["verified"]
    assert answer["head"] == again["items"][-1]["hash"]


def test_a_head_kept_elsewhere_finds_a_chain_that_was_cut_and_mended(world):
    world.begin()
    world.does("ana", "note", Words("looking"))
    kept = world.does("ana", "timeline", Reading(verify=True))["head"]
    world.spoil("DELETE FROM events WHERE seq = 4")
    world.spoil("UPDATE incidents SET head_seq = 3, head_hash = (SELECT hash FROM events WHERE seq = 3)")
    assert world.does("ana", "timeline", Reading(verify=True))["verified"]
    answer = world.does("ana", "timeline", Reading(verify=True, head=kept))
    assert not answer["verified"]
    assert answer["faults"] == [f"the head {kept[:16]}… kept elsewhere is not in this chain: it was cut or rewritten"]


def test_a_link_that_cannot_be_read_hides_no_other(world):
    world.begin()
    world.does("ana", "note", Words("looking"))
    world.spoil("UPDATE events SET body = ? WHERE seq = 2", b"garbage")
    answer = world.does("ana", "timeline", Reading(verify=True))
    assert [item["event"] for item in answer["items"]] == ["declared", "unreadable", "alerts_attached", "noted"]
    assert answer["items"][1]["at"] == "1970-01-01T00:00:00Z"
    assert answer["faults"] == ["link 2 cannot be read", "link 2 does not follow from the one before it"]


def test_the_ladder_ahead_says_who_is_paged_when(world):
    world.begin(Severity.CRITICAL)
    items = world.does("ana", "next")["items"]
    assert len(items) == 12
    assert [(item["at"][11:16], item["summary"]) for item in items[:3]] == [
        ("12:05", "L3: Cem"),
        ("12:10", "L4: Dee"),
        ("12:20", "L2 and L3 and L4: Bo, Cem, Dee"),
    ]


def test_nothing_is_ahead_of_what_is_over(world):
    world.begin()
    world.does("ana", "resolve", Resolution("restarted", take_command=True))
    assert world.does("ana", "next")["items"] == []


def oncall(world, **asked):
    return {
        item["level"]: [one["person"] for one in item["people"]]
        for item in world.does("ana", "oncall", OnCall(**asked))["items"]
    }


def test_who_is_on_call_at_each_level(world):
    answer = world.does("ana", "oncall")
    assert (answer["service"], answer["at"]) == ("claudex", "2026-11-23T12:00:00Z")
    assert answer["items"][0] == {
        "level": 1,
        "title": "Tier 1 support",
        "schedules": ["level-1"],
        "people": [{"person": "ana", "name": "Ana", "schedule": "level-1"}],
    }


def test_who_is_on_call_for_a_service_and_at_a_time(world):
    shifts = {**procedures().schedules, "docs": Schedule("docs", ("bo", "cem"), "daily")}
    docs = service("docs", staffing={1: ("docs", "gone")})
    world.apply(procedures("v2", services={"claudex": service("claudex"), "docs": docs}, schedules=shifts))
    assert oncall(world, service="docs") != oncall(world, service="docs", at="2026-11-24T12:00:00+00:00")
    assert oncall(world, service="docs")[2] == []
    with pytest.raises(NotFoundError, match="There is no service 'x'; there are claudex, docs"):
        oncall(world, service="x")


def test_overrides_show_and_people_who_left_do_not(world):
    world.does("ana", "override-add", StandIn("level-1", "dee", "", "2026-11-24T00:00:00Z"))
    assert oncall(world)[1] == ["dee"]
    world.apply(procedures("v2", people={key: value for key, value in PEOPLE.items() if key not in {"dee", "bo"}}))
    assert (oncall(world)[1], oncall(world)[2]) == (["ana"], [])


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("", NOON),
        ("2026-11-23T09:00:00Z", NOON - 180 * MINUTE),
        ("2026-11-23T09:00:00+02:00", NOON - 300 * MINUTE),
    ],
)
def test_an_instant_is_read_as_people_write_it(text, at):
    assert moment(text, NOON) == at


@pytest.mark.parametrize(
    "text", ["tomorrow", "2026-11-23T09:00:00", "2026-11-23", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"]
)
def test_what_is_no_instant_is_refused_with_an_example(text):
    with pytest.raises(InvalidError, match=r"write it like 2026-11-23T09:00:00Z"):
        moment(text, NOON)


def test_it_is_ready_while_nothing_due_has_waited_for_long(world):
    assert readiness(world.app) == {
        "ready": True,
        "engine_lag_seconds": 0.0,
        "clock_step_seconds": 0.0,
        "at": "2026-11-23T12:00:00Z",
    }
    world.begin()
    world.clock.forward(LAG_BUDGET.total_seconds() - 0.5)
    assert readiness(world.app)["ready"]
    world.clock.forward(0.5)
    late = readiness(world.app)
    assert (late["ready"], late["engine_lag_seconds"]) == (False, 30.0)
    world.pass_time(0)
    assert readiness(world.app)["ready"]


def test_it_is_not_ready_when_timers_are_late(world):
    world.begin()
    world.pass_time(3)
    world.clock.forward(minutes=13)
    assert readiness(world.app)["engine_lag_seconds"] == 60.0
