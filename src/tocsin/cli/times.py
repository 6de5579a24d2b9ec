"""Instants as people write and read them: local time on the terminal, aware UTC everywhere else."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from tocsin.domain.errors import InvalidError

_SPAN = re.compile(r"\+?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)(?:m|min))?(?:(\d+)s)?", re.ASCII)
_CLOCK = re.compile(r"([01]?\d|2[0-3]):([0-5]\d)", re.ASCII)
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def parsed(stamp: str) -> datetime:
    """An RFC 3339 instant as the API writes it."""
    return datetime.fromisoformat(stamp).astimezone(UTC)


def rfc3339(at: datetime) -> str:
    """An aware instant as the API reads it: UTC with a Z."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def instant(text: str, now: datetime, zone: tzinfo | None = None) -> datetime:
    """Read an instant that a person typed.

    Args:
        text: "now"; a time from now such as +2h or +1h30m; a local time of today such as 18:00; a local day with or
            without a time such as "2026-11-24 18:00"; or RFC 3339.
        now: the present, aware.
        zone: what "local" means; None is the system's.

    Returns:
        Aware UTC.

    Raises:
        InvalidError: it is none of these.
    """
    text = text.strip()
    if text == "now":
        return now.astimezone(UTC)
    if text.startswith("+"):
        return (now + span(text)).astimezone(UTC)
    clock = _CLOCK.fullmatch(text)
    if clock is not None:
        today = now.astimezone(zone).replace(tzinfo=zone, hour=int(clock[1]), minute=int(clock[2]))
        return today.replace(second=0, microsecond=0).astimezone(UTC)
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise InvalidError(
            f"'{text}' is no time that can be understood. Write 18:00, '2026-11-24 18:00' (both local), "
            "2026-11-24T17:00:00Z or +2h."
        ) from error
    return (read if read.tzinfo else read.replace(tzinfo=zone)).astimezone(UTC)


def span(text: str) -> timedelta:
    """Read a length of time such as 2h, 1h30m or 45min.

    Raises:
        InvalidError: it is no such thing.
    """
    found = _SPAN.fullmatch(text.strip())
    if found is None or not any(found.groups()):
        raise InvalidError(f"'{text}' is no length of time; write for example 45m, 2h or 1d.")
    days, hours, minutes, seconds = (int(one or 0) for one in found.groups())
    return timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)


def local(at: datetime, now: datetime, zone: tzinfo | None = None) -> str:
    """An instant for a person: the time alone today, the day with it otherwise."""
    here, today = at.astimezone(zone), now.astimezone(zone)
    if here.date() == today.date():
        return f"{here:%H:%M:%S}"
    return f"{here:%a %d %b %H:%M:%S}" if here.year == today.year else f"{here:%Y-%m-%d %H:%M:%S}"


def distance(at: datetime, now: datetime) -> str:
    """How far away an instant is: "in 4 min", "12 s ago", "now"."""
    seconds = round((at - now).total_seconds())
    if seconds == 0:
        return "now"
    return f"in {length(timedelta(seconds=seconds))}" if seconds > 0 else f"{length(timedelta(seconds=-seconds))} ago"


def length(duration: timedelta) -> str:
    """A length of time in at most two units: "45 s", "4 min", "2 h 5 min", "3 d 4 h"."""
    seconds = int(duration.total_seconds())
    if seconds < _MINUTE:
        return f"{seconds} s"
    if seconds < _HOUR:
        minutes, rest = divmod(seconds, _MINUTE)
        return f"{minutes} min {rest} s" if rest and minutes < 5 else f"{minutes} min"  # noqa: PLR2004 - seconds matter on short waits
    if seconds < _DAY:
        hours, rest = divmod(seconds, _HOUR)
        return f"{hours} h {rest // _MINUTE} min" if rest >= _MINUTE else f"{hours} h"
    days, rest = divmod(seconds, _DAY)
    return f"{days} d {rest // _HOUR} h" if rest >= _HOUR else f"{days} d"


def age(at: datetime, now: datetime) -> str:
    """How long ago an instant was, in one unit and three or four characters: "45s", "4m", "2h", "3d"."""
    seconds = max(int((now - at).total_seconds()), 0)
    for unit, size in (("d", _DAY), ("h", _HOUR), ("m", _MINUTE)):
        if seconds >= size:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


def clock_zone(at: datetime, zone: tzinfo | None = None) -> str:
    """What the local zone calls itself at an instant, such as CET."""
    return at.astimezone(zone).tzname() or "local time"
