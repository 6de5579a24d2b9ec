"""What people answer by text message or by a key: they have it or cannot take it, for one round, once."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.application.night import NUMBERS, reachable
from tests.unit.application.world import PEOPLE, signal
from tocsin.application import answers
from tocsin.application import deliver as delivery
from tocsin.application.answers import (
    HINTS,
    WRONG_CODES,
    Said,
    asked_about,
    guessed_too_often,
    hint,
    meant_by,
    read_reply,
)
from tocsin.application.callbacks import COUNTS_FOR
from tocsin.application.links import answer_code
from tocsin.application.moves import Level, Resolution
from tocsin.application.ports import Outcome
from tocsin.application.records import PageState
from tocsin.domain import events as ev
from tocsin.domain.errors import HeldError
from tocsin.domain.people import Contact
from tocsin.domain.severity import Severity
from tocsin.web.answer_words import told


def called(night, severity=Severity.CRITICAL):
    """The page of the first call, which has just been taken."""
    night.begin(severity)
    night.send_due()
    return night.page("voice")


def texted(night):
    """The page of the first text message."""
    called(night)
    night.pass_time(1.1)
    return night.page("sms")


def test_a_key_acknowledges_as_the_person_who_was_called_and_the_timeline_says_how(night):
    page = called(night)
    heard = night.answers(page)
    assert (heard.counted, heard.holder, heard.incident_id) == (True, "Bo", night.incident().id)
    [event] = night.events(ev.Acknowledged)
    assert (event.person, event.actor.by, event.actor.authenticated_by) == ("bo", "person:bo", "voice")
    assert night.page("voice").state is PageState.ACKNOWLEDGED


def test_an_answer_is_heard_once(night):
    page = called(night)
    first = night.answers(page)
    before = night.seen()
    assert night.answers(page) == first
    assert night.seen() == before


def test_an_answer_counts_although_the_provider_says_that_the_call_failed(night):
    page = called(night)
    night.word(page, Outcome.FAILED)
    assert night.answers(page).counted
    assert night.page("voice").state is PageState.FAILED


def test_who_cannot_take_it_says_so_and_the_next_is_paged_at_once(night):
    page = called(night)
    heard = night.answers(page, Said.CANNOT)
    assert (heard.counted, heard.holder) == (True, "")
    assert [event.person for event in night.events(ev.Declined)] == ["bo"]
    night.send_due()
    assert night.page("voice").person == "cem"


def test_after_the_round_is_over_nothing_changes_and_who_has_it_is_told(night):
    page = called(night)
    night.does("cem", "acknowledge")
    before = night.seen()
    for said in Said:
        heard = night.answers(page, said, said.name)
        assert (heard.counted, heard.holder) == (said is Said.CANNOT, "Cem")
    assert night.seen() == before


def test_after_the_incident_is_over_it_is_said_so(night):
    page = called(night)
    night.does("bo", "acknowledge")
    night.does("bo", "resolve", Resolution("restarted"))
    before = night.seen()
    assert night.answers(page).over
    assert night.seen() == before


def test_a_holder_whom_the_procedures_do_not_know_any_more_is_named_by_their_id(night):
    page = called(night)
    night.does("zoe", "acknowledge")
    assert night.answers(page).holder == "zoe"


def test_an_answer_may_come_before_our_own_record_of_the_send(night):
    night.voice.meanwhile = lambda _message: night.answers(replace(night.page("voice"), provider_id="CA1"))
    night.begin(Severity.CRITICAL)
    night.send_due()
    assert night.incident().acknowledged_by == "bo"
    assert night.page("voice").state is PageState.ACKNOWLEDGED
    assert not [page for page in night.pages() if page.attempt == 2 and page.state is PageState.PLANNED]


def test_a_test_page_that_is_answered_was_delivered(night):
    night.does("ana", "test-page", person="ana")
    night.send_due()
    pages = night.database.read(lambda tx: tx.pages.page_of("", "", 99))
    for page in pages:
        assert night.answers(page).incident_id == ""
    states = {page.state for page in night.database.read(lambda tx: tx.pages.page_of("", "", 99))}
    assert states == {PageState.DELIVERED}


def test_one_answer_takes_all_that_went_out_in_the_same_message(night):
    night.team(reachable("bo", "sms"))
    for number in range(60):
        night.ingest(signal(f"Disk{number}", severity="critical"))
    night.clock.at += timedelta(seconds=61)
    [page] = [it for it in delivery.claim(night.app, "sms", 9) if it.person == "bo"]
    delivery.deliver(night.app, night.channels, page)
    heard = night.answers(page, by="sms")
    assert Counter(one.counted for one in (heard, *heard.others)) == {True: 60}
    assert asked_about(night.app, page) == 60
    assert told(heard, Said.TAKE) == (
        f"You have all 60: {heard.incident_id}, {heard.others[0].incident_id}, {heard.others[1].incident_id} "
        "and 57 more."
    )
    assert {incident.acknowledged_by for incident in night.incidents()} == {"bo"}


def bundled(night, count=3):
    """One text message to Bo about several incidents, and their ids, the leading one first."""
    night.team(reachable("bo", "sms"))
    for number in range(count):
        night.ingest(signal(f"Disk{number}", severity="critical"))
    night.clock.at += timedelta(seconds=61)
    [page] = [it for it in delivery.claim(night.app, "sms", 9) if it.person == "bo"]
    delivery.deliver(night.app, night.channels, page)
    return page, [it.incident_id for it in (page, *page.company)]


def holders(night):
    return {incident.id: incident.acknowledged_by for incident in night.incidents()}


def test_who_takes_the_rest_of_a_message_is_told_what_is_theirs_and_who_has_the_other(night):
    page, [first, *rest] = bundled(night)
    night.does("cem", "acknowledge", incident=first)
    heard = night.answers(page, by="sms")
    assert holders(night) == {first: "cem", **dict.fromkeys(rest, "bo")}
    assert told(heard, Said.TAKE) == f"You have 2 of 3: {', '.join(sorted(rest))}. Cem has {first}."


def test_who_takes_the_rest_of_a_message_is_told_so_although_its_first_is_over(night):
    page, [first, *rest] = bundled(night)
    night.does("cem", "acknowledge", incident=first)
    night.does("cem", "resolve", Resolution("restarted"), incident=first)
    heard = night.answers(page, by="sms")
    assert told(heard, Said.TAKE) == f"You have 2 of 3: {', '.join(sorted(rest))}. Over: {first}."


def test_who_cannot_take_a_message_is_told_what_the_next_is_asked_and_who_has_the_other(night):
    page, [first, *rest] = bundled(night)
    night.does("cem", "acknowledge", incident=first)
    heard = night.answers(page, Said.CANNOT, by="sms")
    assert told(heard, Said.CANNOT) == (f"Noted: you cannot take 2 of 3: {', '.join(sorted(rest))}. Cem has {first}.")


def test_a_reply_before_our_own_record_of_the_send_is_told_what_was_not_taken_by_it(night):
    heard = []
    night.sms.meanwhile = lambda message: (
        message.carries
        and heard.append(
            night.answers(replace(night.page("sms"), id=message.page_id, incident_id=message.incident_id), by="sms")
        )
    )
    _page, [first, *rest] = bundled(night)
    assert holders(night) == {first: "bo", **dict.fromkeys(rest, "")}
    assert told(heard[0], Said.TAKE) == f"You have 1 of 3: {first}. Still to be answered: {', '.join(sorted(rest))}."


@pytest.mark.parametrize("which", [0, 1])
def test_an_incident_that_cannot_be_read_takes_no_other_of_its_message_with_it(night, which):
    page, ids = bundled(night)
    broken = ids.pop(which)
    night.spoil("UPDATE incidents SET state = ? WHERE id = ?", b"garbage", broken)
    night.spoil("UPDATE events SET body = ? WHERE incident_id = ?", b"garbage", broken)
    heard = night.answers(page, by="sms")
    assert told(heard, Said.TAKE) in {
        f"You have 2 of 3: {one}, {other}. Cannot be read: {broken}." for one, other in (ids, reversed(ids))
    }
    assert night.answers(page, by="sms") == heard
    assert hint(night.app, NUMBERS["bo"], "reply 1", wrong=False) is None


def test_several_rounds_of_one_incident_are_one_to_answer(night):
    page, [first, second] = bundled(night, 2)
    night.spoil("UPDATE pages SET incident_id = ?, round = 0 WHERE carried_by = ?", first, page.id)
    assert asked_about(night.app, page) == 1
    assert told(night.answers(page, by="sms"), Said.TAKE).startswith(f"You have {first}: ")
    assert holders(night) == {first: "bo", second: ""}


def test_an_answer_that_meets_a_row_somebody_holds_is_heard_when_it_comes_again(night, monkeypatch):
    page = called(night)

    def held(*_asked):
        raise HeldError("Somebody else holds a row.")

    with monkeypatch.context() as patch:
        patch.setattr(answers, "_answer", held)
        with pytest.raises(HeldError):
            night.answers(page)
    assert night.answers(page).counted


def test_an_answer_that_breaks_the_rules_is_told_to_wait_still(night, monkeypatch):
    page = called(night)

    def broken(*_asked, **_how):
        raise ValueError("A rule is broken.")

    with monkeypatch.context() as patch:
        patch.setattr(answers, "carry_out", broken)
        heard = night.answers(page)
    assert told(heard, Said.TAKE) == f"Your answer could not be kept; {page.incident_id} still waits for one."


def test_who_replies_something_else_is_hinted_at_a_message_whose_first_is_taken(night):
    page, [first, *_rest] = bundled(night)
    night.does("cem", "acknowledge", incident=first)
    assert hint(night.app, NUMBERS["bo"], "reply 1", wrong=False).id == page.id


def test_an_answer_to_an_earlier_climb_is_none_to_the_new_one_and_the_rest_of_its_message_counts(night):
    night.team(reachable("bo", "sms"))
    night.ingest(signal("DiskFull", severity="error"))
    night.ingest(signal("Flood", severity="error"))
    night.clock.at += timedelta(minutes=15)
    night.tick()
    night.clock.at += timedelta(seconds=61)
    [page] = [it for it in delivery.claim(night.app, "sms", 9) if it.person == "bo"]
    delivery.deliver(night.app, night.channels, page)
    worse, other = page.incident_id, page.company[0].incident_id
    night.does("cem", "severity", Level(Severity.CRITICAL, "it is worse"), incident=worse)
    assert night.answers(page, by="sms").holder == ""
    holders = {incident.id: incident.acknowledged_by for incident in night.incidents()}
    assert holders == {worse: "", other: "bo"}


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("123456", (Said.TAKE, "123456")),
        (" 123 456\n", (Said.TAKE, "123456")),
        ("123-456.", (Said.TAKE, "123456")),
        ("ok 123456", (Said.TAKE, "123456")),
        ("ACK: 123456!", (Said.TAKE, "123456")),
        ("Yes 123456", (Said.TAKE, "123456")),
        ("NO 123456", (Said.CANNOT, "123456")),
        ("no, 123456", (Said.CANNOT, "123456")),
        ("", None),
        ("ok", None),
        ("12345", None),
        ("1234567", None),
        ("not 123456", None),
        ("123456 no", None),
        ("I am driving. You wrote: Reply 123456 to take it, NO 123456 if you cannot.", None),
        ("CRITICAL: claudex is down\nReply 123456 to take it", None),
        ("١٢٣٤٥٦", None),
    ],
)
def test_a_reply_is_a_code_and_one_word_at_the_most(text, read):
    """An automatic reply that repeats our message holds the code among others (RULES.md)."""
    assert read_reply(text) == read


def test_the_code_and_the_number_together_name_the_page(night):
    page = texted(night)
    code = answer_code(night.app, page.id)
    assert len(code) == 6
    assert meant_by(night.app, NUMBERS["bo"], code) == page
    assert meant_by(night.app, "+1 (555) 010-0002", code) == page
    assert meant_by(night.app, NUMBERS["ana"], code) is None
    assert meant_by(night.app, "+15550109999", code) is None
    assert meant_by(night.app, NUMBERS["bo"], f"{(int(code) + 1) % 10**6:06}") is None


def test_a_code_counts_for_half_a_day(night):
    page = texted(night)
    night.clock.at += COUNTS_FOR
    assert meant_by(night.app, NUMBERS["bo"], answer_code(night.app, page.id)) is None


def test_codes_of_two_people_and_two_rounds_differ(night):
    texted(night)
    night.pass_time(12)
    pages = [page for page in night.pages() if page.channel == "sms" and page.urgent]
    assert len({answer_code(night.app, page.id) for page in pages}) == len(pages) > 2


def test_a_number_that_two_people_share_is_told_apart_by_the_code(night):
    shared = replace(reachable("ana"), contacts=(Contact("sms", NUMBERS["bo"]),))
    night.team(shared, reachable("bo"))
    page = texted(night)
    assert meant_by(night.app, NUMBERS["bo"], answer_code(night.app, page.id)).person == "bo"


def test_who_writes_something_else_is_told_the_code_a_few_times_and_then_no_more(night):
    """Two machines must not answer each other for ever."""
    page = texted(night)
    hinted = [hint(night.app, NUMBERS["bo"], f"reply {count}", wrong=False) for count in range(HINTS + 2)]
    assert [it and it.id for it in hinted] == [page.id] * HINTS + [None] * 2


def test_what_somebody_wrote_is_answered_once_however_often_it_is_heard(night):
    """The service's call about a text message has no time in it: who kept one is not told a code with it."""
    page = texted(night)
    heard = [hint(night.app, NUMBERS["bo"], "reply 1", wrong=False) for _ in range(2)]
    assert [it and it.id for it in heard] == [page.id, None]


def test_after_ten_wrong_codes_a_number_has_guessed_too_often_for_an_hour(night):
    texted(night)
    for count in range(WRONG_CODES):
        assert not guessed_too_often(night.app, NUMBERS["bo"])
        hint(night.app, NUMBERS["bo"], f"reply {count}", wrong=True)
        hint(night.app, NUMBERS["bo"], f"reply {count}", wrong=True)  # heard again, it counts once
        hint(night.app, NUMBERS["bo"], f"words {count}", wrong=False)
    assert guessed_too_often(night.app, NUMBERS["bo"])
    assert guessed_too_often(night.app, "+1 (555) 010-0002")
    assert not guessed_too_often(night.app, NUMBERS["ana"])
    night.clock.at += timedelta(hours=1)
    assert not guessed_too_often(night.app, NUMBERS["bo"])


def test_nobody_is_told_a_code_when_nothing_of_theirs_waits(night):
    texted(night)
    assert hint(night.app, NUMBERS["dee"], "reply 1", wrong=False) is None
    assert hint(night.app, "+15550109999", "reply 2", wrong=False) is None
    night.does("bo", "acknowledge")
    assert hint(night.app, NUMBERS["bo"], "reply 3", wrong=False) is None
    assert set(NUMBERS) == set(PEOPLE)
