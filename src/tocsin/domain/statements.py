"""What people state: words that may not be missing, and whose statement it is (RULES.md *Identity and procedures*)."""

from __future__ import annotations

from tocsin.domain.commands import Command
from tocsin.domain.errors import InvalidError


def required(text: str, sentence: str) -> str:
    """The words, without what surrounds them.

    Args:
        text: what was written.
        sentence: why words are needed, for the error.

    Raises:
        InvalidError: nothing was written.
    """
    if not text.strip():
        raise InvalidError(f"{sentence}; it was left empty, and nothing was changed.")
    return text.strip()


def signer(command: Command) -> str:
    """The id of the person whose statement a command is.

    Raises:
        InvalidError: it is not a person who asks.
    """
    person = command.actor.person
    if person is None:
        raise InvalidError(f"This needs a person's signature, and {command.actor.by} is not a person.")
    return person
