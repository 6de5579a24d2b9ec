"""Voice: calls that read a page aloud and take a key for an answer, through Twilio's API.

What is said goes out with the call, so it is heard even when this server has died meanwhile. Calls come in pairs from
one number within three minutes: phones that let nothing through at night let the second one through (RULES.md).
"""

from __future__ import annotations

from datetime import timedelta

from tocsin.application.ports import Message, Receipt
from tocsin.channels.sending import twiml
from tocsin.channels.sending.settings import ChannelSettings
from tocsin.channels.sending.text import one_line
from tocsin.channels.sending.twilio import KEYS, STATUS, Twilio, all_of, count_of

RINGS_S = 20
"""Seconds a phone rings: most voice boxes answer later."""
WORD_WITHIN = timedelta(seconds=RINGS_S + 5)
AGAIN_AFTER = timedelta(seconds=75)
"""After the first call has ended, and well within the three minutes for which phones remember it."""

LONGEST = 4000
"""Characters of `Twiml` that the API takes."""
_WORDS = 240
TEST = "TEST"
"""What stands for the incident in a message that is only a test."""


class Voice:
    """Makes calls.

    Args:
        settings: site (the account and its number), and how to read the secret.
    """

    def __init__(self, settings: ChannelSettings) -> None:
        self._twilio = Twilio(settings)

    def send(self, message: Message, deadline: float) -> Receipt:
        """Have the service call; see `Channel.send`."""
        keys, status = self._twilio.callback(KEYS, message), self._twilio.callback(STATUS, message)
        fields = [("Twiml", script(message, keys)), ("Timeout", str(RINGS_S))]
        if status:
            fields += [("StatusCallback", status), ("StatusCallbackMethod", "POST")]
        sid = self._twilio.create("Calls", message.to, fields, deadline)
        return Receipt(sid, word_within=WORD_WITHIN if status else None, again_after=AGAIN_AFTER)

    def close(self) -> None:
        """Close all connections."""
        self._twilio.close()


def script(message: Message, keys: str) -> str:
    """What a call says, twice, as TwiML.

    Args:
        message: what it is about.
        keys: the address that hears of a pressed key; empty when nobody can be told.
    """
    whole = twiml.ask(_words(message, _WORDS), keys)
    return whole if len(whole) <= LONGEST else twiml.ask(_words(message, _WORDS // 6), keys)


def _words(message: Message, limit: int) -> str:
    title = one_line(message.facts.get("title") or message.subject, limit)
    why = one_line(message.facts.get("why", ""), limit)
    person = one_line(message.person, 40)
    first = f"{message.subject}." if message.incident_id == TEST else f"{message.severity.value.title()}: {title}."
    return f"This is Tocsin, calling {person}. {one_line(first, limit)} {why}{_press(message)}".replace("..", ".")


def _press(message: Message) -> str:
    if message.incident_id == TEST:
        return " Press any key to show that you heard this."
    if message.answering is None or not message.answering.code:
        return ""
    return f" Press 1 to take {all_of(count_of(message))}. Press 2 if you cannot."
