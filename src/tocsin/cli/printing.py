"""What goes to the terminal: JSON for programs; plain, short lines for people; colours only where they show."""

from __future__ import annotations

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TextIO

WIDTH = 80
"""Columns of text; wider terminals are used by tables only, as long lines are hard to read when one is half asleep."""

_COLOURS = {"red": "31", "yellow": "33", "green": "32", "bold": "1", "dim": "2"}
_HELD_BACK = "\N{REPLACEMENT CHARACTER}"


def prepare_streams() -> None:
    """Let no character that the terminal cannot show end the program."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="replace")


def printable(text: object) -> str:
    """Text from outside without anything that steers a terminal; line breaks become spaces."""
    joined = " ".join(str(text).split()) if any(space in str(text) for space in "\n\r\t") else str(text)
    return "".join(one if one.isprintable() else _HELD_BACK for one in joined)


def colourful(stream: TextIO, environ: Mapping[str, str]) -> bool:
    """Whether colours show: only on a terminal, and never against NO_COLOR (https://no-color.org)."""
    return stream.isatty() and not environ.get("NO_COLOR") and environ.get("TERM") != "dumb"


def paint(text: str, *colours: str) -> str:
    """Text in colours (of `_COLOURS`), where standard output shows them."""
    if not text or not colours or not colourful(sys.stdout, os.environ):
        return text
    return f"\x1b[{';'.join(_COLOURS[colour] for colour in colours)}m{text}\x1b[0m"


def print_json(data: Any, *, error: bool = False) -> None:  # noqa: ANN401 - whatever JSON can say
    """One JSON value; escaped where the output cannot carry every letter, because JSON is data.

    Args:
        data: the value.
        error: write it to standard error.
    """
    stream = sys.stderr if error else sys.stdout
    every_letter = (stream.encoding or "").lower().startswith("utf")
    stream.write(json.dumps(data, ensure_ascii=not every_letter, indent=2) + "\n")


def print_lines(lines: Iterable[str]) -> None:
    """Lines for people on standard output."""
    for line in lines:
        sys.stdout.write(line + "\n")


def remark(text: str) -> None:
    """Something a person should know beside the answer; on standard error, so that a pipe does not carry it."""
    sys.stdout.flush()
    sys.stderr.write("\n".join(textwrap.wrap(text, WIDTH)) + "\n")


def table(rows: Sequence[Sequence[str]], gap: int = 2) -> list[str]:
    """Rows as aligned columns; the last column of each is cut so that the line fits.

    Args:
        rows: cells of one line each; all rows of one length.
        gap: spaces between columns.
    """
    if not rows:
        return []
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    columns = max(WIDTH, shutil.get_terminal_size((WIDTH, 24)).columns) if sys.stdout.isatty() else WIDTH
    room = max(columns - sum(widths[:-1]) - gap * (len(widths) - 1), 12)
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths[:-1], strict=True)]
        lines.append((" " * gap).join([*cells, cut(row[-1], room)]).rstrip())
    return lines


def cut(text: str, room: int) -> str:
    """Text within `room` columns, with an ellipsis where something is missing."""
    return text if len(text) <= room else text[: max(room - 1, 0)] + "…"


def wrapped(label: str, text: str, indent: int = 10) -> list[str]:
    """A labelled paragraph: the label in the margin, the text beside it."""
    lines = textwrap.wrap(text, WIDTH - indent) or [""]
    return [f"{label:<{indent}}{lines[0]}".rstrip(), *(" " * indent + line for line in lines[1:])]
