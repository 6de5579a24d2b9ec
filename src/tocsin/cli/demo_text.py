"""The demo on the screen: one line a step, what was seen below it, and the timeline as it is written."""

from __future__ import annotations

import shlex
import sys
import textwrap
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tocsin.cli.printing import paint, print_lines, printable
from tocsin.cli.times import local, parsed
from tocsin.demo.pace import Pace
from tocsin.demo.steps import Result

_WIDTH = 98
_MARGIN = 11
_LABEL = 11


class Recorder:
    """Takes down how the demo went.

    Attributes: `results` of the steps and `timeline`, both in order.
    """

    def __init__(self) -> None:
        self.results: list[Result] = []
        self.timeline: list[Mapping[str, Any]] = []

    def ended(self, result: Result) -> None:
        """A step was observed, or was not."""
        self.results.append(result)

    def happened(self, entry: Mapping[str, Any]) -> None:
        """Tocsin wrote an entry on the incident's timeline."""
        self.timeline.append(entry)

    @property
    def passed(self) -> bool:
        """Whether every step so far was observed."""
        return all(result.passed for result in self.results)

    def summary(self, pace: Pace, kept: Path | None) -> dict[str, Any]:
        """Everything as one JSON object."""
        return {
            "passed": self.passed,
            "seconds": self.results[-1].seconds if self.results else 0,
            "waits_shortened": pace.factor,
            "home": str(kept.absolute()) if kept else None,
            "steps": [
                {
                    "name": result.name,
                    "title": result.title,
                    "passed": result.passed,
                    "seconds": result.seconds,
                    "seen": [{"label": label, "text": text} for label, text in result.lines],
                }
                for result in self.results
            ],
            "timeline": self.timeline,
        }


class Teller(Recorder):
    """Tells it on standard output as it happens."""

    def ended(self, result: Result) -> None:
        """Say how a step went, and what was seen."""
        super().ended(result)
        mark = paint("✓", "green") if result.passed else paint("✗", "bold", "red")
        title = paint(result.title, "bold")
        _tell([f"{mark} {result.seconds:5.1f} s  {title}", *_seen(result)])

    def happened(self, entry: Mapping[str, Any]) -> None:
        """Say what stands on the timeline now."""
        super().happened(entry)
        _tell(_entry(entry, datetime.now(UTC)))


def opening_lines(pace: Pace) -> Iterator[str]:
    """What is about to be seen."""
    yield paint("Tocsin demo: one incident's whole life. Everything is real and on this machine only.", "bold")
    yield f"Waits until somebody answers are shortened {pace}."
    yield paint("│ marks what Tocsin itself writes on the incident's timeline.", "dim")
    yield ""


def closing_lines(audience: Recorder, kept: Path | None) -> Iterator[str]:
    """How it went, and where to look further.

    Args:
        audience: who saw it.
        kept: the home, if it was kept.
    """
    seen = sum(result.passed for result in audience.results)
    yield ""
    if audience.passed:
        took = f"{audience.results[-1].seconds:.0f} s"
        yield paint(f"All {seen} steps were observed from outside, in {took}.", "bold", "green")
    else:
        yield paint(f"{seen} steps were observed, then one was not; the demo ends here.", "bold", "red")
    if kept is None:
        yield "Everything has ended and its home is gone; --keep DIR keeps it" + (
            "." if audience.passed else ", with the logs."
        )
        return
    command = f"TOCSIN_HOME={shlex.quote(str(kept.absolute()))} tocsin"
    yield "Everything has ended; the home is kept, and the mail and the logs in it. Look at it:"
    yield f"  {command} timeline last --verify"
    yield f"  {command} tokens create --role responder   for a token to sign in with"
    yield f"  {command} serve"


def _seen(result: Result) -> Iterator[str]:
    for label, text in result.lines:
        colours = ("red",) if not result.passed and label in {"expected", "seen"} else ()
        for number, line in enumerate(_wrapped(text)):
            shown = f"{label if number == 0 else '':<{_LABEL}}"
            yield " " * _MARGIN + paint(shown, "dim") + paint(line, *colours)


def _wrapped(text: str) -> Iterator[str]:
    """Text in lines; its own line breaks stay, and an address is never broken."""
    for paragraph in text.splitlines() or [""]:
        yield from textwrap.wrap(
            printable(paragraph), _WIDTH - _MARGIN - _LABEL, break_long_words=False, break_on_hyphens=False
        ) or [""]


def _entry(entry: Mapping[str, Any], now: datetime) -> Iterator[str]:
    stamp = local(parsed(entry["at"]), now)
    room = _WIDTH - _MARGIN - len(stamp) - 3
    for number, line in enumerate(textwrap.wrap(printable(entry["summary"]), room) or [""]):
        yield paint(f"{'':{_MARGIN}}│ {stamp if number == 0 else '':<{len(stamp)}} {line}", "dim")


def _tell(lines: list[str] | Iterator[str]) -> None:
    print_lines(lines)
    sys.stdout.flush()
