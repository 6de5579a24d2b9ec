"""Text from outside, made fit for a wire: alerts may carry anything, and a title is not the place for it."""

from __future__ import annotations

import re

# C0 and C1 controls but for tab and line feed, the Unicode line ends, and halves of surrogate pairs: they end header
# lines, move terminals' cursors, or cannot be encoded at all.
_UNFIT = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


def printable(text: str) -> str:
    """The text with line ends as line feeds, and a replacement character for everything that is not for reading."""
    return _UNFIT.sub("\N{REPLACEMENT CHARACTER}", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str, limit: int) -> str:
    """The text on one line, its runs of white space as single spaces, cut to `limit` characters."""
    line = printable(" ".join(text.split()))
    return line if len(line) <= limit else line[: limit - 1] + "…"
