"""Shortened waits: the same procedures with the ladder that is climbed until somebody answers divided by a number.

Only the waits for an answer are shortened. What happens once somebody has acknowledged keeps its real length, so a slow
machine does not page anybody again in the middle of the demo.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Final

from ruamel.yaml import YAML

from tocsin.procedures.spans import parse_span, show_span

_PROCEDURES: Final = "procedures.yaml"
_TOLD_BY: Final = timedelta(minutes=5)
_WORDS: Final = {"never", "as needed", "next business day"}


@dataclass(frozen=True, slots=True)
class Pace:
    """How much shorter the waits for an answer are.

    Args:
        factor: 60 turns five minutes into five seconds.
    """

    factor: int

    def __str__(self) -> str:
        return f"{self.factor}×: {show_span(_TOLD_BY)} is {show_span(self.of(_TOLD_BY))} here"

    def of(self, wait: timedelta) -> timedelta:
        """The shortened wait, in whole seconds and never less than one: procedures know nothing shorter."""
        return timedelta(seconds=max(1, round(wait.total_seconds() / self.factor)))


ORDINARY: Final = Pace(60)
FAST: Final = Pace(150)


def shorten(procedures: Path, pace: Pace) -> None:
    """Rewrite a procedures directory so that ladders climb faster; comments and everything else stay as they are.

    Args:
        procedures: the directory with `procedures.yaml`.
        pace: how much faster.

    Raises:
        OSError: the file cannot be read or written.
    """
    path = procedures / _PROCEDURES
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    document = yaml.load(path.read_text(encoding="utf-8"))
    for rules in document["severities"].values():
        for rung in rules["unacknowledged"]:
            rung["after"] = _shortened(rung["after"], pace)
        for name in ("repeat_every", "respond_within"):
            rules[name] = _shortened(rules[name], pace)
    with path.open("w", encoding="utf-8") as file:
        yaml.dump(document, file)


def _shortened(written: object, pace: Pace) -> object:
    """A wait as the file writes it: a length of time; 0 and the words that are no length stay."""
    if not isinstance(written, str) or written in _WORDS:
        return written
    return show_span(pace.of(parse_span(written)))
