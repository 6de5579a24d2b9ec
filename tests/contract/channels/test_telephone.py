"""What text messages and calls do beyond what every channel does."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from urllib.parse import urlsplit
from xml.etree import ElementTree as ET

import pytest

from reliability.providers import Behaviour, FakeTwilio, sign
from tests.contract.channels.peers import SECRETS, SmsPeer, VoicePeer, message, settings
from tocsin.application.ports import Answering, ChannelError, Outcome
from tocsin.channels import REGISTRY
from tocsin.channels.sending.twilio import signature, word_of
from tocsin.channels.sms import SEGMENTS, segments, text_of
from tocsin.channels.voice import AGAIN_AFTER, LONGEST, RINGS_S, script
from tocsin.domain.procedures import Telephone

IN_TIME = 10.0
KEYS = "http://127.0.0.1:8080/callbacks/twilio/keys/page-1?until=1790000000"


@pytest.fixture
def sms():
    with SmsPeer() as running:
        yield running


@pytest.fixture
def voice():
    with VoicePeer() as running:
        yield running


def refused(peer, **more):
    with pytest.raises(ChannelError) as caught:
        peer.channel.send(message(more.pop("to", peer.address), **more), IN_TIME)
    return caught.value


def test_a_text_message_says_what_why_how_to_answer_and_where(sms):
    sms.channel.send(
        message(sms.address, facts={"why": "You, because.", "link": "https://t.example.org/a/x.y"}), IN_TIME
    )
    [sent] = sms.server.messages
    assert sent.to == "+15550100001"
    assert sent.fields["From"] == sms.server.number
    assert sent.text.splitlines() == [
        "CRITICAL claudex is down",
        "You, because.",
        "Reply 123456 to take it, NO 123456 if you cannot.",
        "https://t.example.org/a/x.y",
    ]


@pytest.mark.parametrize("title", ["x" * 200, "ü" * 200, "磁盘已满" * 50, "🔥" * 100, "€" * 200, "{}[]" * 50, ""])
@pytest.mark.parametrize("why", ["You, because you are on call.", "ж" * 300, ""])
def test_a_text_message_fits_three_segments_with_its_code_and_link_whatever_it_is_about(title, why):
    link = f"https://tocsin.example.org/a/pg-{'0' * 20}.{'A' * 24}"
    text = text_of(message("+15550100001", subject=title, facts={"why": why, "link": link}))
    assert segments(text) <= SEGMENTS
    assert "Reply 123456 to take it, NO 123456 if you cannot." in text
    assert text.endswith(link)


def test_segments_are_counted_as_carriers_do():
    assert [segments("x" * count) for count in (153, 154, 459, 460)] == [1, 2, 3, 4]
    assert [segments("ж" * count) for count in (67, 68)] == [1, 2]
    assert [segments("€" * 76), segments("€" * 77), segments("🔥" * 34)] == [1, 2, 2]


def test_punctuation_of_typesetters_does_not_cost_segments():
    text = text_of(message("+15550100001", subject="CRITICAL: “claudex” – it’s down… [INC-1]"))
    assert 'CRITICAL: "claudex" - it\'s down... [INC-1]' in text
    assert text.isascii()


def test_a_post_asks_for_nothing_and_a_bundle_for_all(sms):
    plain = message(
        sms.address, urgent=False, answering=Answering("http://127.0.0.1:8080", 1), facts={"url": "https://x"}
    )
    assert text_of(plain) == "CRITICAL claudex is down\nhttps://x"
    assert "Reply 123456 to take all 12, NO" in text_of(message(sms.address, facts={"count": "12"}))
    ids = [f"INC-20261122-2142{number}" for number in range(10, 29)]
    listed = text_of(message(sms.address, facts={"count": "30", "ids": " ".join(ids)}))
    named = listed.splitlines()[1].removeprefix("Also ").split()
    assert named == [*ids[: len(named) - 1], f"+{30 - len(named)}"]
    assert (len(named) > 10, segments(listed)) == (True, SEGMENTS)
    few = text_of(message(sms.address, facts={"count": "2", "ids": ids[0]}))
    assert f"\nAlso {ids[0]}\n" in few
    assert "each" not in few
    assert "Press 1 to take all 12." in script(message(sms.address, facts={"count": "12"}), KEYS)


def test_text_messages_are_owed_a_receipt_within_half_a_minute_and_posts_are_not(sms):
    assert sms.channel.send(message(sms.address), IN_TIME).word_within == timedelta(seconds=20)
    assert sms.channel.send(message(sms.address, urgent=False), IN_TIME).word_within is None


def test_a_call_reads_the_page_twice_and_waits_for_a_key(voice):
    receipt = voice.channel.send(
        message(voice.address, facts={"title": "claudex <down> & out", "why": "You."}), IN_TIME
    )
    [call] = voice.server.calls
    assert receipt.provider_id == call.sid
    assert call.keys_url == KEYS
    assert call.fields["Timeout"] == str(RINGS_S)
    said = (
        "This is Tocsin, calling Ana. Critical: claudex <down> & out. You. Press 1 to take it. Press 2 if you cannot."
    )
    assert [each.text for each in ET.fromstring(call.fields["Twiml"]).iter("Say")] == [said, said, "Goodbye."]


def test_calls_come_in_pairs_from_one_number_and_are_owed_word_once_they_have_rung(voice):
    receipt = voice.channel.send(message(voice.address), IN_TIME)
    assert receipt.again_after == AGAIN_AFTER
    assert timedelta(seconds=60) <= AGAIN_AFTER <= timedelta(seconds=90)
    assert timedelta(seconds=RINGS_S) < receipt.word_within <= timedelta(seconds=30)
    assert voice.server.calls[0].fields["From"] == voice.server.number


@pytest.mark.parametrize("title", ["&" * 500, "<" * 500, "\x00" * 500, "x" * 5000, '"' * 300])
def test_what_a_call_says_fits_whatever_it_is_about(title):
    twiml = script(message("+15550100001", person=title, facts={"title": title, "why": title}), KEYS)
    assert len(twiml) <= LONGEST
    assert "Press 1 to take it." in "".join(ET.fromstring(twiml).itertext())


@pytest.mark.parametrize("peer_of", [SmsPeer, VoicePeer])
def test_without_a_way_back_the_page_goes_out_all_the_same(peer_of):
    with peer_of() as peer:
        public = settings(**peer.site(), public_url="https://tocsin.example.org")
        channel = REGISTRY[peer.name](public)
        receipt = channel.send(message(peer.address, answering=None), IN_TIME)
        channel.close()
        [sent] = [*peer.server.messages, *peer.server.calls]
    assert sent.status_url == ""
    assert receipt.word_within is None
    assert "Press 1" not in sent.text


def test_a_public_service_is_not_told_to_call_this_machines_own_name():
    """It would refuse the whole message."""
    account = Telephone("", "AC1", "${TWILIO_TOKEN}", "+15550100000")
    channel = REGISTRY["sms"](settings(telephone=account))
    assert channel._twilio.callback("/x", message("+15550100001")) == ""
    named = Answering("https://tocsin.example.org", 7)
    assert (
        channel._twilio.callback("/x", message("+1", answering=named)) == "https://tocsin.example.org/x/page-1?until=7"
    )
    channel.close()


@pytest.mark.parametrize(
    ("behaviour", "permanent", "says"),
    [
        (Behaviour.REFUSES, True, "400 21610: Attempt to send to unsubscribed recipient"),
        (Behaviour.BUSY, False, "429 20429: Too many requests"),
        (Behaviour.FAILS, False, "503 20503: Service is temporarily unavailable"),
    ],
)
def test_a_refusal_is_told_with_its_code(sms, behaviour, permanent, says):
    sms.server.behaviour = behaviour
    error = refused(sms)
    assert error.permanent is permanent
    assert f"Twilio's API at {sms.server.base_url} answered {says}" in error.detail


def test_a_number_that_is_none_is_an_error_for_good(sms):
    error = refused(sms, to="+1")
    assert error.permanent
    assert "21211" in error.detail


def test_a_wrong_secret_is_an_error_for_good_that_does_not_show_it(sms):
    sms.server.token = "another"
    error = refused(sms)
    assert error.permanent
    assert "401 20003" in error.detail
    assert SECRETS["${TWILIO_TOKEN}"] not in error.detail


@pytest.mark.parametrize("left_out", ["account_sid", "auth_token", "sender"])
def test_without_an_account_nothing_is_sent_and_the_error_says_what_to_set(sms, left_out):
    account = replace(sms.site()["telephone"], **{left_out: ""})
    channel = REGISTRY["sms"](settings(telephone=account))
    with pytest.raises(ChannelError, match=r"sms\.account_sid, auth_token and sender") as caught:
        channel.send(message(sms.address), IN_TIME)
    assert caught.value.permanent
    assert sms.server.requests == 0


def test_an_address_of_the_api_that_is_none_is_an_error_for_good(sms):
    channel = REGISTRY["sms"](settings(telephone=replace(sms.site()["telephone"], base_url="nowhere")))
    with pytest.raises(ChannelError, match=r"sms\.base_url") as caught:
        channel.send(message(sms.address), IN_TIME)
    assert caught.value.permanent


def test_signatures_are_twilios():
    """A published example of *Webhooks security*, and the stand-in's own idea of it."""
    form = {"CallSid": "CA1234567890ABCDE", "From": "+12349013030", "To": "+18005551212"}
    form |= {"Caller": "+12349013030", "Digits": "1234"}
    url = "https://mycompany.com/myapp.php?foo=1&bar=2"
    assert signature("12345", url, form.items()) == "0/KCTR6DLpKmkAf8muzZqo1nDgQ=" == sign("12345", url, form)


@pytest.mark.parametrize(
    ("form", "outcome", "permanent"),
    [
        ({"MessageSid": "SM1", "MessageStatus": "delivered"}, Outcome.DELIVERED, False),
        ({"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30003"}, Outcome.FAILED, False),
        ({"MessageSid": "SM1", "MessageStatus": "undelivered", "ErrorCode": "30006"}, Outcome.FAILED, True),
        ({"MessageSid": "SM1", "MessageStatus": "failed"}, Outcome.FAILED, False),
        ({"MessageSid": "SM1", "MessageStatus": "sent"}, None, False),
        ({"CallSid": "CA1", "CallStatus": "completed"}, Outcome.UNHEARD, False),
        ({"CallSid": "CA1", "CallStatus": "no-answer"}, Outcome.FAILED, False),
        ({"CallSid": "CA1", "CallStatus": "ringing"}, None, False),
        ({}, None, False),
    ],
)
def test_what_a_status_means(form, outcome, permanent):
    word = word_of(form)
    assert (word and word.outcome, bool(word and word.permanent)) == (outcome, permanent)
    assert word is None or word.provider_id in {"SM1", "CA1"}


def test_the_stand_in_refuses_what_twilio_refuses(sms):
    """A stand-in that takes everything would prove nothing."""
    assert isinstance(sms.server, FakeTwilio)
    sms.server.account = "AC-another"
    assert "404 20404" in refused(sms).detail
    assert urlsplit(sms.server.base_url).hostname == "127.0.0.1"
