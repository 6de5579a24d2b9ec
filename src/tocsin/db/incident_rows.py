"""Incidents and their hash-chained logs."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta

from msgspec import MsgspecError

from tocsin.application.records import TimelineEntry
from tocsin.application.rooms import Addition
from tocsin.application.set_aside import SET_ASIDE
from tocsin.db.codec import (
    GENESIS,
    decode_event,
    decode_state,
    encode_event,
    encode_state,
    link_hash,
    micros,
    optional_instant,
    optional_micros,
)
from tocsin.db.sql import Row, Sql, insert_all, marks
from tocsin.domain.errors import UnavailableError
from tocsin.domain.events import Event
from tocsin.domain.incident import FOLD_VERSION, Incident, fold
from tocsin.domain.lifecycle import STATUS, Status

_STATE = "SELECT id, state, fold_version, head_seq, head_hash FROM incidents "
_STORE = (
    "INSERT INTO incidents (id, group_key, service, declared_at, severity, phase, is_open, resolved_at, next_due_at, "
    "head_seq, head_hash, fold_version, state)"
)
# Nothing is written over what a newer release has folded: this one does not know what it means.
_OVER = (
    "ON CONFLICT (id) DO UPDATE SET severity = excluded.severity, phase = excluded.phase, is_open = excluded.is_open, "
    "resolved_at = excluded.resolved_at, next_due_at = excluded.next_due_at, head_seq = excluded.head_seq, "
    "head_hash = excluded.head_hash, fold_version = excluded.fold_version, state = excluded.state "
    "WHERE incidents.fold_version <= excluded.fold_version"
)
_ALL = 10**9
_CHUNK = 500
_ILLEGIBLE = (AssertionError, AttributeError, LookupError, TypeError, ValueError, MsgspecError)


class IncidentRows:
    """`application.rooms.Incidents` on SQL, for one transaction: it remembers the heads of what it loaded."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql
        self._heads: dict[str, bytes] = {}

    def load(self, incident_id: str) -> Incident | None:
        return self._one(_STATE + "WHERE id = ?" + self._sql.lock, (incident_id,))

    def load_all(self, incident_ids: Sequence[str]) -> dict[str, Incident]:
        found: dict[str, Incident] = {}
        for start in range(0, len(incident_ids), _CHUNK):
            chunk = sorted(incident_ids)[start : start + _CHUNK]
            statement = f"{_STATE}WHERE id IN ({marks(len(chunk))}) ORDER BY id{self._sql.lock}"
            states = map(self._state_or_id, self._sql.all(statement, chunk))
            found |= {state.id: state for state in states if isinstance(state, Incident)}
        return found

    def open_in_group(self, group: str) -> Incident | None:
        return self._one(_STATE + "WHERE group_key = ? AND is_open = 1" + self._sql.lock, (group,))

    def newest_in_groups(self, groups: Sequence[str]) -> dict[str, str]:
        found: dict[str, str] = {}
        for start in range(0, len(groups), _CHUNK):
            chunk = groups[start : start + _CHUNK]
            unresolved = f"SELECT group_key, id FROM incidents WHERE group_key IN ({marks(len(chunk))}) AND is_open = 1"
            found |= dict(self._sql.all(unresolved, chunk))
        ended = (
            "SELECT id FROM incidents WHERE group_key = ? AND is_open = 0 ORDER BY resolved_at DESC, id DESC LIMIT 1"
        )
        for group in groups:
            if group not in found and (rows := self._sql.all(ended, (group,))):
                found[group] = rows[0][0]
        return found

    def _one(self, statement: str, values: Sequence[object]) -> Incident | None:
        rows = self._sql.all(statement, values)
        return self._state(rows[0]) if rows else None

    def _state(self, row: Row) -> Incident:
        """The stored state, or a fresh fold when this release computes it differently or it is not its log's."""
        incident_id, state, fold_version, head_seq, head = row
        if fold_version == FOLD_VERSION:
            with suppress(MsgspecError, TypeError):
                self._heads[incident_id] = bytes(head)
                incident = decode_state(bytes(state))
                if incident.seq == head_seq:
                    return incident
        return self._folded(incident_id, fold_version)

    def _folded(self, incident_id: str, fold_version: int) -> Incident:
        """The log is the truth: what follows is chained to its last link, whatever the row says."""
        try:
            log = self.timeline(incident_id, 0, _ALL)
            incident = fold(_decoded(entry) for entry in log)
        except _ILLEGIBLE as error:
            if fold_version > FOLD_VERSION:
                raise _newer(incident_id) from error
            raise ValueError(f"The log of {incident_id} cannot be read: {error!r}.") from error
        self._heads[incident_id] = log[-1].hash
        return incident

    def heads(self) -> dict[str, bytes]:
        """What is known of the heads of chains at this point of the transaction."""
        return self._heads.copy()

    def remember(self, heads: dict[str, bytes]) -> None:
        """Go back to what was known at an earlier point, after the transaction went back to it."""
        self._heads = heads

    def unused_id(self, at: datetime) -> str:
        stem = at.strftime("INC-%Y%m%d-%H%M%S")
        second = at.replace(microsecond=0)
        within = (micros(second), micros(second + timedelta(seconds=1)))
        rows = self._sql.all("SELECT count(*) FROM incidents WHERE declared_at >= ? AND declared_at < ?", within)
        return f"{stem}-{rows[0][0] + 1}" if rows[0][0] else stem

    def append(self, additions: Sequence[Addition]) -> None:
        links: list[Sequence[object]] = []
        texts: list[Sequence[object]] = []
        for after, events, _next_due_at in additions:
            first = after.seq - len(events) + 1
            head = GENESIS if first == 1 else self._heads[after.id]
            for seq, event in enumerate(events, first):
                body, stored = encode_event(event, after.id, seq)
                head = link_hash(head, body)
                links.append((after.id, seq, body, head))
                texts += [(after.id, text.id, text.salt, text.text) for text in stored]
            self._heads[after.id] = head
        insert_all(self._sql, "INSERT INTO events (incident_id, seq, body, hash)", links)
        insert_all(self._sql, "INSERT INTO texts (incident_id, id, salt, words)", texts)
        self._store(additions)

    def _store(self, additions: Sequence[Addition]) -> None:
        begun: list[Sequence[object]] = []
        changed: list[Sequence[object]] = []
        for after, events, next_due_at in additions:
            state = (
                after.id,
                after.group,
                after.service,
                micros(after.declared_at),
                after.severity.value,
                after.phase.value,
                int(after.is_open),
                optional_micros(after.resolved_at),
                optional_micros(next_due_at),
                after.seq,
                self._heads[after.id],
                FOLD_VERSION,
                encode_state(after),
            )
            (begun if after.seq == len(events) else changed).append(state)
        insert_all(self._sql, _STORE, begun)
        if insert_all(self._sql, _STORE, changed, _OVER) != len(changed):
            ids = [state[0] for state in changed]
            newer = f"SELECT id FROM incidents WHERE id IN ({marks(len(ids))}) AND fold_version > ?"
            raise _newer(self._sql.all(newer, (*ids, FOLD_VERSION))[0][0])

    def due(self, at: datetime, limit: int) -> list[Incident | str]:
        # What a newer release has folded is left to it.
        rows = self._sql.all(
            _STATE + "WHERE next_due_at <= ? AND fold_version <= ? ORDER BY next_due_at LIMIT ?" + self._sql.skip,
            (micros(at), FOLD_VERSION, limit),
        )
        return [self._state_or_id(row) for row in rows]

    def _state_or_id(self, row: Row) -> Incident | str:
        try:
            return self._state(row)
        except ValueError as problem:
            SET_ASIDE.note(f"Neither the state nor the log of {row[0]} can be read.", problem)
            return str(row[0])

    def rearm(self, incident_id: str, next_due_at: datetime | None) -> None:
        touched = self._sql.run(
            "UPDATE incidents SET next_due_at = ? WHERE id = ? AND fold_version <= ?",
            (optional_micros(next_due_at), incident_id, FOLD_VERSION),
        )
        _require_ours(incident_id, touched)

    def resolve_name(self, name: str) -> list[str]:
        if name == "last":
            return [
                row[0] for row in self._sql.all("SELECT id FROM incidents ORDER BY declared_at DESC, id DESC LIMIT 1")
            ]
        exact = self._sql.all("SELECT id FROM incidents WHERE id = ?", (name,))
        if exact:
            return [name]
        ending = "%" + name.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        found = self._sql.all("SELECT id FROM incidents WHERE id LIKE ? ESCAPE '\\' ORDER BY id LIMIT 5", (ending,))
        return [row[0] for row in found]

    def page_of(self, status: str, before: str, limit: int) -> list[Incident]:
        where, values = self._of_status(status)
        if before:
            where += " AND (declared_at, id) < (SELECT declared_at, id FROM incidents WHERE id = ?)"
            values.append(before)
        statement = f"{_STATE}WHERE {where} ORDER BY declared_at DESC, id DESC LIMIT ?"
        found = [self._state_or_id(row) for row in self._sql.all(statement, (*values, limit))]
        return [incident for incident in found if isinstance(incident, Incident)]

    def _of_status(self, status: str) -> tuple[str, list[object]]:
        if not status:
            return "1 = 1", []
        if status == "open":
            return "is_open = 1", []
        phases = [phase.value for phase, its in STATUS.items() if its is Status(status)]
        return f"phase IN ({marks(len(phases))})", list(phases)

    def count(self, status: str) -> int:
        where, values = self._of_status(status)
        return int(self._sql.all(f"SELECT count(*) FROM incidents WHERE {where}", values)[0][0])

    def timeline(self, incident_id: str, after_seq: int, limit: int) -> list[TimelineEntry]:
        texts: dict[str, dict[str, tuple[bytes, str]]] = {}
        for text_id, salt, words in self._sql.all(
            "SELECT id, salt, words FROM texts WHERE incident_id = ?", (incident_id,)
        ):
            texts.setdefault(text_id.partition(".")[0], {})[text_id] = (bytes(salt), words)
        rows = self._sql.all(
            "SELECT seq, body, hash FROM events WHERE incident_id = ? AND seq > ? ORDER BY seq LIMIT ?",
            (incident_id, after_seq, limit),
        )
        return [TimelineEntry(seq, bytes(body), bytes(link), texts.get(str(seq), {})) for seq, body, link in rows]

    def events(self, incident_id: str) -> list[Event]:
        return [_decoded(entry) for entry in self.timeline(incident_id, 0, _ALL)]

    def event(self, incident_id: str, seq: int) -> Event | None:
        entries = self.timeline(incident_id, seq - 1, 1)
        return _decoded(entries[0]) if entries else None

    def head(self, incident_id: str) -> tuple[int, bytes]:
        rows = self._sql.all("SELECT head_seq, head_hash FROM incidents WHERE id = ?", (incident_id,))
        return rows[0][0], bytes(rows[0][1])

    def newest_end(self) -> datetime | None:
        """When the incident that ended last did; one of garbage, or of more than a year, does not count."""
        [(ended,)] = self._sql.all(
            "SELECT max(resolved_at) FROM incidents WHERE resolved_at - declared_at BETWEEN 0 AND 31536000000000"
        )
        return optional_instant(ended)

    def next_tick_at(self) -> int | None:
        """The earliest armed timer, in microseconds."""
        rows = self._sql.all(
            "SELECT next_due_at FROM incidents WHERE next_due_at IS NOT NULL AND fold_version <= ? "
            "ORDER BY next_due_at LIMIT 1",
            (FOLD_VERSION,),
        )
        found: int | None = rows[0][0] if rows else None
        return found


def _require_ours(incident_id: str, touched: int) -> None:
    """Nothing is written over what a newer release has folded: this one does not know what it means."""
    if not touched:
        raise _newer(incident_id)


def _newer(incident_id: str) -> UnavailableError:
    return UnavailableError(
        f"{incident_id} was last changed by a newer release of Tocsin, and this node leaves it alone. "
        "Nothing was changed; ask a node of that release, or bring this one up to it."
    )


def _decoded(entry: TimelineEntry) -> Event:
    return decode_event(entry.body, {text_id: words for text_id, (_salt, words) in entry.texts.items()})
