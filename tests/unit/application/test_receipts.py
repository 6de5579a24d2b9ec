"""What becomes of a page after its provider took it: it arrived, it did not, or nobody ever says."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.application.night import reachable
from tests.unit.application.world import signal
from tocsin.application import deliver as delivery
from tocsin.application import receipts, timekeeping
from tocsin.application.callbacks import REMEMBERED
from tocsin.application.ports import Outcome, Word
from tocsin.application.receipts import carried_with
from tocsin.application.records import PageState
from tocsin.application.set_aside import SET_ASIDE
from tocsin.db.page_rows import PageRows
from tocsin.db.receipt_rows import ReceiptRows
from tocsin.domain import events as ev
from tocsin.domain.errors import HeldError, NotFoundError
from tocsin.domain.react import Topic
from tocsin.domain.severity import Severity


def begun(night, severity=Severity.CRITICAL):
    """An incident whose first page has just been taken."""
    night.begin(severity)
    night.send_due()
    return night


def sent(night, channel):
    return [(message.to, message.page_id) for message in getattr(night, channel).sent]


def test_a_receipt_makes_a_page_delivered_and_the_chain_says_so(night):
    begun(night).word(night.page("voice"), Outcome.DELIVERED)
    assert night.page("voice").state is PageState.DELIVERED
    timekeeping.report(night.app)
    results = [result for event in night.events(ev.PagesReported) for result in event.results]
    assert (night.page("voice").id, "delivered") in [(it.page, it.state) for it in results]


def test_a_receipt_is_heard_once(night):
    page = begun(night).page("voice")
    night.word(page, Outcome.UNHEARD)
    before = night.seen()
    night.word(page, Outcome.UNHEARD)
    night.word(page, Outcome.DELIVERED)
    assert night.seen() == before


def test_good_news_after_bad_news_changes_nothing(night):
    page = begun(night).page("voice")
    night.word(page, Outcome.FAILED)
    before = night.seen()
    night.word(page, Outcome.DELIVERED, "later")
    assert night.seen() == before


def test_a_receipt_for_a_page_that_is_not_ours_is_refused(night):
    with pytest.raises(NotFoundError):
        receipts.hear(night.app, "pg-none", Word("CA1", Outcome.DELIVERED), "once")


def test_a_message_that_did_not_arrive_goes_on_by_the_persons_other_ways_at_once(night):
    page = begun(night).page("voice")
    night.word(page, Outcome.FAILED)
    night.send_due()
    assert night.page("voice").state is PageState.FAILED
    assert night.page("voice").error == "It did not arrive."
    assert [len(sent(night, "sms")), len(sent(night, "email"))] == [1, 2]  # one mail is the post to level 1


def test_what_never_arrives_is_not_tried_again_where_another_way_is_under_way(night):
    page = begun(night).page("voice")
    night.word(page, Outcome.FAILED, permanent=True)
    assert night.page("voice").state is PageState.EXHAUSTED


def test_a_text_message_that_did_not_arrive_is_tried_again(night):
    night.team(reachable("ana", "sms"))
    night.begin(Severity.HIGH)
    night.pass_time(1.1)
    night.word(night.page("sms"), Outcome.FAILED)
    night.pass_time(0.2)
    assert len(sent(night, "sms")) == 2
    assert night.page("sms", attempt=2).state is PageState.ACCEPTED


def test_bad_news_after_the_round_was_answered_wakes_nobody(night):
    page = begun(night).page("voice")
    night.does("cem", "acknowledge")
    planned = [it.id for it in night.pages() if it.urgent]
    night.word(page, Outcome.FAILED)
    night.pass_time(1)
    assert [len(sent(night, "voice")), len(sent(night, "sms"))] == [1, 0]
    assert [it.id for it in night.pages() if it.urgent] == planned


def test_bad_news_about_another_message_of_the_same_page_does_not_count(night):
    page = begun(night).page("voice")
    before = night.pages()
    night.word(page, Outcome.FAILED, provider_id="CA-of-a-dead-node")
    assert night.pages() == before
    night.word(page, Outcome.DELIVERED, "other", provider_id="CA-of-a-dead-node")
    assert night.page("voice").state is PageState.DELIVERED


def test_the_provider_may_tell_before_its_own_answer_is_kept(night):
    """The word of a message is proof that it was taken, so the page is not sent again."""
    told = []

    def meanwhile(message):
        told.append(message)
        receipts.hear(night.app, message.page_id, Word("CA1", Outcome.DELIVERED), "early")

    night.voice.meanwhile = meanwhile
    night.begin(Severity.CRITICAL)
    assert None in night.send_due()
    page = night.page("voice")
    assert (page.state, page.provider_id) == (PageState.DELIVERED, "CA1")
    night.voice.meanwhile = lambda _message: None
    assert night.page("voice", attempt=2).state is PageState.PLANNED, "the pair is made all the same"
    assert len(told) == 1


def test_after_a_crash_the_providers_word_keeps_a_page_from_being_sent_twice(night):
    night.begin(Severity.CRITICAL)
    [page] = delivery.claim(night.app, "voice", 9)
    night.voice.send(delivery.prepare(night.app, page), 8.0)  # and the process dies
    receipts.hear(night.app, page.id, Word("CA1", Outcome.DELIVERED), "early")
    night.clock.at += timedelta(seconds=30)
    night.send_due()
    assert len(sent(night, "voice")) == 1


def test_a_message_of_which_there_is_no_word_hastens_the_persons_other_ways_within_half_a_minute(night):
    """The provider takes it and loses it: the page stays accepted."""
    begun(night)
    night.pass_time(24 / 60)
    assert sent(night, "sms") == []
    night.pass_time(3 / 60)
    assert len(sent(night, "sms")) == 1
    assert night.page("voice").state is PageState.ACCEPTED


def test_with_a_receipt_the_other_ways_keep_their_time(night):
    begun(night).word(night.page("voice"), Outcome.DELIVERED)
    night.pass_time(55 / 60)
    assert sent(night, "sms") == []


def test_silence_after_the_round_was_answered_hastens_nothing(night):
    begun(night)
    night.does("cem", "acknowledge")
    night.pass_time(1.5)
    assert [len(sent(night, "voice")), len(sent(night, "sms"))] == [1, 0]


def test_silence_about_a_page_whose_incident_cannot_be_read_stops_nobody(night):
    begun(night)
    night.spoil("UPDATE incidents SET state = '{', head_seq = head_seq + 1")
    night.spoil("UPDATE events SET body = '{'")
    night.clock.at += timedelta(seconds=26)
    assert receipts.overdue(night.app) == 1
    assert receipts.overdue(night.app) == 0


def test_a_word_that_comes_while_silence_is_being_noticed_counts(night):
    page = begun(night).page("voice")
    night.clock.at += timedelta(seconds=26)
    found = night.database.read(lambda tx: tx.receipts.overdue(night.clock.at, 9))
    night.word(page, Outcome.DELIVERED)
    night.database.transact(lambda tx: receipts._overdue(night.app, tx, found))
    assert night.page("voice").state is PageState.DELIVERED
    assert receipts.overdue(night.app) == 0


def test_a_call_that_was_answered_without_a_key_shows_nothing_so_other_ways_follow_at_once(night):
    begun(night).word(night.page("voice"), Outcome.UNHEARD)
    night.send_due()
    assert night.page("voice").state is PageState.ACCEPTED
    assert len(sent(night, "sms")) == 1


def test_calls_come_in_pairs_within_three_minutes(night):
    begun(night)
    first = night.clock.at
    night.pass_time(3)
    calls = [page for page in night.pages() if page.channel == "voice" and page.person == "bo"]
    assert [page.attempt for page in calls] == [1, 2]
    assert timedelta(seconds=60) <= calls[1].sent_at - first <= timedelta(seconds=90)


def test_an_acknowledgement_stops_the_second_call(night):
    begun(night).pass_time(0.5)
    night.does("bo", "acknowledge")
    night.pass_time(2)
    assert len(sent(night, "voice")) == 1
    assert night.page("voice", attempt=2).state is PageState.SUPERSEDED


def test_of_two_calls_that_nobody_answers_the_second_is_the_last_and_the_next_level_is_paged(night):
    night.team(reachable("bo", "voice"))
    begun(night).word(night.page("voice"), Outcome.FAILED)
    night.pass_time(1.4)
    second = night.page("voice", "bo", attempt=2)
    night.word(second, Outcome.FAILED)
    assert night.page("voice", "bo", attempt=2).state is PageState.EXHAUSTED
    assert night.events(ev.LevelUnreachable)
    night.send_due()
    assert night.page("email", "cem").state is PageState.ACCEPTED


def test_a_retry_after_an_error_of_the_provider_is_the_first_of_a_pair(night):
    night.voice.fails = [delivery.ChannelError("503")]
    night.begin(Severity.CRITICAL)
    night.pass_time(2)
    calls = [(page.attempt, page.state) for page in night.pages() if page.channel == "voice" and page.person == "bo"]
    assert calls == [(1, PageState.FAILED), (2, PageState.ACCEPTED), (3, PageState.ACCEPTED)]


def test_a_test_page_rings_once_and_is_delivered_like_any_other(night):
    night.does("ana", "test-page", person="ana")
    night.send_due()
    page = next(
        page for page in night.database.read(lambda tx: tx.pages.page_of("", "", 99)) if page.channel == "voice"
    )
    assert page.topic is Topic.TEST
    night.word(page, Outcome.DELIVERED)
    assert night.database.read(lambda tx: tx.pages.get(page.id)).state is PageState.DELIVERED
    night.word(page, Outcome.FAILED, "late")
    night.pass_time(2)
    assert len(sent(night, "voice")) == 1


def test_a_test_page_that_did_not_arrive_failed_and_that_is_all(night):
    night.does("ana", "test-page", person="ana")
    night.send_due()
    pages = night.database.read(lambda tx: tx.pages.page_of("", "", 99))
    for page in pages:
        night.word(page, Outcome.FAILED)
    states = {page.state for page in night.database.read(lambda tx: tx.pages.page_of("", "", 99))}
    assert states == {PageState.FAILED}
    assert len(pages) == 3


def test_all_that_went_out_in_one_message_shares_its_fate(night):
    night.team(reachable("bo", "sms"))
    for number in range(60):
        night.ingest(signal(f"Disk{number}", severity="critical"))
    night.clock.at += timedelta(seconds=61)
    [page] = [it for it in delivery.claim(night.app, "sms", 9) if it.person == "bo"]
    assert len(page.company) == 59
    assert delivery.deliver(night.app, night.channels, page).state is PageState.ACCEPTED
    night.word(night.database.read(lambda tx: tx.pages.get(page.id)), Outcome.DELIVERED)
    reached = night.database.read(lambda tx: [tx.pages.get(it.id).state for it in (page, *page.company)])
    assert set(reached) == {PageState.DELIVERED}


def resent_in_company(night):
    """A page whose message went out, was not recorded, and is on its way again with one that joined it since."""
    night.team(reachable("bo", "sms"))
    night.ingest(signal("DiskFull", severity="critical"))
    night.clock.at += timedelta(seconds=5)
    night.ingest(signal("Flood", severity="critical"))
    night.clock.at += timedelta(seconds=56)
    [alone] = [it for it in delivery.claim(night.app, "sms", 9) if it.person == "bo"]
    night.clock.at += timedelta(seconds=12)
    [page] = [it for it in delivery.claim(night.app, "sms", 9) if it.person == "bo"]
    assert (page.id, len(page.company)) == (alone.id, 1)
    return page, page.company[0]


def test_word_of_a_message_is_not_believed_of_a_page_that_joined_it_when_it_was_sent_again(night):
    page, joined = resent_in_company(night)
    night.word(page, Outcome.DELIVERED, provider_id="SM-first")
    states = night.database.read(lambda tx: [tx.pages.get(it.id).state for it in (page, joined)])
    assert states == [PageState.DELIVERED, PageState.SENDING]


def test_word_of_a_page_that_was_forgotten_is_of_nothing_else(night):
    page, _joined = resent_in_company(night)
    gone = replace(page, id="pg-forgotten")
    assert night.database.read(lambda tx: carried_with(tx, gone, "SM1", "a call")) == []


def gathered(night, count=5):
    """Text messages to somebody who has no other way, claimed as one."""
    night.team(reachable("bo", "sms"))
    for number in range(count):
        night.ingest(signal(f"Disk{number}", severity="critical"))
    night.clock.at += timedelta(seconds=61)
    [page] = [it for it in delivery.claim(night.app, "sms", 9) if it.person == "bo"]
    assert len(page.company) == count - 1
    return page


def attempts(night, number):
    found = [page for each in night.incidents() for page in night.pages(each.id)]
    return [page.state for page in found if page.channel == "sms" and page.attempt == number]


def refuse(night, message, provider_id="SM1"):
    receipts.hear(night.app, message.page_id, Word(provider_id, Outcome.FAILED, "It did not arrive."), "early")


@pytest.mark.parametrize("answered", [False, True])
def test_bad_news_that_comes_before_a_message_is_recorded_is_of_all_that_it_carried(night, answered):
    page = gathered(night)
    if answered:  # then another page leads it
        night.does("cem", "acknowledge", incident=page.incident_id)
    night.sms.meanwhile = lambda message: refuse(night, message)
    delivery.deliver(night.app, night.channels, page)
    assert attempts(night, 1).count(PageState.FAILED) == 5 - answered
    assert attempts(night, 2) == [PageState.PLANNED] * (5 - answered)


def test_bad_news_of_a_message_that_was_tried_for_the_last_time_is_the_last(night, monkeypatch):
    page = gathered(night)
    monkeypatch.setattr(delivery, "RETRIES", ())
    monkeypatch.setattr(receipts, "RETRIES", ())
    night.sms.meanwhile = lambda message: refuse(night, message)
    delivery.deliver(night.app, night.channels, page)
    assert attempts(night, 1) == [PageState.EXHAUSTED] * 5


def test_bad_news_of_another_message_is_not_of_what_this_one_carried(night):
    page = gathered(night)
    night.sms.meanwhile = lambda message: refuse(night, message, "SM-of-a-dead-node")
    delivery.deliver(night.app, night.channels, page)
    assert attempts(night, 1).count(PageState.ACCEPTED) == 4


@pytest.mark.parametrize("after", [2, 3])
def test_bad_news_that_comes_while_a_large_message_is_recorded_is_of_all_that_it_carried(night, monkeypatch, after):
    page = gathered(night)
    monkeypatch.setattr(delivery, "SETTLED_AT_ONCE", 2)
    transact, done = night.database.transact, []

    def counted(work):
        result = transact(work)
        done.append(work)
        if len(done) == after:  # the first is what prepares it
            refuse(night, page_sent(night))
        return result

    monkeypatch.setattr(night.database, "transact", counted)
    delivery.deliver(night.app, night.channels, page)
    assert attempts(night, 1) == [PageState.FAILED] * 5
    assert attempts(night, 2) == [PageState.PLANNED] * 5


def page_sent(night):
    [message] = night.sms.sent
    return message


def test_bad_news_is_also_of_what_is_recorded_while_it_is_heard(night, monkeypatch):
    page = gathered(night)
    message = delivery.prepare(night.app, page)
    sent = delivery.send(night.app, night.channels, page, message)
    hear_some = receipts._hear_some

    def recorded_first(app, pages, word):
        monkeypatch.undo()
        assert pages == [], "nothing is recorded yet"
        delivery.record(night.app, page, *sent)
        hear_some(app, pages, word)

    monkeypatch.setattr(receipts, "_hear_some", recorded_first)
    refuse(night, message)
    assert attempts(night, 1) == [PageState.FAILED] * 5


def silent(night):
    """Two incidents about whose calls there is no word."""
    for name in ("Held", "Free"):
        night.ingest(signal(name, severity="critical"))
        night.send_due()
        night.clock.at += timedelta(seconds=3)
        night.send_due()
    night.clock.at += timedelta(seconds=40)
    pages = night.database.read(lambda tx: tx.receipts.overdue(night.clock.at, 99))
    assert len({page.incident_id for page in pages}) == 2
    return pages


def test_silence_about_an_incident_that_somebody_holds_is_noticed_later_and_hides_no_other(night, monkeypatch):
    pages = silent(night)
    held, look, asked = pages[0].incident_id, PageRows.get, []

    def get(rows, page_id):
        page = look(rows, page_id)
        if page is None or page.incident_id == held:
            asked.append(page_id)
            raise HeldError("A frozen node holds it.")
        return page

    again = [replace(pages[0], id="pg-of-the-same"), *pages]
    monkeypatch.setattr(PageRows, "get", get)
    count = sum(page.incident_id != held for page in pages)
    assert night.database.transact(lambda tx: receipts._overdue(night.app, tx, again)) == count
    assert len(asked) == 1, "nobody waits for it twice"
    assert receipts.overdue(night.app) == 0
    monkeypatch.undo()
    assert receipts.overdue(night.app) == len(pages) - count


def test_silence_about_what_cannot_be_changed_is_set_aside_and_hides_no_other(night):
    pages = silent(night)
    broken = pages[0].incident_id
    night.spoil(
        f"CREATE TRIGGER broken BEFORE UPDATE OF wake_at ON pages WHEN old.incident_id = '{broken}' "
        "BEGIN SELECT RAISE(ABORT, 'broken'); END"
    )
    assert receipts.overdue(night.app) == len(pages)
    assert receipts.overdue(night.app) == 0
    assert any("keep their time" in warning for warning in SET_ASIDE.warnings())
    SET_ASIDE.forget()


def test_silence_about_what_another_release_folded_takes_no_turn_of_the_writer(night, monkeypatch):
    begun(night)
    night.clock.at += timedelta(seconds=26)
    night.spoil("UPDATE incidents SET fold_version = fold_version + 1")
    monkeypatch.setattr(receipts, "_overdue", lambda *_asked: pytest.fail("nothing is to be done"))
    monkeypatch.setattr(type(night.app.bell), "ring", lambda _bell: pytest.fail("nothing was done"))
    assert receipts.overdue(night.app) == 0


def test_silence_that_another_node_noticed_meanwhile_rings_for_nobody(night, monkeypatch):
    begun(night)
    night.clock.at += timedelta(seconds=26)
    monkeypatch.setattr(ReceiptRows, "overdue", lambda *_asked: [])
    monkeypatch.setattr(receipts, "_overdue", lambda *_asked: pytest.fail("nothing is to be done"))
    monkeypatch.setattr(type(night.app.bell), "ring", lambda _bell: pytest.fail("nothing was done"))
    assert receipts.overdue(night.app) == 0


def test_who_can_only_be_called_is_told_nothing_quietly(night):
    night.team(reachable("bo", "voice", quiet="voice"))
    begun(night)
    night.does("cem", "acknowledge")
    night.pass_time(2)
    assert len(sent(night, "voice")) == 1


def test_calls_of_providers_are_forgotten_when_they_could_not_count_any_more(night):
    begun(night).word(night.page("voice"), Outcome.DELIVERED)
    assert receipts.forget(night.app) == 0
    night.clock.at += REMEMBERED + timedelta(seconds=1)
    assert receipts.forget(night.app) == 1
