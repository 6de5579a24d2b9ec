"""What people state: words that may not be missing, and whose statement it is (RULES.md *Identity and procedures*)."""

from __future__ import annotations

import re

from tocsin.domain.commands import Command
from tocsin.domain.errors import ForbiddenError, InvalidError


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


_UNPRINTED = re.compile("[\\s\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_TURNING = re.compile("[\u202a-\u202e\u2066-\u2069]")


def one_line(text: str) -> str:
    """A title as it may stand in a mail, a page and a terminal.

    Alerts carry what anybody put into them: a line break could forge a line of ours, and a character that turns the
    direction of writing would turn our own words with it.

    Args:
        text: as it came.
    """
    return _UNPRINTED.sub(" ", _TURNING.sub("", text)).strip()


def signer(command: Command) -> str:
    """The id of the person whose statement a command is.

    Raises:
        InvalidError: it is not a person who asks.
        ForbiddenError: somebody was only named; a claimed identity signs nothing, whoever may have named it.
    """
    person = command.actor.person
    if person is None:
        raise InvalidError(f"This needs a person's signature, and {command.actor.by} is not a person.")
    if command.actor.claimed:
        raise ForbiddenError(
            f"This needs {person}'s own signature, and a name given for the record (--as, --by, Tocsin-As) signs "
            "nothing. Use your own token or session, or leave the name out; nothing was changed."
        )
    return person
