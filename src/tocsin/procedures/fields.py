"""The kinds of values that procedures are written with, each with what would be right when it is not."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, time, timedelta
from difflib import get_close_matches
from typing import Annotated, Any, Final
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    StringConstraints,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from tocsin.channels import REGISTRY
from tocsin.domain.people import dialled
from tocsin.domain.policy import Wait
from tocsin.procedures.secret import is_reference
from tocsin.procedures.spans import HOW_TO_WRITE, PATTERN, parse_span

CHANNELS: Final = tuple(REGISTRY)
"""The names a contact, a notification rule or a rung may use."""

LEVELS: Final = (1, 2, 3, 4)
"""The levels of R71-R74."""


class Strict(BaseModel):
    """A mapping whose keys are known; any other key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


def as_written(text: str) -> Any:  # noqa: ANN401 - stands for a value of whatever type the field has
    """A field's default, the way people would write it, so that a schema shows it so."""
    return Field(default=text, validate_default=True)


def wrong(message: str, *at: str | int) -> PydanticCustomError:
    """An error to raise from a validator.

    Args:
        message: what is wrong; what would be right.
        at: the way from the value being validated to the part that is wrong.
    """
    return PydanticCustomError("wrong", "{message}", {"message": message, "at": at})


def nearest(word: str, words: tuple[str, ...]) -> str:
    """A hint for a mistyped word: "did you mean …?", else all the words that would be right."""
    close = get_close_matches(word, words, n=1) or [known for known in words if known.lower() == word.lower()]
    if close:
        return f"did you mean {close[0]!r}?"
    most, last = ", ".join(words[:-1]), words[-1] if words else "nothing yet"
    return f"it can be {most} or {last}" if most else f"it can be {last}"


def _text(value: object, like: str) -> str:
    if not isinstance(value, str):
        raise wrong(f"{shown(value)} is not text; write {like}")
    return value.strip()


def shown(value: object) -> str:
    """A value as it would stand in the file, short enough for a message."""
    match value:
        case None:
            return "an empty value"
        case bool():
            return str(value).lower()
        case dict():
            return "a mapping"
        case list():
            return "a list"
        case _:
            text = repr(value)
            return text if len(text) <= 60 else text[:57] + "…'"  # noqa: PLR2004 - what fits on a line with the rest


# ── lengths of time ──────────────────────────────────────────────────────────────────────────────────────────────


def _span(value: object) -> timedelta:
    if str(value).strip() == "0":
        return timedelta(0)
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        raise wrong(f"{value} has no unit; write {value}s, {value} min or {value} h")
    if not isinstance(value, str):
        raise wrong(f"{shown(value)} is not a length of time; write {HOW_TO_WRITE}")
    try:
        return parse_span(value)
    except ValueError as error:
        raise wrong(str(error)) from error


def _positive(value: object) -> timedelta:
    span = _span(value)
    if not span:
        raise wrong(f"this cannot be zero; write {HOW_TO_WRITE}")
    return span


def _span_or_wait(value: object) -> timedelta | Wait:
    if isinstance(value, str) and " ".join(value.lower().split()) == Wait.NEXT_BUSINESS_DAY.value:
        return Wait.NEXT_BUSINESS_DAY
    return _span(value)


def _span_or(*words: str) -> Callable[[object], timedelta | None]:
    def read(value: object) -> timedelta | None:
        return None if isinstance(value, str) and " ".join(value.lower().split()) in words else _positive(value)

    return read


def _stored(span: timedelta | Wait | None) -> int | str | None:
    """Whole seconds, the word for a wait, or null: how a span is kept with a version."""
    match span:
        case timedelta():
            return int(span.total_seconds())
        case Wait():
            return span.value
        case None:
            return None


def _span_schema(*words: str | int) -> WithJsonSchema:
    written: dict[str, Any] = {"type": "string", "pattern": PATTERN, "examples": ["30s", "5 min", "2 h"]}
    return WithJsonSchema({"anyOf": [written, {"enum": list(words)}]} if words else written, mode="validation")


_AS_STORED: Final = PlainSerializer(_stored)

Span = Annotated[timedelta, PlainValidator(_positive), _AS_STORED, _span_schema()]
SpanFromZero = Annotated[timedelta, PlainValidator(_span), _AS_STORED, _span_schema(0, "0")]
SpanOrWait = Annotated[
    timedelta | Wait, PlainValidator(_span_or_wait), _AS_STORED, _span_schema(0, "0", Wait.NEXT_BUSINESS_DAY.value)
]
SpanOrNever = Annotated[timedelta | None, PlainValidator(_span_or("never")), _AS_STORED, _span_schema("never")]
SpanOrAsNeeded = Annotated[
    timedelta | None, PlainValidator(_span_or("as needed", "never")), _AS_STORED, _span_schema("as needed")
]

# ── days and hours ───────────────────────────────────────────────────────────────────────────────────────────────

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_DAYS_LIKE: Final = "mon-fri, or a list such as [mon, wed, sat]"
_CLOCK: Final = re.compile(r"([01]?[0-9]|2[0-4]):([0-5][0-9])", re.ASCII)


def _time_of_day(value: object) -> time:
    text = _text(value, '"09:00"')
    found = _CLOCK.fullmatch(text)
    if not found or (found[1] == "24" and found[2] != "00"):
        raise wrong(f'{text!r} is not a time of day; write it like "09:00" or "17:30"')
    return time(int(found[1]) % 24, int(found[2]))


def _day(word: object, *at: int) -> int:
    short = str(word).strip().lower()[:3]
    if short not in _DAYS:
        raise wrong(f"{shown(word)} is not a day of the week; write {_DAYS_LIKE}", *at)
    return _DAYS.index(short) + 1


def _days(value: object) -> tuple[int, ...]:
    if isinstance(value, list):
        days = {_day(word, position) for position, word in enumerate(value)}
    else:
        days = set()
        for piece in _text(value, _DAYS_LIKE).split(","):
            first, _, last = piece.partition("-")
            start, end = _day(first), _day(last or first)
            days |= {(start - 1 + step) % 7 + 1 for step in range((end - start) % 7 + 1)}
    if not days:
        raise wrong(f"no day is named; write {_DAYS_LIKE}")
    return tuple(sorted(days))


def _date(value: object) -> date:
    text = _text(value, "a date as 2026-12-25")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise wrong(f"{text!r} is not a date; write year-month-day, such as 2026-12-25") from error


def _iso(value: date | time) -> str:
    return value.isoformat()


def _zone(value: object) -> str:
    text = _text(value, "the name of a time zone, such as Europe/Berlin")
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError) as error:
        close = get_close_matches(text, sorted(available_timezones()), n=1)
        hint = f"did you mean {close[0]!r}?" if close else "write a name such as UTC or Europe/Berlin"
        raise wrong(f"{text!r} is not a time zone; {hint}") from error
    return text


_ISO: Final = PlainSerializer(_iso)

Days = Annotated[
    tuple[int, ...],
    PlainValidator(_days),
    PlainSerializer(list),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "examples": ["mon-fri"]}, {"type": "array", "items": {"enum": list(_DAYS)}}]}
    ),
]
TimeOfDay = Annotated[
    time, PlainValidator(_time_of_day), _ISO, WithJsonSchema({"type": "string", "pattern": f"^{_CLOCK.pattern}$"})
]
Date = Annotated[date, PlainValidator(_date), _ISO, WithJsonSchema({"type": "string", "format": "date"})]
Zone = Annotated[str, PlainValidator(_zone), WithJsonSchema({"type": "string", "examples": ["UTC", "Europe/Berlin"]})]

# ── names, words, addresses ──────────────────────────────────────────────────────────────────────────────────────

_MAIL: Final = re.compile(r"[^@\s<>,;:\"()]+@[^@\s<>,;:\"()]+")
_DIALLED: Final = re.compile(r"\+[1-9][0-9]{6,14}", re.ASCII)
_MEMBER: Final = re.compile(r"-|[UW][A-Z0-9]{2,20}", re.ASCII)


def is_mail_address(text: str) -> bool:
    """Whether the text is a bare mail address: no name around it, no spaces."""
    return _MAIL.fullmatch(text) is not None


def is_web_address(text: str) -> bool:
    """Whether the text is an http or https address with a host."""
    try:
        parts = urlsplit(text)
        return (
            parts.scheme in {"http", "https"}
            and bool(parts.hostname)
            and not re.search(r"\s", text)
            and (parts.port is None or parts.port > 0)
        )
    except ValueError:
        return False


def is_phone_number(text: str) -> bool:
    """Whether the text is a number as it is dialled from anywhere (E.164), spaces and the like between its digits."""
    return _DIALLED.fullmatch(dialled(text)) is not None


def is_slack_member(text: str) -> bool:
    """Whether the text is a Slack member's id, or "-" for nobody in particular."""
    return _MEMBER.fullmatch(text) is not None


def _web_address(text: str) -> str:
    if text and not is_web_address(text):
        raise wrong(f"{shown(text)} is not a web address; write it with its scheme: https://status.example.org")
    return text.rstrip("/")


def _mail_address(text: str) -> str:
    if not is_mail_address(text):
        raise wrong(f"{shown(text)} is not a mail address; write the bare address: tocsin@example.org")
    return text


def _secret(text: str) -> str:
    if text and not is_reference(text):
        raise wrong(
            "a secret is never written into this file; write ${NAME} for a variable of Tocsin's environment, "
            "or file:/path for a file that only Tocsin can read"
        )
    return text


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise wrong("this is more than one line, or has control characters in it; write it on one line")
    return text


def _level(value: object) -> int:
    if isinstance(value, bool) or str(value) not in map(str, LEVELS):
        raise wrong(f"{shown(value)} is not a level; levels are 1, 2, 3 and 4")
    return int(str(value))


def _channel(value: object) -> str:
    text = _text(value, " or ".join(CHANNELS))
    if text not in CHANNELS:
        raise wrong(f"{text!r} is not a channel; {nearest(text, CHANNELS)}")
    return text


Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2000)]
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200), AfterValidator(_one_line)]
Id = Annotated[str, StringConstraints(max_length=64, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
WebAddress = Annotated[str, AfterValidator(_web_address)]
MailAddress = Annotated[str, AfterValidator(_mail_address)]
IS_SECRET: Final = AfterValidator(_secret)
Secret = Annotated[str, IS_SECRET]
Level = Annotated[int, PlainValidator(_level), WithJsonSchema({"enum": list(LEVELS)})]
Levels = Annotated[tuple[Level, ...], Field(max_length=len(LEVELS))]
Channel = Annotated[str, PlainValidator(_channel), WithJsonSchema({"enum": list(CHANNELS)})]
