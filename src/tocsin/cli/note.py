"""`tocsin note`."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from tocsin.cli.asking import ask, give
from tocsin.cli.incident_text import moved
from tocsin.cli.options import As, Json
from tocsin.domain.errors import InvalidError

Words = Annotated[
    list[str], typer.Argument(metavar="TEXT INC", help="What to write down, and the incident; INC TEXT does as well.")
]

_NAMES_AN_INCIDENT = re.compile(r"last|INC-\S+|[\d-]*\d{4,6}(-\d+)?", re.ASCII)


def note(words: Words, *, as_: As = "", as_json: Json = False) -> None:
    """Write something down on the timeline.

    Example: tocsin note "restarted the queue, watching" last
    """
    incident, text = split(words)
    answer = ask("note", {"text": text}, acting=as_, incident=incident)
    give(answer, moved(answer, "noted"), as_json=as_json)


def split(words: list[str]) -> tuple[str, str]:
    """Tell the incident from the text: the incident comes last, as with every verb, or first.

    Args:
        words: all that was typed.

    Returns:
        The incident's name, and the text.

    Raises:
        InvalidError: there is no text, or neither end names an incident.
    """
    if len(words) < 2:  # noqa: PLR2004 - a text and an incident
        raise InvalidError('A note needs a text and an incident: tocsin note "restarted the queue" last.')
    if _NAMES_AN_INCIDENT.fullmatch(words[-1]):
        return words[-1], " ".join(words[:-1])
    if _NAMES_AN_INCIDENT.fullmatch(words[0]):
        return words[0], " ".join(words[1:])
    raise InvalidError(
        f"Neither '{cut_short(words[0])}' nor '{cut_short(words[-1])}' names an incident, so nothing was noted. "
        'Put the text in quotes and the incident behind it: tocsin note "restarted the queue" last.'
    )


def cut_short(text: str) -> str:
    """The beginning of a text, for a message."""
    return text if len(text) <= 30 else text[:29] + "…"  # noqa: PLR2004 - enough to recognise it
