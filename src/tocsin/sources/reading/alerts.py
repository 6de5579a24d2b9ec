"""The alert object that Prometheus, Alertmanager and Grafana have in common, and how a payload of them is read.

This is the hot path: a sound payload is decoded whole, by one typed decoder, in about three microseconds per alert.
Only when that fails are the alerts taken apart and read one by one, so that the sound ones are kept and each of the
others is answered by a sentence for whoever operates the sender.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from typing import Annotated

import msgspec

from tocsin.domain.alerts import Rejection, Signal
from tocsin.domain.errors import InvalidError
from tocsin.sources.reading import faults
from tocsin.sources.reading.limits import FIRST_YEAR, MAX_DAMAGED, MAX_LABELS, MAX_NAME, MAX_TEXT, MAX_VALUE
from tocsin.sources.reading.parsed import Parsed
from tocsin.sources.reading.siblings import split

_Name = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_NAME)]
_Value = Annotated[str, msgspec.Meta(max_length=MAX_VALUE)]
_Instant = Annotated[datetime, msgspec.Meta(tz=True)]


class Alert(msgspec.Struct, gc=False, rename="camel"):
    """One alert on the wire; Go writes a map that was never made as null."""

    labels: Annotated[dict[_Name, _Value], msgspec.Meta(min_length=1, max_length=MAX_LABELS)]
    annotations: dict[str, str] | None = None
    starts_at: _Instant | None = None
    ends_at: _Instant | None = None
    generator_url: str | None = msgspec.field(default=None, name="generatorURL")

    @property
    def firing(self) -> bool:
        """Whether the sender says it fires; a format without a status only sends what does."""
        return True


@dataclass(frozen=True, slots=True)
class Shape:
    """How one format wraps its alerts.

    Args:
        called: what a sound payload is, in words.
        whole: reads all alerts of a sound payload.
        alert: reads one alert.
        parts: reads the list of alerts without looking into them.
        depth: how many brackets are open around an alert.
    """

    called: str
    whole: Callable[[bytes], Sequence[Alert]]
    alert: Callable[[bytes], Alert]
    parts: Callable[[bytes], Sequence[msgspec.Raw]]
    depth: int


# What reading a text that anybody may have written can end in.
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError)


def read(body: bytes, shape: Shape) -> Parsed:
    """Read a payload of alerts: whole if it is sound, else alert by alert.

    Args:
        body: as received.
        shape: how its format wraps alerts.

    Raises:
        InvalidError: the alerts cannot be told apart.
    """
    with suppress(*_UNREADABLE):
        alerts = shape.whole(body)
        # The decoder holds every other limit. NUL is legal JSON, but only as this escape; and what the annotations of
        # one alert weigh together can only be too much when the body weighs as much.
        if b"\\u0000" not in body and (len(body) <= MAX_TEXT or all(map(_light, alerts))):
            return Parsed(tuple([_signal(alert) for alert in alerts]))
    signals, rejected = [], []
    for index, part in enumerate(_parts(body, shape)):
        found = _one(part, shape)
        if isinstance(found, Signal):
            signals.append(found)
        else:
            rejected.append(Rejection(index, found))
    return Parsed(tuple(signals), tuple(rejected))


def _parts(body: bytes, shape: Shape) -> list[bytes]:
    """The JSON text of each alert."""
    try:
        return [bytes(part) for part in shape.parts(body)]
    except msgspec.ValidationError as error:
        raise _unreadable(shape, error) from error
    except _UNREADABLE as error:
        found = split(body, shape.depth) if len(body) <= MAX_DAMAGED else None
        if found is None:
            raise _unreadable(shape, error) from error
    skeleton, cut = found
    try:
        placed = [bytes(part) for part in shape.parts(skeleton)]
    except _UNREADABLE as error:
        raise _unreadable(shape, error) from error
    return [cut[int(part[1:-1])] if part.startswith(b"[") else part for part in placed]


def _unreadable(shape: Shape, error: Exception) -> InvalidError:
    return InvalidError(
        f"The payload cannot be read: {error}. It should be {shape.called}, in UTF-8. "
        "No alert of it was taken in; the sender still has them."
    )


def _one(part: bytes, shape: Shape) -> Signal | str:
    """One alert as a signal, or the sentence that says what is wrong with it."""
    try:
        signal = _signal(shape.alert(part))
    except _UNREADABLE as error:
        return faults.explain(part, error)
    suspicious = b"\\u0000" in part or len(part) > MAX_TEXT
    return (faults.find(msgspec.json.decode(part)) if suspicious else "") or signal


def _signal(alert: Alert) -> Signal:
    return Signal(
        labels=alert.labels,
        firing=alert.firing,
        starts_at=_utc(alert.starts_at),
        ends_at=_utc(alert.ends_at),
        annotations=alert.annotations or {},
        link=alert.generator_url or "",
    )


def _utc(instant: datetime | None) -> datetime | None:
    """The instant in UTC; None for Go's zero time, whatever zone it was written in.

    Raises:
        OverflowError: it lies in a year that no alert can be from.
    """
    if instant is None or instant.year == 1:
        return None
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    if instant.year < FIRST_YEAR:
        raise OverflowError
    return instant


def _light(alert: Alert) -> bool:
    annotations = alert.annotations or {}
    return sum(map(len, chain(annotations, annotations.values()))) + len(alert.generator_url or "") <= MAX_TEXT
