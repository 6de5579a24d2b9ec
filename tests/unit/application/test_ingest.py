"""Signals into alerts into incidents (RULES.md *Alerts into incidents*)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.application.world import NOON, PEOPLE, procedures, service, signal
from tocsin.application.administration import StandIn
from tocsin.application.ingest import Delivery
from tocsin.application.moves import Closing, Resolution
from tocsin.application.records import PageState
from tocsin.domain import events as ev
from tocsin.domain.alerts import Grouping
from tocsin.domain.lifecycle import Phase
from tocsin.domain.severity import Severity

MINUTE = timedelta(minutes=1)


def resolve(world, who="ana"):
    world.does(who, "resolve", Resolution("restarted", take_command=True))


def paged(world, name="last"):
    """Levels paged, round by round."""
    return [tuple(target.level for target in it.targets) for it in world.events(ev.RoundOpened, name)]


def test_an_alert_begins_an_incident_and_pages_at_once(world):
    world.ingest(signal(severity="critical", annotations={"summary": "the disk is full"}))
    incident = world.incident()
    assert (incident.id, incident.title) == ("INC-20261123-120000", "DiskFull: the disk is full")
    assert (incident.severity, incident.service, incident.firing, incident.alerts) == (
        Severity.CRITICAL,
        "claudex",
        1,
        1,
    )
    assert not incident.severity_confirmed, "paged at the suggested level; a person confirms later"
    assert [type(it) for it in world.events()] == [ev.Declared, ev.RoundOpened, ev.AlertsAttached]
    assert {(page.person, page.channel, page.send_at) for page in world.pages() if page.urgent} == {
        ("bo", "email", NOON),
        ("bo", "webhook", NOON + 2 * MINUTE),
    }


@pytest.mark.parametrize(
    ("annotations", "title"),
    [
        ({"description": "long"}, "DiskFull: long"),
        ({}, "DiskFull: on Claudex"),
        ({"summary": "x" * 400}, f"DiskFull: {'x' * 290}"),
    ],
)
def test_the_title_says_what_the_sender_said(world, annotations, title):
    world.ingest(signal(annotations=annotations))
    assert world.incident().title == title


@pytest.mark.parametrize(
    ("label", "severity"),
    [
        ("critical", Severity.CRITICAL),
        ("error", Severity.HIGH),
        ("warning", Severity.MEDIUM),
        ("info", Severity.LOW),
        (" Critical ", Severity.CRITICAL),
        ("page-me", Severity.HIGH),
        (None, Severity.HIGH),
    ],
)
def test_the_label_says_the_severity_and_an_unknown_one_counts_as_high(world, label, severity):
    world.ingest(signal(severity=label))
    assert world.incident().severity is severity


def test_the_pack_may_name_alerts_and_that_wins_over_the_label(world):
    world.ingest(signal("ClaudexDown", severity="info"))
    assert world.incident().severity is Severity.CRITICAL


@pytest.mark.parametrize("label", ["elsewhere", None])
def test_an_unknown_service_label_falls_to_the_integrations_service(world, label):
    world.ingest(signal(service=label), sender=world.integration("docs-monitor", "docs"))
    assert world.incident().service == "docs"


def test_an_alert_without_a_name_has_one_anyway(world):
    world.ingest(signal(alertname=None, annotations={"summary": "odd"}))
    assert world.incident().title == "alert: odd"


def test_alerts_of_one_group_are_one_incident_whoever_sends_them(world):
    """Group = (service, the pack's `group_by` labels), never the sender's `groupKey`."""
    grafana = world.integration("grafana")
    world.ingest(signal(instance="a"), signal(instance="b"))
    world.ingest(signal(instance="a"), sender=grafana)
    world.ingest(signal("HighLoad"))
    counts = [(it.title.partition(":")[0], it.alerts) for it in world.incidents()]
    assert counts == [("DiskFull", 3), ("HighLoad", 1)]


def test_the_pack_says_what_makes_a_group(world):
    one_per_machine = service("claudex", grouping=Grouping("claudex", group_by=("alertname", "instance")))
    world.apply(procedures("v2", services={"claudex": one_per_machine}))
    world.ingest(signal(instance="a"), signal(instance="b"), signal(instance=None))
    assert len(world.incidents()) == 3


def test_two_senders_in_one_commit_keep_their_own_alerts(world):
    """The identity of an alert is (integration, labels): a repeat of the second sender's is known as its own."""
    grafana = world.integration("grafana")
    deliveries = [Delivery(world.prometheus, [signal(instance="a")]), Delivery(grafana, [signal(instance="b")])]
    world.ingest_all(deliveries)
    assert world.ingest_all(deliveries) is False, "these are repeats"
    assert world.incident().alerts == 2


def test_two_senders_of_the_same_alert_in_one_commit_have_an_occurrence_each(world):
    grafana = world.integration("grafana")
    world.ingest_all([Delivery(world.prometheus, [signal()]), Delivery(grafana, [signal()])])
    assert world.incident().alerts == 2


def test_two_replicas_make_one_alert(world):
    """`startsAt` only orders."""
    for late in (0, 15, 0, 15):
        world.ingest(signal(starts_at=NOON + timedelta(seconds=late)))
    assert (world.incident().alerts, world.incident().firing) == (1, 1)
    world.ingest(signal(starts_at=NOON, firing=False, ends_at=NOON + MINUTE))
    assert world.incident().firing == 1, "the resolve of the earlier one is ignored"
    world.ingest(signal(starts_at=NOON + timedelta(seconds=15), firing=False, ends_at=NOON + MINUTE))
    assert world.incident().firing == 0


def test_a_later_beginning_is_written_once_and_an_earlier_one_never(world):
    world.ingest(signal(starts_at=NOON))
    assert world.alerts()[0]["starts_at"] == NOON
    for late in (15, 0, 15):
        world.ingest(signal(starts_at=NOON + timedelta(seconds=late)))
        assert world.alerts()[0]["starts_at"] == NOON + timedelta(seconds=15)
    world.ingest(signal(annotations={"summary": "said differently"}))
    assert world.alerts()[0]["starts_at"] == NOON + timedelta(seconds=15)


def test_a_beginning_that_was_not_known_is_learnt(world):
    world.ingest(signal())
    world.ingest(signal(starts_at=NOON))
    assert world.alerts()[0]["starts_at"] == NOON


def test_an_unchanged_repeat_touches_at_most_once_a_minute(world):
    world.ingest(signal())
    before = world.incident()
    for seconds, seen in ((59, NOON), (60, NOON + MINUTE), (119, NOON + MINUTE), (120, NOON + 2 * MINUTE)):
        world.clock.at = NOON + timedelta(seconds=seconds)
        assert world.ingest(signal(link=f"https://replica-{seconds}.example.org")) is False
        assert world.alerts()[0]["last_seen_at"] == seen
    assert world.incident() == before, "a repeat is no event"


def test_changed_annotations_are_kept_at_once_beside_the_first(world):
    world.ingest(signal(annotations={"summary": "90% full"}))
    world.clock.forward(1)
    world.ingest(signal(annotations={"summary": "99% full"}))
    [alert] = world.alerts()
    assert (alert["annotations"], alert["last_seen_at"]) == ({"summary": "99% full"}, NOON + timedelta(seconds=1))
    assert world.incident().alerts == 1


def test_a_duplicate_within_one_request_counts_once(world):
    world.ingest(signal(), signal(), signal(instance="b"))
    assert world.incident().alerts == 2


def test_a_clear_of_an_alert_nobody_knows_is_nothing(world):
    assert world.ingest(signal(firing=False)) is False
    assert world.incidents() == []


def test_a_clear_that_was_said_before_is_nothing(world):
    world.ingest(signal())
    world.ingest(signal(firing=False))
    assert world.ingest(signal(firing=False)) is False


@pytest.mark.parametrize(
    ("facts", "firing"),
    [
        ({"starts_at": NOON - MINUTE}, 1),
        ({"ends_at": NOON - MINUTE}, 1),
        ({"starts_at": NOON, "ends_at": NOON + MINUTE}, 0),
        ({"ends_at": NOON + MINUTE}, 0),
        ({}, 0),
    ],
)
def test_a_resolve_older_than_the_open_occurrence_is_ignored(world, facts, firing):
    world.ingest(signal(starts_at=NOON))
    world.ingest(signal(firing=False, **facts))
    assert world.incident().firing == firing


def test_a_resolve_of_an_occurrence_whose_beginning_is_unknown_counts(world):
    world.ingest(signal())
    world.ingest(signal(firing=False, starts_at=NOON - MINUTE))
    assert world.incident().firing == 0


def test_a_future_end_is_firing_and_a_passed_one_is_over(world):
    world.ingest(signal(ends_at=NOON + 4 * MINUTE), signal("Other", ends_at=NOON))
    assert [it.title for it in world.incidents()] == ["DiskFull: on Claudex"]
    world.ingest(signal(ends_at=NOON))
    assert world.incident().firing == 0


def test_an_end_that_passes_without_a_resend_makes_it_stale_and_never_resolved(world):
    world.ingest(signal(ends_at=NOON + 4 * MINUTE))
    view = lambda: world.does("ana", "alerts")["items"][0]["state"]  # noqa: E731
    assert view() == "firing"
    world.clock.forward(minutes=5)
    assert view() == "stale"
    assert world.incident().firing == 1
    world.ingest(signal(ends_at=world.clock.at + 4 * MINUTE))
    assert view() == "firing"


def test_an_alert_that_begins_and_ends_within_one_commit_is_recorded_and_held(world):
    world.ingest(signal(), signal("Other"), signal(firing=False), signal("Other", firing=False), signal("Third"))
    first, other, third = world.incidents()
    assert [(it.alerts, it.firing, it.held_at is not None) for it in (first, other, third)] == [
        (1, 0, True),
        (1, 0, True),
        (1, 1, False),
    ]
    assert {page.state for page in world.pages(first.id)} == {PageState.SUPERSEDED}


def test_a_critical_alert_that_begins_and_ends_within_one_commit_keeps_climbing(world):
    """The monitor may have died."""
    world.ingest(signal(severity="critical"), signal(severity="critical", firing=False))
    assert {page.state for page in world.pages() if page.urgent} == {PageState.PLANNED}


def test_an_alert_that_is_told_anew_and_clears_within_one_commit_has_cleared(world):
    world.ingest(signal(annotations={"summary": "first"}))
    world.ingest(signal(annotations={"summary": "second"}), signal(firing=False, annotations={"summary": "third"}))
    [row] = world.alerts(world.incident().id)
    assert not row["firing"]
    assert row["annotations"] == {"summary": "third"}


def test_begins_and_ends_in_any_number_are_worked_off_in_two_rounds(world):
    asked = []
    inner = world.database.transact

    def counting(work):
        def counted(tx):
            original = tx.alerts.open_occurrences

            def count(*args):
                asked.append(1)
                return original(*args)

            tx.alerts.open_occurrences = count
            return work(tx)

        return inner(counted)

    world.database.transact = counting
    both = [
        signal(instance=str(number), firing=firing) for number in range(50) for firing in (True, False, True, False)
    ]
    world.ingest(*both)
    assert (world.incident().alerts, world.incident().firing) == (50, 0)
    assert len(asked) == 2


def test_an_alert_that_ends_and_begins_again_within_one_commit_fires(world):
    world.ingest(signal())
    world.ingest(signal(firing=False), signal())
    assert (world.incident().alerts, world.incident().firing) == (1, 1)


def test_a_refire_joins_its_incident_again_and_resumes_at_the_same_rung(world):
    world.ingest(signal())
    world.clock.forward(minutes=1)
    world.ingest(signal(firing=False))
    assert world.incident().held_at is not None
    world.clock.forward(minutes=20)
    world.ingest(signal())
    incident = world.incident()
    assert (incident.alerts, incident.firing, incident.held_at) == (1, 1, None)
    assert paged(world) == [(1,), (1,)]


def test_joining_pages_only_if_it_raises_the_severity(world):
    world.ingest(signal(severity="warning"))
    world.ingest(signal(severity="warning", instance="b"), signal(severity="info"))
    assert paged(world) == [(1,)]
    world.ingest(signal(severity="critical", instance="c"), signal(severity="error", instance="d"))
    assert world.incident().severity is Severity.CRITICAL
    assert paged(world) == [(1,), (2,)]
    world.ingest(signal(severity="info", instance="e"))
    assert world.incident().severity is Severity.CRITICAL, "never lowered by itself"


def test_new_alerts_and_refires_and_clears_of_one_incident_are_one_event_each(world):
    world.ingest(signal(instance="a"), signal(instance="b"))
    world.ingest(signal(instance="a", firing=False))
    before = world.incident().seq
    world.ingest(signal(instance="a"), signal(instance="b", firing=False), signal(instance="c"), signal(instance="d"))
    attached, cleared = world.events()[before:]
    assert (attached.new, attached.refired, cleared.cleared) == (2, 1, 1)
    assert (world.incident().firing, world.incident().alerts) == (3, 4)


def test_whoever_has_it_hears_of_new_alerts_without_being_woken(world):
    world.ingest(signal())
    world.does("ana", "acknowledge")
    world.ingest(signal(instance="b"))
    world.send_due()
    assert [message.subject for message in world.email.sent if message.facts["topic"] == "joined"] == [
        "2 alerts firing now: INC-20261123-120000 DiskFull: on Claudex"
    ]


def test_the_same_group_within_thirty_minutes_of_the_resolution_reopens_its_incident(world):
    world.ingest(signal())
    world.does("ana", "acknowledge")
    resolve(world)
    world.clock.forward(minutes=29.9)
    world.ingest(signal())
    [incident] = world.incidents()
    assert (incident.phase, incident.firing, incident.is_acknowledged) == (Phase.REMEDIATION, 1, False)
    assert world.events(ev.RoundOpened)[-1].cause is ev.Cause.REOPENED
    assert [it.person for it in world.events(ev.RoundOpened)[-1].targets] == ["ana"]
    assert [alert["open"] for alert in world.alerts()] == [False, True]


def test_later_than_that_it_is_a_new_incident_and_a_recurrence(world):
    world.ingest(signal())
    resolve(world)
    world.clock.forward(minutes=30)
    world.ingest(signal())
    first, second = world.incidents()
    assert (first.is_open, second.is_open, second.recurrence_of) == (False, True, first.id)
    assert first.recurrence_of == ""


def test_what_comes_back_worse_raises_the_incident(world):
    world.ingest(signal(severity="warning"))
    resolve(world)
    world.ingest(signal(severity="critical"))
    assert (world.incident().severity, world.incident().is_open) == (Severity.CRITICAL, True)


def test_an_alert_that_still_fires_after_the_resolution_says_that_it_is_not_over(world):
    world.ingest(signal())
    resolve(world)
    world.clock.forward(minutes=1)
    world.ingest(signal())
    assert world.incident().is_open


def test_an_incident_closed_as_a_false_alarm_absorbs_what_still_fires(world):
    world.ingest(signal(), signal(instance="b"))
    world.does("ana", "close", Closing("false-alarm", "a test"))
    world.clock.forward(minutes=2)
    world.ingest(signal(annotations={"summary": "still"}), signal(instance="b"))
    [incident] = world.incidents()
    assert (incident.is_open, incident.closed_as) == (False, "false-alarm")
    assert [alert["open"] for alert in world.alerts()] == [True, True]


def test_and_once_it_has_cleared_the_next_fire_is_a_new_incident(world):
    """Nothing swallows a page for ever."""
    world.ingest(signal())
    world.does("ana", "close", Closing("false-alarm", "a test"))
    world.ingest(signal(firing=False))
    assert [alert["open"] for alert in world.alerts()] == [False]
    world.clock.forward(minutes=1)
    world.ingest(signal())
    first, second = world.incidents()
    assert (second.is_open, second.recurrence_of) == (True, first.id)
    assert paged(world) == [(1,)]


def test_another_alert_of_a_group_closed_as_a_false_alarm_is_a_new_incident(world):
    world.ingest(signal())
    world.does("ana", "close", Closing("false-alarm", "a test"))
    world.ingest(signal(instance="b"))
    assert [it.is_open for it in world.incidents()] == [False, True]


def test_what_clears_and_fires_again_after_a_close_is_a_new_incident_even_in_one_commit(world):
    world.ingest(signal())
    world.does("ana", "close", Closing("duplicate", "of another"))
    world.ingest(signal(firing=False), signal())
    assert [it.is_open for it in world.incidents()] == [False, True]


def test_what_an_ended_incident_leaves_is_not_found_again(world):
    world.ingest(signal(instance="a"), signal(instance="b", severity="warning"))
    resolve(world)
    assert [alert["open"] for alert in world.alerts()] == [False, False]


def test_many_alerts_are_one_event_with_some_of_their_identities(world):
    world.ingest(*(signal(instance=str(number)) for number in range(50)))
    [attached] = world.events(ev.AlertsAttached)
    assert (attached.new, len(attached.fingerprints)) == (50, 20)


def test_a_group_of_any_length_fits_the_index(world):
    """A label's value may be longer than what an index of PostgreSQL takes."""
    world.ingest(signal("x" * 4000), signal("x" * 3999 + "y"))
    assert len(world.incidents()) == 2
    world.ingest(signal("x" * 4000, instance="b"))
    assert sorted(it.alerts for it in world.incidents()) == [1, 2]
    assert all(len(it.group) < 500 for it in world.incidents())


def test_people_are_read_live_and_timings_are_bound(world):
    """RULES.md *Identity and procedures*."""
    world.ingest(signal())
    patient = {
        key: replace(value, respond_within=timedelta(days=1)) for key, value in procedures().policy.timings.items()
    }
    world.apply(
        procedures(
            "v2",
            policy=replace(procedures("v2").policy, timings=patient),
            people={**PEOPLE, "ana": replace(PEOPLE["ana"], rules=(), contacts=PEOPLE["ana"].contacts[:1])},
        )
    )
    world.clock.forward(minutes=1)
    world.ingest(signal(severity="critical"), signal("Other"))
    first, second = world.incidents()
    assert (first.procedures, second.procedures) == ("v1", "v2")
    assert [page.channel for page in world.pages(second.id)] == ["email"]


def test_who_stands_in_is_paged(world):
    world.does("ana", "override-add", StandIn("level-1", "dee", "", "2026-11-24T00:00:00Z"))
    world.ingest(signal())
    assert {page.person for page in world.pages()} == {"dee"}


def test_an_override_for_somebody_who_left_is_void(world):
    world.does("ana", "override-add", StandIn("level-1", "dee", "", "2026-11-24T00:00:00Z"))
    world.apply(procedures("v2", people={key: value for key, value in PEOPLE.items() if key != "dee"}))
    world.ingest(signal())
    assert {page.person for page in world.pages()} == {"ana"}


def test_a_schedule_that_is_not_there_staffs_nobody(world):
    odd = service("claudex", staffing={1: ("gone",), 2: ("level-2",)})
    world.apply(procedures("v2", services={"claudex": odd}))
    world.ingest(signal())
    assert {page.person for page in world.pages()} == {"bo"}, "an empty level falls through"


def test_an_incident_whose_version_cannot_be_read_goes_by_the_one_in_force(world, caplog):
    """A new release may not read what an old one kept; its alerts are stored and it can be acknowledged."""
    world.ingest(signal())
    world.apply(procedures("v2"))
    world.app.shelf._versions.clear()
    del world.known["v1"]
    world.ingest(signal(instance="b"))
    assert world.incident().alerts == 2
    world.does("ana", "acknowledge")
    assert world.incident().acknowledged_by == "ana"
    assert "goes by the procedures in force" in caplog.text


def test_whether_anybody_is_to_be_told_now_is_told(world):
    assert world.ingest(signal()) is True
    assert world.ingest(signal()) is False
    assert world.ingest(signal(instance="b")) is False
    world.does("ana", "acknowledge")
    assert world.ingest(signal(instance="c")) is True
    assert world.ingest(signal(firing=False)) is False
    assert world.ingest() is False


def test_the_commit_is_announced_before_it_happens(world):
    points = []
    world.crash = points.append
    world.app = world.node("n1")
    world.ingest(signal())
    assert points == ["ingest.before_commit"]
