"""Channels: the ways out to people. One module per channel and one line below for each (docs/channels.md)."""

from __future__ import annotations

from collections.abc import Callable

from tocsin.application.ports import Channel
from tocsin.channels.console import Console
from tocsin.channels.email import Email
from tocsin.channels.sending.settings import ChannelSettings
from tocsin.channels.slack import Slack
from tocsin.channels.sms import Sms
from tocsin.channels.voice import Voice
from tocsin.channels.webhook import Webhook

__all__ = ["MACHINES", "REGISTRY", "ChannelSettings"]

REGISTRY: dict[str, Callable[[ChannelSettings], Channel]] = {
    "email": Email,
    "sms": Sms,
    "voice": Voice,
    "slack": Slack,
    "webhook": Webhook,
    "console": Console,
}
"""Every channel by the name that contacts and notification rules use."""

MACHINES = frozenset({"webhook", "console"})
"""Channels that programs read: they get each page by itself. What goes by any other is gathered for its reader
(docs/delivery-promise.md)."""
