"""Occurrences of alerts. One open occurrence per identity: a partial unique index holds it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import msgspec

from tocsin.application.records import AlertRow, NewAlert
from tocsin.db.codec import instant, micros, optional_instant, optional_micros
from tocsin.db.sql import LostRaceError, Sql, insert_all, marks

_CHUNK = 500
_FORGOTTEN = b'{"annotations":{},"labels":{},"link":""}'

_INSERT = (
    "INSERT INTO alerts (integration_id, fingerprint, incident_id, name, severity, starts_at, ends_at, first_seen_at, "
    "last_seen_at, digest, first_payload, is_open, firing)"
)


def _id(row: tuple[Any, ...]) -> int:
    """Rows are touched in one order by every node."""
    row_id: int = row[0]
    return row_id


def _digest(stored: object) -> bytes:
    """What is no digest is unlike every digest, so that the next word of the sender replaces it."""
    return bytes(stored) if isinstance(stored, bytes | memoryview) else b""


def _content(payload: bytes) -> dict[str, Any]:
    """What a sender said; where it cannot be read, nothing, so that its neighbours are shown all the same."""
    with suppress(msgspec.MsgspecError, TypeError):
        content = msgspec.json.decode(bytes(payload))
        if isinstance(content, dict):
            return content
    return dict(msgspec.json.decode(_FORGOTTEN))


class AlertRows:
    """`application.rooms.Alerts` on SQL."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    def open_occurrences(self, integration_id: str, fingerprints: Sequence[bytes]) -> dict[bytes, AlertRow]:
        found: dict[bytes, AlertRow] = {}
        for start in range(0, len(fingerprints), _CHUNK):
            chunk = fingerprints[start : start + _CHUNK]
            rows = self._sql.all(
                "SELECT id, fingerprint, incident_id, firing, starts_at, last_seen_at, digest FROM alerts "
                f"WHERE integration_id = ? AND fingerprint IN ({marks(len(chunk))}) AND is_open = 1",
                (integration_id, *chunk),
            )
            for row in rows:
                key = bytes(row[1])
                found[key] = AlertRow(
                    row[0], key, row[2], bool(row[3]), optional_instant(row[4]), instant(row[5]), _digest(row[6])
                )
        return found

    def insert(self, alerts: Sequence[NewAlert]) -> None:
        insert_all(
            self._sql,
            _INSERT,
            [
                (
                    alert.integration_id,
                    alert.fingerprint,
                    alert.incident_id,
                    alert.name,
                    alert.severity,
                    optional_micros(alert.starts_at),
                    optional_micros(alert.ends_at),
                    micros(alert.seen_at),
                    micros(alert.seen_at),
                    alert.digest,
                    alert.payload,
                    1,
                    1,
                )
                for alert in alerts
            ],
        )

    def seen(self, rows: Sequence[tuple[int, datetime, datetime | None]]) -> None:
        self._sql.many(
            "UPDATE alerts SET last_seen_at = ?, ends_at = ? WHERE id = ?",
            [(micros(seen_at), optional_micros(ends_at), row_id) for row_id, seen_at, ends_at in sorted(rows, key=_id)],
        )

    def changed(self, rows: Sequence[tuple[int, bool, bool, NewAlert]]) -> None:
        if not rows:
            return
        touched = self._sql.many(
            "UPDATE alerts SET firing = ?, starts_at = coalesce(?, starts_at), ends_at = ?, last_seen_at = ?, "
            "cleared_at = ?, digest = ?, payload = ? WHERE id = ? AND firing = ? AND is_open = 1",
            [
                (
                    int(firing),
                    optional_micros(alert.starts_at),
                    optional_micros(alert.ends_at),
                    micros(alert.seen_at),
                    None if firing else micros(alert.seen_at),
                    alert.digest,
                    alert.payload,
                    row_id,
                    int(was_firing),
                )
                for row_id, was_firing, firing, alert in sorted(rows, key=_id)
            ],
        )
        if touched != len(rows):
            raise LostRaceError

    def end(self, incident_id: str, *, firing_too: bool) -> None:
        which = "" if firing_too else " AND firing = 0"
        self._sql.run(f"UPDATE alerts SET is_open = 0 WHERE incident_id = ? AND is_open = 1{which}", (incident_id,))

    def forget_payloads(self, before: datetime, limit: int) -> int:
        return self._sql.run(
            "UPDATE alerts SET first_payload = ?, payload = NULL WHERE id IN (SELECT id FROM alerts "
            "WHERE is_open = 0 AND last_seen_at < ? AND first_payload <> ? LIMIT ?)",
            (_FORGOTTEN, micros(before), _FORGOTTEN, limit),
        )

    def page_of(self, incident_id: str, after_id: int, limit: int) -> list[dict[str, Any]]:
        rows = self._sql.all(
            "SELECT id, name, severity, firing, is_open, starts_at, ends_at, first_seen_at, last_seen_at, cleared_at, "
            "fingerprint, first_payload, payload FROM alerts WHERE incident_id = ? AND id > ? ORDER BY id LIMIT ?",
            (incident_id, after_id, limit),
        )
        return [
            {
                "id": row[0],
                "name": row[1],
                "severity": row[2],
                "firing": bool(row[3]),
                "open": bool(row[4]),
                "starts_at": optional_instant(row[5]),
                "ends_at": optional_instant(row[6]),
                "first_seen_at": instant(row[7]),
                "last_seen_at": instant(row[8]),
                "cleared_at": optional_instant(row[9]),
                "fingerprint": bytes(row[10]).hex(),
                **_content(row[12] or row[11]),
            }
            for row in rows
        ]
