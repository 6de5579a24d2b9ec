"""Pages by whom they reach: what went to a person lately, what waits for them, and taking all of it together.

Every statement goes by an index that begins with person and channel, so it costs the same behind 100,000 other pages.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from tocsin.application.records import Crowd, Lease, Page, Waiting
from tocsin.db.codec import instant, micros, optional_instant
from tocsin.db.legible import topic_of
from tocsin.db.page_rows import COLUMNS, OURS, page_of_row
from tocsin.db.sql import Row, Sql, marks
from tocsin.domain.incident import FOLD_VERSION

_THEIRS = "person = ? AND channel = ? AND +lane >= ? AND +lane < ? AND topic <> 'test'"
"""The plus keeps SQLite from going by lane, through what waits for everybody else."""
_WAITS = "wake_at > -9223372036854775807 AND (wake_at <= ? OR (state = 'planned' AND send_at <= ?))"
"""Planned and its time has come, held or not; or claimed by a node whose lease has run out. Every number there is, also
one that is no instant, is greater than that; saying so makes both databases go by the index of what waits for this
person."""
_HEARD = "(state IN ('accepted', 'delivered', 'acknowledged') OR (state = 'sending' AND wake_at > ?))"
_QUIET_LANES, _URGENT_LANES = range(4, 5), range(4)
_AT_ONCE = 500
_TURNS = 7461637
"""The key of the advisory locks that stand for turns; the number is ours and means nothing."""


def _waiting(row: Row) -> Waiting:
    page_id, person, lane, topic, attempt, state = row
    return Waiting(page_id, person, lane, topic_of(page_id, topic, lane), attempt, again=state != "planned")


class CrowdRows:
    """`application.rooms.Crowds` on SQL."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    def take_turns(self, channel: str) -> bool:
        if not self._sql.skip:  # SQLite has one writer
            return True
        [(mine,)] = self._sql.all("SELECT pg_try_advisory_xact_lock(?, hashtext(?))", (_TURNS, channel))
        return bool(mine)

    def first(self, channel: str, lane: int, at: datetime) -> Waiting | None:
        rows = self._sql.all(
            "SELECT id, person, lane, topic, attempt, state FROM pages WHERE channel = ? AND lane = ? AND wake_at <= ? "
            f"AND {OURS} ORDER BY wake_at LIMIT 1{self._sql.skip}",
            (channel, lane, micros(at), FOLD_VERSION),
        )
        return _waiting(rows[0]) if rows else None

    def about(self, person: str, channel: str, at: datetime, *, quiet: bool, since: datetime, limit: int) -> Crowd:
        lanes = _QUIET_LANES if quiet else _URGENT_LANES
        theirs = (person, channel, lanes.start, lanes.stop)
        now, then = micros(at), micros(since)
        [(heard_at, heard_lane)] = self._sql.all(
            f"SELECT max(sent_at), min(lane) FROM pages WHERE {_THEIRS} AND carried_by = '' AND sent_at > ? "
            f"AND {_HEARD}",
            (*theirs, then, now),
        )
        [(intended,)] = self._sql.all(
            f"SELECT count(*) FROM (SELECT 1 FROM pages WHERE {_THEIRS} AND send_at > ? AND send_at <= ? LIMIT ?) AS c",
            (*theirs, then, now, limit),
        )
        oldest = None
        if intended < limit:  # else they are very many, and it makes no difference
            [(oldest,)] = self._sql.all(
                f"SELECT min(send_at) FROM pages WHERE {_THEIRS} AND {_WAITS}", (*theirs, now, now)
            )
        return Crowd(
            heard_at=optional_instant(heard_at),
            heard_lane=lanes.stop if heard_lane is None else heard_lane,
            intended=int(intended),
            oldest_at=at if oldest is None else instant(oldest),
        )

    def follows(self, page_id: str, since: datetime) -> bool:
        return bool(
            self._sql.all(
                "SELECT 1 FROM pages AS this JOIN pages AS first ON first.incident_id = this.incident_id "
                "AND first.round = this.round AND first.level = this.level AND first.person = this.person "
                "AND first.channel = this.channel AND first.topic = this.topic AND first.attempt = this.attempt - 1 "
                "WHERE this.id = ? AND first.provider_id <> '' AND first.sent_at > ?",
                (page_id, micros(since)),
            )
        )

    def take_one(self, page_id: str, lease: Lease) -> list[Page]:
        return self._claim([page_id], "", lease)

    def take(self, person: str, channel: str, lease: Lease, *, lanes: range, limit: int) -> list[Page]:
        now = micros(lease.at)
        rows = self._sql.all(
            f"SELECT id FROM pages WHERE {_THEIRS} AND {_WAITS} AND {OURS} ORDER BY lane, send_at, id "
            f"LIMIT ?{self._sql.skip}",
            (person, channel, lanes.start, lanes.stop, now, now, FOLD_VERSION, limit),
        )
        ids = [page_id for (page_id,) in rows]
        carried = [
            page
            for some in (ids[start : start + _AT_ONCE] for start in range(1, len(ids), _AT_ONCE))
            for page in self._claim(some, ids[0], lease)
        ]
        carried.sort(key=lambda page: (page.lane, page.send_at, page.id))
        return self._claim(ids[:1], "", lease) + carried

    def _claim(self, ids: Sequence[str], leader: str, lease: Lease) -> list[Page]:
        if not ids:
            return []
        rows = self._sql.all(
            "UPDATE pages SET state = 'sending', owner = ?, fence = fence + 1, wake_at = ?, sent_at = ?, "
            f"carried_by = ? WHERE id IN ({marks(len(ids))}) AND wake_at IS NOT NULL "
            f"AND (state = 'planned' OR wake_at <= ?) RETURNING {COLUMNS}",
            (lease.owner, micros(lease.until), micros(lease.at), leader, *ids, micros(lease.at)),
        )
        return [page_of_row(row) for row in rows]

    def hold(self, person: str, channel: str, at: datetime, until: datetime, *, lanes: range) -> int:
        now = micros(at)
        return self._sql.run(
            f"UPDATE pages SET wake_at = ? WHERE id IN (SELECT id FROM pages WHERE {_THEIRS} "
            f"AND wake_at <= ? AND state = 'planned'{self._sql.skip})",
            (micros(until), person, channel, lanes.start, lanes.stop, now),
        )

    def keep(self, pages: Sequence[Page], lease_until: datetime) -> list[Page]:
        known = {page.id: page for page in pages}
        ids = [page.id for page in sorted(pages, key=lambda page: (page.incident_id, page.id))]  # as others lock them
        held: dict[str, Page] = {}
        for some in (ids[start : start + _AT_ONCE] for start in range(0, len(ids), _AT_ONCE)):
            rows = self._sql.all(
                f"SELECT {COLUMNS} FROM pages WHERE id IN ({marks(len(some))}) AND state = 'sending' AND owner = ? "
                f"ORDER BY incident_id, id{self._sql.lock}",
                (*some, pages[0].owner),
            )
            ours = [page for page in map(page_of_row, rows) if page.fence == known[page.id].fence]
            self._sql.many("UPDATE pages SET wake_at = ? WHERE id = ?", [(micros(lease_until), it.id) for it in ours])
            held |= {page.id: page for page in ours}
        return [held[name] for name in known if name in held]

    def carry(self, pages: Sequence[Page]) -> None:
        leader = pages[0].id
        self._sql.many(
            "UPDATE pages SET carried_by = ? WHERE id = ?",
            [("" if page.id == leader else leader, page.id) for page in pages],
        )
