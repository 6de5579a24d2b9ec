"""The channels as a running node makes them, from the environment and the company's values."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.contract.channels.peers import SECRETS, SITE, message
from tocsin.application.ports import ChannelError
from tocsin.bootstrap import Switchboard

SIGNED = {"HOOK_SECRET": SECRETS["${WEBHOOK_SECRET}"]}
HERE = replace(SITE, webhook_secret="${HOOK_SECRET}")
PUBLIC = "https://tocsin.example.org"


@pytest.mark.parametrize(
    ("environ", "settings_say", "site_says", "sent"),
    [
        ({}, "", "http://127.0.0.1:8080", True),
        ({}, "", PUBLIC, False),
        ({}, PUBLIC, "http://127.0.0.1:8080", False),  # the settings win, as everywhere
        ({"TOCSIN_ALLOW_PRIVATE": "1"}, "", PUBLIC, True),
        ({"TOCSIN_ALLOW_PRIVATE": "0"}, "", PUBLIC, False),
    ],
)
def test_webhooks_reach_this_machine_only_if_tocsin_is_on_it_alone_or_was_told_so(
    hook, environ, settings_say, site_says, sent
):
    switchboard = Switchboard({**SIGNED, **environ}, settings_say)
    switchboard.connect(replace(HERE, public_url=site_says))
    try:
        switchboard["webhook"].send(message(hook.address), 10)
    except ChannelError as error:
        assert "TOCSIN_ALLOW_PRIVATE=1" in error.detail  # noqa: PT017 - whether it raises is what differs
    finally:
        switchboard.close()
    assert bool(hook.received()) is sent
