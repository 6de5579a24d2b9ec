"""What Slack does beyond what every channel does."""

from __future__ import annotations

import pytest

from reliability.providers import Behaviour
from tests.contract.channels.peers import TOKEN, SlackPeer, message, settings
from tocsin.application.ports import ChannelError
from tocsin.channels import REGISTRY

IN_TIME = 10.0


@pytest.fixture
def slack():
    with SlackPeer() as running:
        yield running


def refused(channel, **more):
    with pytest.raises(ChannelError) as caught:
        channel.send(message("U012AB3CD", **more), IN_TIME)
    assert TOKEN not in caught.value.detail
    return caught.value


def test_the_person_is_mentioned_and_the_link_can_be_clicked(slack):
    slack.channel.send(message(slack.address), IN_TIME)
    [posted] = slack.server.posted
    assert posted.text == "<@U012AB3CD> CRITICAL claudex is down"
    assert posted.sections[0].startswith("<@U012AB3CD> You, because you are on call.\n")
    assert posted.sections[-1] == "<https://tocsin.example.org/a/page-1.token|Acknowledge INC-20261122-214214>"
    assert posted.payload["unfurl_links"] is False


def test_a_dash_mentions_nobody(slack):
    slack.channel.send(message("-"), IN_TIME)
    assert slack.server.posted[0].text == "CRITICAL claudex is down"


def test_a_title_can_mention_nobody_and_end_no_link(slack):
    nasty = "<!channel> <@U1> & > <https://evil.example.org|here>"
    slack.channel.send(message(slack.address, subject=nasty, text=nasty, incident_id=nasty), IN_TIME)
    [posted] = slack.server.posted
    said = posted.text.removeprefix("<@U012AB3CD> ") + posted.sections[0].removeprefix("<@U012AB3CD> ")
    assert "<" not in said
    assert posted.sections[-1].count("<") == 1


def test_a_post_has_no_link_to_acknowledge(slack):
    slack.channel.send(message(slack.address, urgent=False, facts={}), IN_TIME)
    assert len(slack.server.posted[0].sections) == 1


@pytest.mark.parametrize(
    ("behaviour", "permanent", "says"),
    [
        (Behaviour.REFUSES, True, "410 channel_is_archived"),
        (Behaviour.BUSY, False, "429 rate_limited"),
        (Behaviour.FAILS, False, "500 rollup_error"),
    ],
)
def test_a_refusal_is_told_in_slacks_own_word(slack, behaviour, permanent, says):
    slack.server.behaviour = behaviour
    error = refused(slack.channel)
    assert error.permanent is permanent
    assert f"Slack's webhook answered {says} and" in error.detail


def test_a_webhook_that_was_revoked_is_an_error_for_good(slack):
    channel = REGISTRY["slack"](settings(slack_webhook=f"{slack.server.base_url}/services/T1/B1/{TOKEN}"))
    error = refused(channel)
    assert error.permanent
    assert "404 no_service" in error.detail
    channel.close()


@pytest.mark.parametrize("url", ["", "hooks.slack.com/services/x", "ftp://hooks.slack.com/x"])
def test_without_a_usable_webhook_nothing_is_sent_and_the_error_says_what_to_set(url):
    channel = REGISTRY["slack"](settings(slack_webhook=url))
    error = refused(channel)
    assert error.permanent
    assert "slack.webhook_url" in error.detail
    channel.close()
