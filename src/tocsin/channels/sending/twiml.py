"""TwiML: what the service says, asks or writes back on our behalf; XML, with everything from outside escaped."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from tocsin.channels.sending.text import printable

NOTHING = "<Response/>"
KEY_WITHIN_S = 10
"""How long a person has to press a key after the last word."""


def say(words: str) -> str:
    """Read something aloud, then hang up."""
    return f"<Response>{_said(words)}</Response>"


def ask(words: str, keys: str) -> str:
    """Read something aloud, twice, and wait for one key.

    Args:
        words: to be read.
        keys: the address that hears of the key; empty when nobody can be told.
    """
    twice = f'{_said(words)}<Pause length="1"/>{_said(words)}'
    action = f'action={quoteattr(keys)} method="POST"'
    asking = f'<Gather numDigits="1" timeout="{KEY_WITHIN_S}" {action}>{twice}</Gather>' if keys else twice
    return f"<Response>{asking}{_said('Goodbye.')}</Response>"


def write(words: str) -> str:
    """Answer a text message with another."""
    return f"<Response><Message>{escape(printable(words))}</Message></Response>"


def _said(words: str) -> str:
    return f"<Say>{escape(printable(words))}</Say>"
