"""A provider that misbehaves: a small part of `python -m reliability.providers`."""

from __future__ import annotations

from reliability.providers.faults import WITHIN_S, all_but_webhooks
from reliability.providers.loopback import Behaviour
from reliability.providers.overtaking import BEFORE_AT_MOST, overtaking

PEOPLE = 6
QUEUE = 1_000


def test_when_providers_answer_a_byte_now_and_then_every_next_way_is_tried_within_half_a_minute():
    """Six people and four workers: without the breaker the last of them would wait three times eight seconds."""
    tried = all_but_webhooks(Behaviour.DRIPS, PEOPLE)
    print(*(one.facts() for one in tried), sep="\n")
    assert {one.channel for one in tried} == {"email", "sms", "voice", "slack"}
    for one in tried:
        assert (one.pages, one.lost, one.given_up) == (2 * PEOPLE, 0, 0)
        assert one.seconds[-1] <= WITHIN_S


def test_a_critical_page_goes_before_a_thousand_low_ones_that_wait_already():
    seen = overtaking(QUEUE)
    print(seen.facts())
    assert seen.queued >= QUEUE
    assert seen.before <= BEFORE_AT_MOST
