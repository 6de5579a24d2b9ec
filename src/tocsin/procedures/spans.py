"""Lengths of time as people write them: "30s", "5 min", "1 h 30 min"."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Final

HOW_TO_WRITE: Final = "30s, 5 min, 2 h or 1 h 30 min"
"""What a length of time looks like, for error messages."""

PATTERN: Final = r"^\s*([0-9]{1,6}\s*(s|sec|seconds?|m|min|minutes?|h|hours?|d|days?|w|weeks?)\s*)+$"
"""The same for JSON Schema."""

LONGEST: Final = timedelta(days=366)
"""Anything longer is taken for a slip of the finger."""

_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_WHOLE: Final = re.compile(PATTERN, re.ASCII)
_PART: Final = re.compile(r"([0-9]+)\s*([a-z])[a-z]*", re.ASCII)
_LONGEST_TEXT: Final = 60


def parse_span(text: str) -> timedelta:
    """Read a length of time.

    Args:
        text: one or more numbers with a unit each: seconds, minutes ("m" as in Prometheus), hours, days, weeks.

    Returns:
        The whole span, in whole seconds.

    Raises:
        ValueError: the text is not a length of time, or longer than `LONGEST`; the message says what would be right.
    """
    written = text.strip().lower()
    if len(written) > _LONGEST_TEXT or not _WHOLE.match(written):
        raise ValueError(f"{text[:_LONGEST_TEXT]!r} is not a length of time; write {HOW_TO_WRITE}")
    span = timedelta(seconds=sum(int(number) * _SECONDS[unit] for number, unit in _PART.findall(written)))
    if span > LONGEST:
        raise ValueError(f"{text!r} is longer than {LONGEST.days} days; write a shorter span")
    return span


def show_span(span: timedelta) -> str:
    """A length of time as people write it, such as "1 h 30 min".

    Args:
        span: in whole seconds.
    """
    left, parts = int(span.total_seconds()), []
    for unit, seconds in (("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, seconds)
        if count:
            parts.append(f"{count} {unit}")
    return " ".join(parts) or "0"
