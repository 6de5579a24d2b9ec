"""What goes to one person is gathered: at once, after two seconds, or once a minute in a flood (ADR 0015)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.application.world import NOON, PEOPLE, procedures, signal
from tocsin.application import bundles
from tocsin.application import deliver as delivery
from tocsin.application.bundle_messages import IN_FULL
from tocsin.application.moves import Level
from tocsin.application.ports import ChannelError
from tocsin.application.records import Crowd, PageState
from tocsin.db.crowd_rows import CrowdRows
from tocsin.db.incident_rows import IncidentRows
from tocsin.domain.procedures import Bundles
from tocsin.domain.severity import Severity

RULE = Bundles(calm=5, wait=timedelta(seconds=2), every=timedelta(minutes=1))


def at(seconds):
    return NOON + timedelta(seconds=seconds)


def crowd(heard=0.0, lane=1, intended=2, oldest=10.0):
    return Crowd(None if heard is None else at(heard), lane, intended, at(oldest))


@pytest.mark.parametrize(
    ("known", "lane", "now", "until"),
    [
        (crowd(heard=None, intended=99), 3, 10, None),  # the first message goes at once, flood or not
        (crowd(lane=1), 0, 10, None),  # more severe than everything before it
        (crowd(lane=1), 1, 10, 12),  # as severe as something: it waits for company
        (crowd(lane=1), 3, 11.999, 12),
        (crowd(lane=1), 3, 12, None),
        (crowd(intended=5), 1, 12, None),  # five are calm
        (crowd(intended=6), 1, 12, 60),  # six are a flood: a minute after the last message
        (crowd(intended=6), 1, 59.999, 60),
        (crowd(intended=6), 1, 60, None),
        (crowd(intended=2, oldest=59.5), 1, 59.6, 60),  # never longer than in a flood
    ],
)
def test_the_rule_to_the_second(known, lane, now, until):
    wanted = None if until is None else at(until)
    assert bundles.held_until(RULE, known, lane, at(now)) == wanted


def test_while_another_node_gathers_on_a_channel_nothing_of_it_is_claimed(world, monkeypatch):
    world.begin()
    with monkeypatch.context() as other:
        other.setattr(CrowdRows, "take_turns", lambda *_asked: False)
        assert delivery.claim(world.app, "email", 9) == []
    assert len(delivery.claim(world.app, "email", 9)) == 1


def flood(world, count, severity="error", name="Flood"):
    for number in range(count):
        world.ingest(signal(f"{name}{number}", severity=severity))


def mails(world, to="ana"):
    return [mail for mail in world.email.sent if mail.to == f"{to}@example.org" and mail.urgent]


def run(world, seconds):
    """Every instant at which something is due is met."""
    world.pass_time(seconds / 60)


def states(world, channel="email"):
    return {
        page.id: page.state
        for incident in world.incidents()
        for page in world.pages(incident.id)
        if page.urgent and page.channel == channel
    }


def test_the_first_goes_at_once_and_the_next_ones_two_seconds_later_in_one(world):
    flood(world, 1)
    world.send_due()
    assert len(mails(world)) == 1
    world.clock.forward(10)
    flood(world, 1, name="Second")
    world.send_due()
    world.clock.forward(1)
    flood(world, 1, name="Third")
    world.send_due()
    assert len(mails(world)) == 1, "they wait for company"
    world.clock.forward(1)
    world.send_due()
    bundle = mails(world)[1]
    assert "Second0" in bundle.text
    assert "Third0" in bundle.text
    assert len(mails(world)) == 2


def test_a_flood_is_one_message_a_minute_and_every_page_is_in_one(world):
    flood(world, 1)
    world.send_due()
    for _ in range(30):
        world.clock.forward(0.1)
        flood(world, 1, name=f"At{world.clock.at:%S%f}-")
        world.send_due()
    assert len(mails(world)) == 1
    run(world, 56.9)
    assert len(mails(world)) == 1
    run(world, 0.2)
    assert len(mails(world)) == 2
    assert set(states(world).values()) == {PageState.ACCEPTED}
    first, bundle = mails(world)
    assert len(bundle.carries) == 30
    assert all(incident.id in first.text + bundle.text for incident in world.incidents())
    carried = world.database.read(
        lambda tx: tx.pages._sql.all("SELECT id, carried_by FROM pages WHERE carried_by > ''")
    )
    assert {leader for _, leader in carried} == {bundle.page_id}
    assert len(carried) == 29


def test_a_bundle_tells_the_worst_in_full_with_their_own_links_and_names_the_rest(world):
    flood(world, 1)
    world.send_due()
    flood(world, 30, severity="warning", name="Mild")
    flood(world, 2, name="Worse")
    run(world, 61)
    bundle = mails(world)[1]
    assert bundle.subject.startswith("HIGH L1: Worse")
    assert bundle.subject.endswith(" and 31 more")
    assert bundle.text.index("Worse1") < bundle.text.index("Mild")
    assert bundle.text.count("Acknowledge: https://tocsin.example.org/a/pg-") == IN_FULL
    assert "And 12 more:\nMEDIUM: INC-" in bundle.text
    assert (bundle.facts["link"], bundle.facts["url"]) == ("", "https://tocsin.example.org/")
    assert bundle.facts["count"] == "32"
    assert bundle.severity is Severity.HIGH


def test_what_is_more_severe_overtakes_with_its_like_and_the_milder_wait_on(world):
    usual = procedures("v2")
    world.apply(
        replace(usual, schedules={name: replace(one, people=("ana",)) for name, one in usual.schedules.items()})
    )
    flood(world, 10)
    world.send_due()
    world.clock.forward(1)
    flood(world, 10, name="More")
    flood(world, 2, severity="critical", name="Dead")
    world.send_due()
    assert [len(mail.carries) for mail in mails(world)] == [10, 2]
    assert "Dead1" in mails(world)[1].text
    run(world, 59.5)
    assert len(mails(world)) == 2, "a minute is counted from the last message"
    run(world, 1)
    assert [len(mail.carries) for mail in mails(world)] == [10, 2, 10]


def test_what_was_acknowledged_meanwhile_is_left_out_and_another_leads(world):
    flood(world, 3)
    [page] = delivery.claim(world.app, "email", 9)
    world.does("ana", "acknowledge", incident=page.incident_id)
    assert delivery.deliver(world.app, world.channels, page) is None
    [bundle] = mails(world)
    assert f"[{page.incident_id}]" not in bundle.text
    assert bundle.carries[0] == bundle.page_id != page.id
    assert sorted(states(world).values()) == [PageState.ACCEPTED, PageState.ACCEPTED, PageState.SUPERSEDED]
    leaders = world.database.read(lambda tx: tx.pages._sql.all("SELECT id, carried_by FROM pages WHERE sent_at > 0"))
    assert dict(leaders)[bundle.carries[1]] == bundle.page_id
    assert dict(leaders)[bundle.page_id] == ""


def test_when_one_alone_is_left_it_goes_as_itself_and_when_none_is_nothing_goes(world):
    flood(world, 3)
    [page] = delivery.claim(world.app, "email", 9)
    for each in (page, page.company[0]):
        world.does("ana", "acknowledge", incident=each.incident_id)
    delivery.deliver(world.app, world.channels, page)
    [mail] = mails(world)
    assert (mail.page_id, mail.facts["topic"]) == (page.company[1].id, "page")
    flood(world, 2, name="Again")
    world.clock.forward(60)
    [page] = delivery.claim(world.app, "email", 9)
    for each in (page, *page.company):
        world.does("ana", "acknowledge", incident=each.incident_id)
    assert delivery.deliver(world.app, world.channels, page) is None
    assert len(mails(world)) == 1


def test_several_rounds_of_one_incident_are_told_once(world):
    flood(world, 1)
    world.does("ana", "severity", Level(Severity.MEDIUM, "I looked"))
    world.does("ana", "severity", Level(Severity.HIGH, "I looked again"))
    world.send_due()
    [mail] = mails(world)
    assert len(mail.carries) > 1
    assert mail.facts["topic"] == "page"
    assert set(states(world).values()) == {PageState.ACCEPTED}


def test_a_bundle_that_fails_is_tried_again_together_and_each_hastens_its_other_way(world):
    world.email.fails = [ChannelError("451 try again later")]
    flood(world, 3)
    world.send_due()
    assert len(world.webhook.sent) == 3, "machines get each page by itself"
    world.clock.forward(5)
    world.send_due()
    [mail] = mails(world)
    assert len(mail.carries) == 3
    assert sorted(states(world).values()) == [PageState.ACCEPTED] * 3 + [PageState.FAILED] * 3


def test_a_large_bundle_is_settled_in_parts(world, monkeypatch):
    monkeypatch.setattr(delivery, "SETTLED_AT_ONCE", 2)
    world.email.fails = [ChannelError("451 try again later")]
    flood(world, 7)
    world.send_due()
    assert list(states(world).values()).count(PageState.FAILED) == 7
    world.clock.forward(5)
    world.send_due()
    assert list(states(world).values()).count(PageState.ACCEPTED) == 7


def test_a_bundle_that_could_not_be_written_fails_as_a_whole(world):
    flood(world, 3)
    [page] = delivery.claim(world.app, "email", 9)
    delivery.fail(world.app, page, "It could not be written or sent: KeyError('x')")
    assert sorted(states(world).values()) == [PageState.FAILED] * 3 + [PageState.PLANNED] * 3


def test_a_person_who_left_fails_for_every_page(world):
    flood(world, 3)
    world.apply(procedures("v2", people={key: value for key, value in PEOPLE.items() if key != "ana"}))
    [page] = delivery.claim(world.app, "email", 9)
    delivery.deliver(world.app, world.channels, page)
    assert list(states(world).values()).count(PageState.EXHAUSTED) == 3


def test_a_node_that_dies_with_a_bundle_leaves_all_of_it_to_the_next(world):
    flood(world, 3)
    delivery.claim(world.app, "email", 9)
    world.clock.forward(9.9)
    assert delivery.claim(world.node("n2"), "email", 9) == []
    world.clock.forward(0.1)
    [page] = delivery.claim(world.node("n2"), "email", 9)
    assert len(page.company) == 2


def test_what_a_dead_node_had_goes_at_once_in_a_flood_too_and_with_what_waits(world):
    flood(world, 9)
    world.send_due()
    world.clock.forward(58)
    flood(world, 3, severity="warning", name="Mild")
    flood(world, 1, name="Lost")
    world.clock.forward(2.5)
    [lost] = delivery.claim(world.app, "email", 9)
    assert len(lost.company) == 3
    world.spoil("UPDATE pages SET sent_at = ? WHERE state = 'accepted'", int(world.clock.at.timestamp() * 1e6))
    world.clock.forward(10)
    flood(world, 2, name="More")
    [again] = delivery.claim(world.node("n2"), "email", 9)
    assert (again.id, again.fence, len(again.company)) == (lost.id, 2, 5)


def noting(steps, name, real):
    def noted(rows, *asked):
        steps.append(name)
        return real(rows, *asked)

    return noted


def test_incidents_are_locked_before_pages_and_none_that_is_not_told_in_full(world, monkeypatch):
    flood(world, IN_FULL + 5)
    [page] = delivery.claim(world.app, "email", 9)
    for each in (page, *page.company[: IN_FULL - 1]):
        world.does("ana", "acknowledge", incident=each.incident_id)
    steps = []
    for rows, name in ((IncidentRows, "load"), (CrowdRows, "keep")):
        monkeypatch.setattr(rows, name, noting(steps, name, getattr(rows, name)))
    message = delivery.prepare(world.app, page)
    assert steps == ["load"] * IN_FULL + ["keep"]
    assert len(message.carries) == 5
    assert all(each.incident_id in message.text for each in page.company[IN_FULL - 1 :])


def test_posts_are_gathered_apart_from_pages(world):
    flood(world, 9, severity="critical")
    world.send_due()
    posts = [mail for mail in world.email.sent if not mail.urgent]
    assert [len(mail.carries) for mail in posts] == [9]
    assert posts[0].subject.endswith(" and 8 more messages")
    assert "Acknowledge" not in posts[0].text
    assert [len(mail.carries) for mail in mails(world, "bo")] == [9]


def test_more_posts_than_are_told_in_full_are_named(world):
    flood(world, IN_FULL + 2, severity="critical")
    world.send_due()
    [post] = [mail for mail in world.email.sent if not mail.urgent]
    assert "And 2 more:\nINC-" in post.text


def test_test_pages_wait_for_nothing(world):
    flood(world, 9)
    world.send_due()
    world.does("ana", "test-page", person="ana")
    world.send_due()
    assert world.email.sent[-1].subject == "TEST page for Ana: nothing is broken"


def test_rows_that_another_node_holds_are_left_to_the_next_look(world, monkeypatch):
    flood(world, 1)
    for take in ("take", "take_one"):
        monkeypatch.setattr(f"tocsin.db.crowd_rows.CrowdRows.{take}", lambda *_asked, **_how: [])
    assert delivery.claim(world.app, "email", 9) == []


def test_no_more_messages_are_claimed_than_can_be_started(world):
    world.begin(Severity.CRITICAL)
    assert len(delivery.claim(world.app, "email", 1)) == 1
    assert len(delivery.claim(world.app, "email", 1)) == 1


def test_words_that_break_in_a_bundle_are_replaced_by_plain_ones(world, caplog):
    flood(world, 3)
    world.spoil("UPDATE incidents SET state = ? WHERE id = ?", b"garbage", world.incidents()[0].id)
    world.spoil("UPDATE events SET body = ?", b"garbage")
    world.send_due()
    assert len(mails(world)) == 1
    assert "cannot be read" in caplog.text


def test_twenty_thousand_that_wait_are_held_in_one_statement(world):
    flood(world, 1)
    world.send_due()
    plan = (
        "INSERT INTO pages (id, incident_id, seq, round, level, person, channel, attempt, topic, lane, send_at, "
        "intended_at, wake_at, state) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) "
        "SELECT 'pg-' || i, incident_id, seq, i + 1, level, person, channel, 1, topic, lane, send_at, "
        "intended_at, send_at, 'planned' FROM n, (SELECT * FROM pages WHERE channel = 'email' LIMIT 1)"
    )
    world.spoil(plan)
    world.clock.forward(1)
    asked = []
    connection = world.database._writer_connection
    connection.set_trace_callback(asked.append)
    assert delivery.claim(world.app, "email", 4) == []
    connection.set_trace_callback(None)
    assert len(asked) < 30


def test_the_second_call_of_a_pair_waits_for_nothing(world):
    """RULES.md *Who is told*: calls come in pairs within three minutes."""
    flood(world, 9)
    world.send_due()
    first = mails(world)[0]
    flood(world, 9, name="More")
    world.clock.forward(30)
    again = "INSERT INTO pages (id, incident_id, seq, round, level, person, channel, attempt, topic, lane, send_at, "
    again += (
        "intended_at, wake_at, state) SELECT 'pg-again', incident_id, seq, round, level, person, channel, 2, topic, "
    )
    again += "lane, send_at, intended_at, ?, 'planned' FROM pages WHERE id = ?"
    world.send_due()
    assert len(mails(world)) == 1
    world.spoil(again, int(world.clock.at.timestamp() * 1e6), first.page_id)
    world.send_due()
    assert "pg-again" in mails(world)[1].carries


def test_what_is_more_severe_and_comes_while_milder_ones_are_held_is_not_held_with_them(world, monkeypatch):
    """On PostgreSQL a page may be committed after its lane was looked at, and before another is held."""
    usual = procedures("v2")
    everybody = {name: replace(one, people=("ana",)) for name, one in usual.schedules.items()}
    world.apply(replace(usual, schedules=everybody))
    flood(world, 9)
    world.send_due()
    flood(world, 9, name="More")
    flood(world, 1, severity="critical", name="Dead")
    look = CrowdRows.first
    monkeypatch.setattr(
        CrowdRows, "first", lambda rows, channel, lane, at: (lane and look(rows, channel, lane, at)) or None
    )
    assert [page for page in delivery.claim(world.app, "email", 9) if page.urgent] == []
    monkeypatch.undo()
    [page] = [page for page in delivery.claim(world.app, "email", 9) if page.urgent]
    assert (page.lane, page.company) == (0, ())
