"""What the engine does when time has passed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.application.world import NOON, PEOPLE, procedures, service, signal
from tocsin.application import timekeeping
from tocsin.application.moves import Reason, Resolution
from tocsin.application.records import PageState
from tocsin.domain import events as ev
from tocsin.domain.incident import FOLD_VERSION
from tocsin.domain.schedules import Schedule
from tocsin.domain.severity import Severity

MINUTE = timedelta(minutes=1)


def plain(world, name="last"):
    """Who was paged with the plain facts, and when."""
    return [
        (page.person, page.channel, (page.intended_at - NOON) // MINUTE)
        for page in sorted(world.pages(name), key=lambda page: (page.intended_at, page.person, page.channel))
        if page.attempt > 1000
    ]


def break_rules(world, **facts):
    """Procedures whose timings cannot be computed: every decision about time raises."""
    broken = procedures(**facts)
    world.apply(replace(broken, policy=replace(broken.policy, timings={})))


def test_a_tick_does_what_is_owed_and_says_how_many(world):
    world.begin()
    assert world.tick() == timekeeping.Ticked(0)
    world.clock.forward(minutes=15)
    assert world.tick() == timekeeping.Ticked(1)
    assert [it.cause for it in world.events(ev.RoundOpened)] == [ev.Cause.LADDER, ev.Cause.LADDER]
    assert world.tick() == timekeeping.Ticked(0)


def test_a_tick_that_did_something_rings_the_bell(world):
    world.begin()
    rings = world.app.bell.rings
    world.tick()
    assert world.app.bell.rings == rings
    world.clock.forward(minutes=15)
    world.tick()
    assert world.app.bell.rings == rings + 1


def test_the_crash_points_lie_around_the_commit_of_a_tick_that_has_work(world):
    points: list[str] = []
    world.crash = points.append
    world.app = world.node("n1")
    world.tick()
    assert points == []
    world.begin()
    world.clock.forward(minutes=15)
    points.clear()
    world.tick()
    assert points == ["decide.before_commit", "decide.after_commit"]


def test_the_whole_ladder_is_climbed_to_the_minute(world):
    world.begin(Severity.CRITICAL)
    world.pass_time(25)
    rounds = [
        ((it.at - NOON) // MINUTE, [target.person for target in it.targets]) for it in world.events(ev.RoundOpened)
    ]
    assert rounds == [(0, ["bo"]), (5, ["cem"]), (10, ["dee"]), (20, ["bo", "cem", "dee"])]


def test_no_more_are_ticked_at_once_than_a_batch_takes(world, monkeypatch):
    monkeypatch.setattr(timekeeping, "BATCH", 2)
    world.ingest(*(signal(f"Alert{number}") for number in range(3)))
    world.clock.forward(minutes=15)
    assert [world.tick().done for _ in range(3)] == [2, 1, 0]


def test_broken_rules_page_the_default_level_by_all_its_people_have_every_minute(world, caplog):
    incident = world.begin()
    break_rules(world)
    for _ in range(3):
        world.clock.forward(minutes=15 if not plain(world) else 1)
        assert world.tick() == timekeeping.Ticked(1, (incident.id,))
        assert world.tick() == timekeeping.Ticked(0)
    assert plain(world) == [("ana", channel, minute) for minute in (15, 16, 17) for channel in ("email", "webhook")]
    assert f"The rules of {incident.id} are broken" in caplog.text


def test_they_really_go_out(world):
    """The words, too, come from rules that are broken."""
    incident = world.begin()
    world.send_due()
    break_rules(world)
    world.clock.forward(minutes=15)
    world.tick()
    world.send_due()
    mail = world.email.sent[-1]
    assert (mail.to, mail.urgent) == ("ana@example.org", True)
    assert mail.subject == f"HIGH: {incident.title} [{incident.id}]"
    assert "Acknowledge: https://tocsin.example.org/a/pg-" in mail.text


def test_once_somebody_has_it_they_are_reminded_hourly(world):
    world.begin()
    world.does("ana", "acknowledge")
    break_rules(world)
    world.clock.forward(minutes=15)
    for _ in range(120):
        world.tick()
        world.clock.forward(minutes=1)
    assert [minute for _person, channel, minute in plain(world) if channel == "email"] == [15, 60, 120]


def test_broken_rules_of_one_incident_delay_no_other(world):
    world.begin()
    first = world.incident().id
    world.apply(procedures("v2"))
    world.ingest(signal("Other", severity="error"))
    break_rules(world, version="v1")
    world.clock.forward(minutes=15)
    assert world.tick() == timekeeping.Ticked(2, (first,))
    assert len(world.events(ev.RoundOpened)) == 2, "the other went on"


def test_mended_rules_go_on_where_they_were(world):
    world.begin()
    break_rules(world)
    world.clock.forward(minutes=15)
    world.tick()
    world.apply(procedures())
    world.clock.forward(minutes=1)
    assert world.tick().failed == ()
    assert [it.targets[0].person for it in world.events(ev.RoundOpened)] == ["ana", "bo"]


@pytest.mark.parametrize(
    ("staffing", "who"),
    [
        ({1: (), 2: ("level-2",), 3: ("level-3",)}, ["bo", "cem"]),
        ({}, ["ana", "bo", "cem", "dee"]),
        ({1: ("odd",)}, ["ana", "bo", "cem", "dee"]),
    ],
)
def test_with_nobody_at_the_default_level_more_are_told(world, staffing, who):
    world.begin()
    broken = procedures(
        services={"claudex": service("claudex", staffing=staffing)},
        schedules={**procedures().schedules, "odd": Schedule("odd", ("ana", "bo"), "daily", timezone="No/Where")},
    )
    world.apply(replace(broken, policy=replace(broken.policy, timings={})))
    world.clock.forward(minutes=15)
    world.tick()
    assert [person for person, channel, _minute in plain(world) if channel == "email"] == who


def test_an_incident_that_cannot_even_be_read_pages_too_and_delays_no_other(world):
    world.begin()
    first = world.incident().id
    world.ingest(signal("Other", severity="error"))
    world.spoil("UPDATE incidents SET state = ? WHERE id = ?", b"garbage", first)
    world.spoil("UPDATE events SET body = ? WHERE incident_id = ?", b"garbage", first)
    world.send_due()
    world.clock.forward(minutes=15)
    assert world.tick() == timekeeping.Ticked(2, (first,))
    assert plain(world, first) == [("ana", "email", 15), ("ana", "webhook", 15)]
    world.send_due()
    assert f"HIGH: it cannot be read, so look at it [{first}]" in {mail.subject for mail in world.email.sent}
    assert len(world.events(ev.RoundOpened)) == 2


def forget_procedures(world):
    """As after a start."""
    world.known.clear()
    world.app.shelf._versions.clear()
    world.app.shelf._good = None


def test_when_not_even_the_procedures_in_force_can_be_read_it_is_tried_again_and_said_loudly(world, caplog):
    incident = world.begin()
    forget_procedures(world)
    world.spoil("UPDATE procedures SET data = ?", b"garbage")
    world.clock.forward(minutes=15)
    assert world.tick() == timekeeping.Ticked(1, (incident.id,))
    assert [record.levelname for record in caplog.records if "could be paged" in record.message] == ["CRITICAL"]
    assert timekeeping.next_tick(world.app) == MINUTE
    world.apply(procedures())
    world.clock.forward(minutes=1)
    assert world.tick() == timekeeping.Ticked(1)


def test_a_state_that_cannot_be_read_is_folded_from_its_log(world):
    incident = world.begin()
    world.spoil("UPDATE incidents SET state = ?", b"garbage")
    assert world.incident() == incident
    world.clock.forward(minutes=15)
    assert world.tick() == timekeeping.Ticked(1)


def test_an_older_fold_is_folded_anew_when_its_timer_runs_out(world):
    world.begin()
    world.spoil("UPDATE incidents SET fold_version = ?, state = ?", FOLD_VERSION - 1, b"of another shape")
    world.clock.forward(minutes=15)
    assert world.tick() == timekeeping.Ticked(1)


def test_results_reach_the_chain_in_one_event_for_each_incident(world):
    world.begin()
    world.ingest(signal("Other"))
    world.send_due()
    world.clock.forward(minutes=2)
    world.send_due()
    assert timekeeping.report(world.app) == 4
    assert timekeeping.report(world.app) == 0
    for incident in world.incidents():
        [reported] = world.events(ev.PagesReported, incident.id)
        assert [result.state for result in reported.results] == ["accepted", "accepted"]


def test_results_reach_the_chain_of_an_ended_incident_too(world):
    world.begin()
    world.send_due()
    world.does("ana", "resolve", Resolution("restarted", take_command=True))
    timekeeping.report(world.app)
    assert len(world.events(ev.PagesReported)) == 1


def test_results_of_test_pages_are_on_no_chain(world):
    world.does("ana", "test-page", person="bo")
    world.send_due()
    assert timekeeping.report(world.app) == 2
    assert timekeeping.report(world.app) == 0


def test_what_another_node_reported_meanwhile_is_not_reported_again(world):
    world.begin()
    world.send_due()
    inner = world.database.transact

    def quicker(work):
        def overtaken(tx):
            unreported = tx.pages.unreported

            def stale(limit):
                waiting = unreported(limit)
                for pages in waiting.values():
                    tx.pages.reported(pages)
                return waiting

            tx.pages.unreported = stale
            return work(tx)

        return inner(overtaken)

    world.database.transact = quicker
    timekeeping.report(world.app)
    assert world.events(ev.PagesReported) == []


def test_results_that_cannot_be_put_on_their_chain_keep_nobody_elses_from_theirs(world, caplog):
    world.begin()
    first = world.incident().id
    world.ingest(signal("Other"))
    world.send_due()
    world.spoil("UPDATE incidents SET state = ? WHERE id = ?", b"garbage", first)
    world.spoil("UPDATE events SET body = ? WHERE incident_id = ?", b"garbage", first)
    assert timekeeping.report(world.app) == 2
    assert timekeeping.report(world.app) == 0
    assert len(world.events(ev.PagesReported)) == 1
    assert f"could not be put on the chain of {first}" in caplog.text


def test_payloads_are_forgotten_ninety_days_after_their_alert_ended(world):
    world.begin()
    world.does("ana", "resolve", Resolution("restarted", take_command=True))
    world.clock.forward(minutes=90 * 24 * 60)
    assert timekeeping.forget(world.app) == 0
    world.clock.forward(1)
    assert timekeeping.forget(world.app) == 1
    assert world.alerts()[0]["labels"] == {}


def test_how_long_until_there_is_something_to_do(world):
    assert (timekeeping.next_tick(world.app), timekeeping.next_page(world.app)) == (None, None)
    world.begin()
    assert (timekeeping.next_tick(world.app), timekeeping.next_page(world.app)) == (15 * MINUTE, timedelta(0))
    world.clock.forward(minutes=16)
    assert timekeeping.next_tick(world.app) == -MINUTE


def test_a_person_who_declines_is_followed_by_the_next_at_once(world):
    world.begin()
    world.does("ana", "decline", Reason("asleep"))
    assert {page.person for page in world.pages() if page.state is PageState.PLANNED} == {"bo"}


def test_a_stale_acknowledgement_is_asked_about_and_voided(world):
    world.begin()
    world.does("ana", "acknowledge")
    world.pass_time(34.9)
    assert world.incident().acknowledged_by == "ana"
    world.pass_time(0.1)
    assert world.incident().acknowledged_by == ""
    assert {PEOPLE["ana"].id} <= {page.person for page in world.pages() if page.urgent}
