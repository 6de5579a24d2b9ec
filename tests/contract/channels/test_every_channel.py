"""What every channel promises; a new channel joins by its line in `PEERS` (docs/channels.md)."""

from __future__ import annotations

import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.contract.channels.peers import PEERS, SECRETS, TOKEN, Mood, message
from tocsin.application.ports import ChannelError
from tocsin.channels import REGISTRY

IN_TIME = 10.0
"""Seconds that are plenty here."""


def test_every_channel_of_the_registry_is_held_to_this_contract():
    assert sorted(PEERS) == sorted(REGISTRY)


def test_a_message_arrives_whole_and_counts_as_taken_but_not_as_delivered(peer):
    """R24: what a provider took is accepted; delivered needs a receipt."""
    sent = message(peer.address)
    receipt = peer.channel.send(sent, IN_TIME)
    (received,) = peer.received()
    assert received.text == sent.text if peer.whole else peer.arrives(sent) in received.text
    assert not receipt.delivered


def test_the_page_id_is_the_idempotency_key_so_that_a_duplicate_is_recognised(peer):
    for page_id in ("page-1", "page-2", "page-1"):
        peer.channel.send(message(peer.address, page_id=page_id), IN_TIME)
    assert [received.key for received in peer.received()] == ["page-1", "page-2", "page-1"]


def test_a_post_that_wakes_nobody_goes_out_too(peer):
    peer.channel.send(message(peer.address, urgent=False, facts={}), IN_TIME)
    assert len(peer.received()) == 1


@pytest.mark.parametrize("field", ["subject", "person", "text"])
@pytest.mark.parametrize(
    "nasty",
    [
        "Ünïcode, 中文 and 😀",
        "one\r\nBcc: eve@example.org\r\n\r\ntwo",
        "one\n.\nQUIT\ntwo",
        "x" * 5_000,
        "word " * 1_000,
        "ü" * 3_000,
        "\x1b[2J\x07\0\x85\u2028",
        "half a pair: \ud800",
        '"<script>alert(1)</script>" <eve@example.org>',
        "=?utf-8?q?encoded?= \\ \" ' , ; :",
        "",
    ],
)
def test_whatever_an_alert_is_called_one_message_arrives_and_it_is_that_one(peer, field, nasty):
    text = {"text": f"{nasty}\nthe last line\n"} if field == "text" else {field: nasty}
    peer.channel.send(message(peer.address, **text), IN_TIME)
    (received,) = peer.received()
    assert received.key == "page-1"
    if field == "text":
        assert received.text.endswith("\nthe last line\n") or not peer.whole
    else:
        assert peer.arrives(message(peer.address)) in received.text


@pytest.mark.parametrize(("mood", "permanent"), [(Mood.NEVER, True), (Mood.NOT_NOW, False)])
def test_a_refusal_says_whether_trying_again_can_help(peer, mood, permanent):
    peer.mood = mood
    with pytest.raises(ChannelError) as caught:
        peer.channel.send(message(peer.address), IN_TIME)
    assert caught.value.permanent is permanent
    assert caught.value.detail.endswith((".", "?"))
    assert "\n" not in caught.value.detail
    assert peer.received() == []


@pytest.mark.parametrize("mood", [Mood.NEVER, Mood.NOT_NOW])
def test_after_a_refusal_the_channel_works_as_before(peer, mood):
    peer.channel.send(message(peer.address), IN_TIME)
    peer.mood = mood
    with pytest.raises(ChannelError):
        peer.channel.send(message(peer.address), IN_TIME)
    peer.mood = Mood.TAKES
    peer.channel.send(message(peer.address), IN_TIME)
    assert len(peer.received()) == 2


@pytest.mark.parametrize("mood", [Mood.NEVER, Mood.NOT_NOW])
def test_no_secret_shows_in_an_error_even_if_the_far_side_repeats_it(peer, mood):
    peer.mood = mood
    with pytest.raises(ChannelError) as caught:
        peer.channel.send(message(peer.address), IN_TIME)
    shown = repr(caught.value) + "".join(traceback.format_exception(caught.value))
    assert [secret for secret in (*SECRETS.values(), TOKEN) if secret in shown] == []


def test_a_far_side_that_does_not_answer_is_given_up_at_the_deadline_and_may_be_tried_again(peer):
    peer.mood = Mood.SILENT
    started = time.monotonic()
    with pytest.raises(ChannelError) as caught:
        peer.channel.send(message(peer.address), 0.5)
    assert 0.4 < time.monotonic() - started < 3
    assert not caught.value.permanent
    assert "0.5 s" in caught.value.detail


def test_many_threads_may_send_at_once_and_nothing_is_lost_or_mixed(peer):
    sent = [message(peer.address, page_id=f"page-{n}", text=f"text {n}\n") for n in range(24)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda one: peer.channel.send(one, IN_TIME), sent))
    received = {one.key: one.text for one in peer.received()}
    assert len(peer.received()) == len(sent)
    assert set(received) == {one.page_id for one in sent}
    assert all(peer.arrives(one) in received[one.page_id] for one in sent)


def test_a_channel_can_be_closed_twice(peer):
    peer.channel.send(message(peer.address), IN_TIME)
    peer.channel.close()
    peer.channel.close()
