"""A real server and a stand-in for Twilio: what people answer counts, what others send does not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reliability import night as nights
from reliability.night import Night, until


@pytest.fixture(scope="module")
def night() -> Iterator[Night]:
    """One server for all; each test has an incident of its own."""
    with Night() as running:
        yield running


def test_a_key_acknowledges(night):
    figures = nights.answered_by_key(night)
    assert figures["holds"], figures


def test_a_text_reply_acknowledges(night):
    figures = nights.answered_by_text(night)
    assert figures["holds"], figures


def test_calls_back_that_are_forged_stale_or_repeated_change_nothing(night):
    figures = nights.refused(night)
    assert figures["holds"], figures


def test_a_provider_that_takes_and_loses_is_passed_over_within_half_a_minute(night):
    figures = nights.lost(night)
    assert figures["holds"], figures


def test_receipts_make_pages_delivered_and_what_did_not_arrive_goes_on_at_once(night):
    incident = night.declare("Receipts")
    night.twilio.report(night.sent(incident, "calls"), "busy")
    night.twilio.report(night.sent(incident, "messages"), "delivered")
    assert night.page(incident, "voice")["state"] == "failed"
    assert night.page(incident, "sms")["state"] == "delivered"
    until(lambda: night.page(incident, "email")["state"] == "accepted", 10)  # by her rules it would be half an hour


def test_a_test_page_goes_by_every_way(night):
    calls, messages = len(night.twilio.calls), len(night.twilio.messages)
    mails = len(night.sink.messages)
    assert night.server.cli("test-page", "ana").returncode == 0
    until(lambda: len(night.twilio.calls) > calls and len(night.twilio.messages) > messages)
    until(lambda: any(mail.subject.startswith("TEST") for mail in night.sink.messages[mails:]))
    [posted] = until(lambda: night.slack.posted)
    assert posted.text == "<@U012AB3CD> TEST page for Ana: nothing is broken"
    call, message = night.twilio.calls[-1], night.twilio.messages[-1]
    assert "TEST page for Ana: nothing is broken" in call.text
    assert message.text.startswith("TEST page for Ana: nothing is broken")
    assert "Reply" not in message.text
    assert "only a test" in night.twilio.press(call, "7").text
    assert night.twilio.report(message, "delivered").status_code == 204
