"""Between domain values and stored bytes: the event body, its hash, its texts beside the log, the state row.

A body is UTF-8 JSON, sorted keys, no spaces, no floats, of {incident, seq, at, event, v, by, data}; a link's hash is
SHA-256(previous hash ‖ body) and the first previous hash is 32 zero bytes. Bodies are stored as exact bytes and never
rewritten. Texts of people stand beside the log: the body carries SHA-256(salt ‖ text), so one can be redacted.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from tocsin.domain import events as ev
from tocsin.domain.incident import Incident

GENESIS = bytes(32)
REDACTED = "[redacted]"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)
"""What a stored number that is no instant is read as: one row with such a number must not stop those beside it."""
_MICROSECOND = timedelta(microseconds=1)


def event_name(kind: type[ev.Event]) -> str:
    """The name an event has on the log: `RoundOpened` is "round_opened"."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", kind.__name__).lower()


EVENTS: Mapping[str, type[ev.Event]] = {event_name(kind): kind for kind in ev.Event.__subclasses__()}
_NAMES = {kind: name for name, kind in EVENTS.items()}
_VERSION = 1


@dataclass(frozen=True, slots=True)
class StoredText:
    """A text beside the log: id within the incident, salt, words."""

    id: str
    salt: bytes
    text: str


def micros(at: datetime) -> int:
    """Microseconds since 1970, as instants are stored."""
    return (at - _EPOCH) // _MICROSECOND


def instant(at: int) -> datetime:
    """The aware UTC instant a stored number stands for; `FIRST` or `LAST` for one that stands for none."""
    try:
        return _EPOCH + timedelta(microseconds=at)
    except OverflowError:
        return FIRST if at < 0 else LAST
    except TypeError:  # SQLite keeps whatever it is given
        return LAST


def optional_micros(at: datetime | None) -> int | None:
    """`micros`, with None for never."""
    return None if at is None else micros(at)


def optional_instant(at: int | None) -> datetime | None:
    """`instant`, with None for never."""
    return None if at is None else instant(at)


def link_hash(previous: bytes, body: bytes) -> bytes:
    """The hash of a link whose predecessor has the hash `previous`."""
    return hashlib.sha256(previous + body).digest()


def text_hash(salt: bytes, text: str) -> str:
    """What the log carries instead of a text."""
    return hashlib.sha256(salt + text.encode()).hexdigest()


def encode_event(event: ev.Event, incident_id: str, seq: int) -> tuple[bytes, list[StoredText]]:
    """The exact bytes of an event's body and the texts that go beside it."""
    data: dict[str, Any] = msgspec.to_builtins(event)
    at, actor = data.pop("at"), data.pop("actor")
    data["authenticated_by"] = actor["authenticated_by"]
    if actor["claimed"]:
        data["claimed"] = True
    texts = []
    for name in type(event).texts:
        if words := data[name]:
            stored = StoredText(f"{seq}.{name}", secrets.token_bytes(16), words)
            texts.append(stored)
            data[name] = {"text": stored.id, "sha256": text_hash(stored.salt, words)}
    body = {
        "incident": incident_id,
        "seq": seq,
        "at": at,
        "event": _NAMES[type(event)],
        "v": _VERSION,
        "by": actor["by"],
        "data": data,
    }
    return msgspec.json.encode(body, order="sorted"), texts


def decode_event(body: bytes, texts: Mapping[str, str]) -> ev.Event:
    """The event a stored body stands for.

    Args:
        body: as stored.
        texts: words by text id; a missing one has been redacted.
    """
    link = msgspec.json.decode(body)
    kind, data = EVENTS[link["event"]], link["data"]
    for name in kind.texts:
        if isinstance(data[name], dict):
            data[name] = texts.get(data[name]["text"], REDACTED)
    actor = {"by": link["by"], "authenticated_by": data["authenticated_by"], "claimed": data.get("claimed", False)}
    known = {field.name for field in fields(kind)}
    return msgspec.convert(
        {name: data[name] for name in data if name in known} | {"at": link["at"], "actor": actor}, kind
    )


_state_decoder = msgspec.json.Decoder(Incident)


def encode_state(incident: Incident) -> bytes:
    """The state row's value."""
    return msgspec.json.encode(incident)


def decode_state(state: bytes) -> Incident:
    """The incident a state row stands for."""
    return _state_decoder.decode(state)
