"""What a page says: id, severity, title, why you, what happens next, and the link (RULES.md *Who is told*)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.application.world import NOON, PEOPLE, person, procedures, signal
from tocsin.application.links import read_link
from tocsin.application.messages import Background, clock_time, what_next, why_you, write, write_plainly, write_test
from tocsin.application.moves import Assignment, Closing, Escalation, Level, Reason, Reopening, Resolution
from tocsin.domain import events as ev
from tocsin.domain.ahead import Ahead
from tocsin.domain.events import SYSTEM
from tocsin.domain.incident import OpenRound
from tocsin.domain.people import Role
from tocsin.domain.react import Topic
from tocsin.domain.severity import Severity

ANA = PEOPLE["ana"]


@pytest.fixture
def background(world):
    """`background(cause, incident facts)`: an incident of HIGH in its first round, opened for that reason."""

    def made(cause=ev.Cause.LADDER, *, event=None, ahead=None, **facts):
        incident = world.begin() if not world.incidents() else world.incident()
        opened = ev.RoundOpened(at=NOON, actor=SYSTEM, round=1, cause=cause)
        return Background(
            incident=replace(incident, **facts),
            at=NOON,
            event=event or opened,
            names={person.id: person.name for person in PEOPLE.values()},
            ahead=ahead,
            policy=procedures().policy,
            base_url="https://tocsin.example.org",
            link="https://tocsin.example.org/a/x",
        )

    return made


@pytest.fixture
def page(world):
    """A page to Ana at level 1 in round 1."""
    world.begin()
    return world.pages()[0]


def test_a_page_carries_everything_somebody_at_night_needs(world):
    world.ingest(signal(severity="critical", annotations={"summary": "the disk is full"}))
    world.send_due()
    mail = next(message for message in world.email.sent if message.urgent)
    assert mail.subject == "CRITICAL L2: DiskFull: the disk is full [INC-20261123-120000]"
    lines = mail.text.splitlines()
    assert lines[0] == mail.subject
    assert lines[2] == "You, because you are on call at level 2, Tier 2 engineers."
    assert lines[3] == "Next is Cem at 12:05 UTC."
    assert lines[5].startswith("Acknowledge: https://tocsin.example.org/a/pg-")
    assert "Service claudex · 1 alert" in mail.text
    assert f"Page {mail.page_id} · round 1 · attempt 1" in mail.text
    assert (mail.to, mail.person, mail.urgent, mail.severity) == ("bo@example.org", "Bo", True, Severity.CRITICAL)
    assert mail.facts["link"].rpartition("/a/")[2] == lines[5].rpartition("/a/")[2]
    assert read_link(world.app, mail.facts["link"].rpartition("/")[2]).id == mail.page_id
    assert mail.facts["next"] == lines[3]
    assert mail.facts["url"] == "https://tocsin.example.org/incidents/INC-20261123-120000"


def test_what_people_said_of_it_is_passed_on(background, page):
    message = write(page, ANA, ANA.contacts[0], background(impact="everybody", symptoms="slow", alerts=2))
    assert "Impact: everybody\nSymptoms: slow\nService claudex · 2 alerts" in message.text


@pytest.mark.parametrize(
    ("cause", "why"),
    [
        (ev.Cause.LADDER, "You, because you are on call at level 1, Tier 1 support."),
        (ev.Cause.FALLBACK, "You, because you are on call at level 1, Tier 1 support."),
        (ev.Cause.RESOLUTION, "You (level 1, Tier 1 support), because Bo has it and it is not resolved."),
        (
            ev.Cause.STALE,
            "You (level 1, Tier 1 support), because you acknowledged this and nobody has done anything since.",
        ),
        (ev.Cause.SEVERITY, "You (level 1, Tier 1 support), because this was raised to HIGH."),
        (ev.Cause.REFIRE, "You (level 1, Tier 1 support), because this fires again, and nobody has it."),
        (ev.Cause.REOPENED, "You (level 1, Tier 1 support), because INC-20261123-120000 was resolved and is not over."),
        (ev.Cause.ESCALATED, "You (level 1, Tier 1 support), because this was escalated by hand."),
        (ev.Cause.UNREACHABLE, "You (level 1, Tier 1 support), because nobody at the level before could be reached."),
        (
            ev.Cause.OFFER,
            (
                "You (level 1, Tier 1 support), because you are asked to take command of INC-20261123-120000; "
                "acknowledging accepts."
            ),
        ),
        (
            ev.Cause.OFFER_EXPIRED,
            "You (level 1, Tier 1 support), because a hand-over of command was not accepted in time.",
        ),
        (ev.Cause.DECLINED, "You (level 1, Tier 1 support), because the person before you cannot take it."),
    ],
)
def test_every_cause_says_why_you(background, page, cause, why):
    assert why_you(page, ANA, background(cause, acknowledged_by="bo")) == why


def test_no_cause_is_left_out():
    tested = test_every_cause_says_why_you.pytestmark[0].args[1]
    assert {cause for cause, _why in tested} == set(ev.Cause)


def test_whoever_is_addressed_by_name_has_no_level(background, page):
    named = replace(page, level=0)
    assert why_you(named, ANA, background()) == "You, by name."
    assert why_you(named, ANA, background(ev.Cause.STALE)).startswith("You, because you acknowledged")
    assert write(named, ANA, ANA.contacts[0], background()).subject.startswith("HIGH: ")


def test_a_level_nobody_named_is_only_a_number(background, page):
    assert why_you(replace(page, level=9), ANA, background()) == "You, because you are on call at level 9."


def test_a_holder_who_is_gone_meanwhile_is_somebody(background, page):
    assert "because somebody has it" in why_you(page, ANA, background(ev.Cause.RESOLUTION))


def test_an_event_that_cannot_be_found_is_no_obstacle(background, page):
    assert why_you(page, ANA, replace(background(), event=None)).startswith("You, because you are on call")


@pytest.mark.parametrize(
    ("rounds", "why"),
    [
        ([("bo",)], "You (level 3, Development team), because Bo did not answer."),
        ([("bo",), ("bo",)], "You (level 3, Development team), because Bo did not answer 2 messages."),
        ([("bo",), ("ana", "bo")], "You (level 3, Development team), because Bo did not answer 2 messages."),
        ([("bo",), ("cem",)], "You (level 3, Development team), because Bo and Cem did not answer."),
        (
            [("bo", "cem", "dee", "x", "y")],
            "You (level 3, Development team), because Bo, Cem, Dee and 2 more did not answer.",
        ),
        ([("ana",)], "You, because you are on call at level 3, Development team."),
    ],
)
def test_those_who_did_not_answer_are_named(background, page, rounds, why):
    unanswered = tuple(OpenRound(number, ev.Cause.LADDER, persons) for number, persons in enumerate(rounds, 1))
    later = replace(page, level=3, round=len(rounds) + 1)
    assert why_you(later, ANA, background(unanswered=(*unanswered, OpenRound(9, ev.Cause.LADDER, ("eve",))))) == why


@pytest.mark.parametrize(
    ("people", "posts", "following"),
    [
        (("cem",), (), "Next is Cem at 12:05 UTC."),
        (("cem", "bo"), (), "Next is Cem and Bo at 12:05 UTC."),
        (("ana", "bo", "cem", "dee"), (), "Next is Ana, Bo, Cem and 1 more at 12:05 UTC."),
        ((), ("bo",), "Next, Bo will be told without being woken, at 12:05 UTC."),
        ((), (), "Next is nobody at 12:05 UTC, because nobody is on call."),
    ],
)
def test_what_happens_next_says_who_and_when(background, people, posts, following):
    coming = Ahead(NOON + timedelta(minutes=5), "ladder", (3,), people, posts)
    assert what_next(ANA, background(ahead=coming)) == following


def test_nothing_more_is_said_so(background):
    assert "nobody else will be paged unless a person escalates" in what_next(ANA, background())


def test_the_time_is_that_of_where_somebody_lives(background):
    coming = Ahead(NOON + timedelta(minutes=5), "ladder", (3,), ("cem",), ())
    assert what_next(person("bo", timezone="Europe/Berlin"), background(ahead=coming)) == "Next is Cem at 13:05 CET."


def test_the_date_is_said_when_it_is_not_today_there():
    assert clock_time(NOON + timedelta(hours=21), "UTC", NOON) == "2026-11-24 09:00 UTC"
    assert clock_time(NOON + timedelta(hours=11), "Asia/Tokyo", NOON) == "2026-11-24 08:00 JST"
    assert clock_time(NOON + timedelta(hours=11), "UTC", NOON) == "23:00 UTC"


def test_a_low_incident_waits_for_the_next_business_day_and_says_its_date(world):
    world.begin(Severity.LOW)
    world.pass_time(24 * 60)
    assert "Nothing more happens by itself" in world.email.sent[-1].text


def messages(world, topic):
    world.send_due()
    return [(mail.person, mail.subject) for mail in world.email.sent if mail.facts["topic"] == topic]


def test_those_who_were_paged_hear_who_has_it(world):
    world.begin()
    world.pass_time(15)
    world.does("bo", "acknowledge")
    assert messages(world, "taken") == [("Ana", "Bo has it: INC-20261123-120000 DiskFull: on Claudex")]
    mail = world.email.sent[-1]
    assert not mail.urgent
    assert "For your information; nothing is asked of you." in mail.text
    assert "Look: https://tocsin.example.org/incidents/INC-20261123-120000" in mail.text
    assert "/a/" not in mail.text
    assert mail.facts["link"] == ""


def test_who_took_it_is_said_although_they_have_lost_it_since(world):
    world.begin()
    world.pass_time(15)
    world.does("bo", "acknowledge")
    world.does("bo", "decline", Reason("asleep again"))
    assert messages(world, "taken")[0][1].startswith("Bo has it: ")


def test_everyone_who_was_told_gets_one_all_clear(world):
    world.begin()
    world.send_due()
    world.does("bo", "resolve", Resolution("restarted", take_command=True))
    assert messages(world, "all-clear") == [
        ("Ana", "All clear: INC-20261123-120000 resolved: DiskFull: on Claudex"),
        ("Bo", "All clear: INC-20261123-120000 resolved: DiskFull: on Claudex"),
    ]
    assert "Nothing more will be sent." in world.email.sent[-1].text


def test_the_all_clear_says_when_it_was_closed_without_a_fix(world):
    world.begin()
    world.does("ana", "close", Closing("false-alarm", "a test"))
    assert messages(world, "all-clear")[0][1].startswith("All clear: INC-20261123-120000 closed as false-alarm: ")


def test_a_role_is_told_to_whoever_got_and_had_it(world):
    world.begin()
    world.does("ana", "acknowledge")
    world.does("ana", "assign", Assignment(Role.SME, "cem"))
    assert messages(world, "role") == [("Cem", "Cem is now sme of INC-20261123-120000: DiskFull: on Claudex")]


@pytest.mark.parametrize(
    ("topic", "subject"),
    [
        (Topic.ROLE, "Roles have changed in INC-20261123-120000: "),
        (Topic.TAKEN, "Somebody has it: INC-20261123-120000 "),
        (Topic.JOINED, "1 alerts firing now: INC-20261123-120000 "),
        (Topic.POSTED, "HIGH L1: "),
    ],
)
def test_a_post_whose_event_is_gone_still_has_a_subject(background, page, topic, subject):
    assert write(replace(page, topic=topic), ANA, ANA.contacts[0], background()).subject.startswith(subject)


def test_without_an_address_of_ours_a_post_points_nowhere(background, page):
    post = write(replace(page, topic=Topic.POSTED), ANA, ANA.contacts[0], replace(background(), base_url=""))
    assert "Look:" not in post.text


def test_real_causes_reach_real_mails(world):
    world.begin()
    world.does("ana", "escalate", Escalation("beyond me", 3))
    world.does("cem", "severity", Level(Severity.CRITICAL))
    world.does("ana", "resolve", Resolution("restarted", take_command=True))
    world.send_due()
    world.does("ana", "reopen", Reopening("it is back"))
    world.send_due()
    whys = [mail.facts["why"].partition("because ")[2] for mail in world.email.sent if mail.urgent]
    assert whys == ["INC-20261123-120000 was resolved and is not over."] * 2


def test_a_test_page_is_plainly_a_test():
    message = write_test("pg-1", ANA, ANA.contacts[1], "https://tocsin.example.org")
    assert message.subject == "TEST page for Ana: nothing is broken"
    assert message.text.startswith("TEST: this is a test page for Ana, sent by webhook.")
    assert (message.to, message.incident_id, message.urgent) == ("https://hooks.example.org/ana", "TEST", True)


def test_a_plain_message_has_what_is_certain(world, page):
    incident = world.incident()
    message = write_plainly(page, ANA, ANA.contacts[0], incident, "https://x/a/1")
    assert message.subject == "HIGH: DiskFull: on Claudex [INC-20261123-120000]"
    assert "Acknowledge: https://x/a/1" in message.text
    assert message.facts["link"] == "https://x/a/1"
    quiet = write_plainly(replace(page, topic=Topic.TAKEN), ANA, ANA.contacts[0], None, "https://x/a/1")
    assert (quiet.urgent, quiet.facts["link"], "Acknowledge" in quiet.text) == (False, "", False)
    assert quiet.subject == "HIGH: it cannot be read, so look at it [INC-20261123-120000]"


def test_a_long_title_leaves_room_for_the_id_and_is_whole_in_the_text(world):
    world.ingest(signal(annotations={"summary": "W" * 250}))
    world.send_due()
    sent = world.email.sent[0]
    assert sent.subject.endswith(f"W… [{world.incident().id}]")
    assert len(sent.subject) < 200
    assert "W" * 250 in sent.text


def test_whoever_is_given_a_role_reads_that_they_have_it(world):
    world.begin()
    world.does("ana", "assign", Assignment(Role.SME, "cem"))
    world.send_due()
    told = next(message for message in world.email.sent if "is now sme" in message.subject)
    assert told.facts["why"].startswith("You, because you are sme of INC-")
