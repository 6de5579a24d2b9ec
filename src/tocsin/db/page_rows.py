"""Pages: the outbox. An intent is durable before anything is sent; a claim is a lease with a fence."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from itertools import groupby

from tocsin.application.records import LIVE, Page, PageState
from tocsin.db.codec import instant, micros, optional_instant
from tocsin.db.legible import number, state_of, topic_of
from tocsin.db.sql import Row, Sql, marks
from tocsin.domain.incident import FOLD_VERSION

COLUMNS = (
    "id, incident_id, seq, round, level, person, channel, attempt, topic, lane, send_at, intended_at, state, owner, "
    "fence, sent_at, settled_at, error, provider_id, superseded_by"
)

OURS = "NOT EXISTS (SELECT 1 FROM incidents WHERE incidents.id = pages.incident_id AND fold_version > ?)"
"""Pages of what a newer release has folded are left to it."""


def page_of_row(row: Row) -> Page:
    """A row of `COLUMNS` as a page."""
    return Page(
        id=row[0],
        incident_id=row[1],
        seq=number(row[2]),
        round=number(row[3]),
        level=number(row[4]),
        person=row[5],
        channel=row[6],
        attempt=number(row[7]),
        topic=topic_of(row[0], row[8], row[9]),
        lane=number(row[9]),
        send_at=instant(row[10]),
        intended_at=instant(row[11]),
        state=state_of(row[0], row[12]),
        owner=row[13],
        fence=row[14],
        sent_at=optional_instant(row[15]),
        settled_at=optional_instant(row[16]),
        error=row[17],
        provider_id=row[18],
        superseded_by=row[19],
    )


class PageRows:
    """`application.rooms.Pages` on SQL. `wake_at` is when a row wants attention: to be sent, or its lease runs out."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    def plan(self, pages: Sequence[Page]) -> None:
        self._sql.many(
            "INSERT INTO pages (id, incident_id, seq, round, level, person, channel, attempt, topic, lane, send_at, "
            f"intended_at, wake_at, state) VALUES ({marks(13)}, 'planned') ON CONFLICT DO NOTHING",
            [
                (
                    page.id,
                    page.incident_id,
                    page.seq,
                    page.round,
                    page.level,
                    page.person,
                    page.channel,
                    page.attempt,
                    page.topic.value,
                    page.lane,
                    micros(page.send_at),
                    micros(page.intended_at),
                    micros(page.send_at),
                )
                for page in pages
            ],
        )

    def stop(self, incident_id: str, rounds: Sequence[int], person: str, seq: int) -> None:
        """A page being sent keeps its state and carries the mark: its sender looks once more before it starts."""
        if not rounds:
            return
        whose = " AND person = ?" if person else ""
        values = (seq, incident_id, *rounds, *([person] if person else []))
        self._sql.run(
            "UPDATE pages SET superseded_by = ?, "
            "wake_at = CASE WHEN state = 'planned' THEN NULL ELSE wake_at END, "
            "state = CASE WHEN state = 'planned' THEN 'superseded' ELSE state END "
            f"WHERE incident_id = ? AND round IN ({marks(len(rounds))}) AND topic = 'page' "
            f"AND state IN ('planned', 'sending'){whose}",
            values,
        )

    def acknowledge(self, incident_id: str, rounds: Sequence[int], person: str) -> None:
        if not rounds:
            return
        self._sql.run(
            "UPDATE pages SET state = 'acknowledged' WHERE incident_id = ? AND person = ? AND topic = 'page' "
            f"AND state IN ('accepted', 'delivered') AND round IN ({marks(len(rounds))})",
            (incident_id, person, *rounds),
        )

    def claim(self, channel: str, at: datetime, owner: str, lease_until: datetime, limit: int) -> list[Page]:
        claimed: list[Page] = []
        due = micros(at)
        for lane in range(5):
            if len(claimed) >= limit:
                break
            rows = self._sql.all(
                # The CTE is run once; as a subquery, PostgreSQL might run it again and claim more than was asked for.
                "WITH due AS (SELECT id FROM pages WHERE channel = ? AND lane = ? AND wake_at <= ? "
                f"AND {OURS} ORDER BY wake_at LIMIT ?{self._sql.skip}) "
                "UPDATE pages SET state = 'sending', owner = ?, fence = fence + 1, wake_at = ?, sent_at = ? "
                f"WHERE id IN (SELECT id FROM due) RETURNING {COLUMNS}",
                (channel, lane, due, FOLD_VERSION, limit - len(claimed), owner, micros(lease_until), due),
            )
            claimed += [page_of_row(row) for row in rows]
        return claimed

    def channels_waiting(self, before: datetime) -> list[str]:
        rows = self._sql.all(
            "SELECT DISTINCT channel FROM pages WHERE wake_at <= ? ORDER BY channel", (micros(before),)
        )
        return [channel for (channel,) in rows]

    def channels_due(self, channels: Collection[str], at: datetime) -> list[str]:
        one = f"SELECT ? WHERE EXISTS (SELECT 1 FROM pages WHERE channel = ? AND lane IN ({marks(5)}) AND wake_at <= ?)"
        values = [value for name in channels for value in (name, name, *range(5), micros(at))]
        return [name for (name,) in self._sql.all(" UNION ALL ".join([one] * len(channels)), values)]

    def claimed(self, page: Page) -> Page | None:
        rows = self._sql.all(
            f"SELECT {COLUMNS} FROM pages WHERE id = ? AND state = 'sending' AND owner = ? AND fence = ?",
            (page.id, page.owner, page.fence),
        )
        return page_of_row(rows[0]) if rows else None

    def renew(self, page: Page, lease_until: datetime) -> bool:
        return bool(
            self._sql.run(
                "UPDATE pages SET wake_at = ? WHERE id = ? AND state = 'sending' AND owner = ? AND fence = ?",
                (micros(lease_until), page.id, page.owner, page.fence),
            )
        )

    def settle(self, page: Page, state: PageState, at: datetime, error: str, provider_id: str) -> bool:
        return bool(
            self._sql.run(
                "UPDATE pages SET state = ?, settled_at = ?, error = ?, provider_id = ?, wake_at = NULL, reported = 0 "
                "WHERE id = ? AND state = 'sending' AND owner = ? AND fence = ?",
                (state.value, micros(at), error, provider_id, page.id, page.owner, page.fence),
            )
        )

    def hasten(self, page: Page, at: datetime) -> int:
        return self._sql.run(
            "UPDATE pages SET send_at = ?, wake_at = ? WHERE incident_id = ? AND round = ? AND person = ? "
            "AND channel <> ? AND state = 'planned' AND attempt = 1 AND topic = 'page' AND wake_at > ?",
            (micros(at), micros(at), page.incident_id, page.round, page.person, page.channel, micros(at)),
        )

    def hasten_waiting(self, before: datetime, at: datetime) -> int:
        now = micros(at)
        return self._sql.run(
            "UPDATE pages SET send_at = ?, wake_at = ? WHERE id IN (SELECT other.id FROM pages AS late JOIN pages AS "
            "other ON other.incident_id = late.incident_id AND other.round = late.round AND other.person = late.person "
            "WHERE late.wake_at <= ? AND late.state = 'planned' AND late.topic = 'page' AND late.attempt = 1 "
            "AND other.send_at > ? AND other.state = 'planned' AND other.topic = 'page' AND other.attempt = 1)",
            (now, now, micros(before), now),
        )

    def live(self, incident_id: str, round_number: int, level: int) -> int:
        rows = self._sql.all(
            "SELECT count(*) FROM pages WHERE incident_id = ? AND round = ? AND level = ? AND topic = 'page' "
            f"AND (state IN ({marks(len(LIVE))}) OR state = 'acknowledged') "
            "AND NOT (state = 'planned' AND attempt > 1)",
            (incident_id, round_number, level, *(state.value for state in LIVE)),
        )
        return int(rows[0][0])

    def unreported(self, limit: int) -> dict[str, list[Page]]:
        rows = self._sql.all(
            f"SELECT {COLUMNS} FROM pages WHERE reported = 0 AND {OURS} ORDER BY incident_id, settled_at LIMIT ?",
            (FOLD_VERSION, limit),
        )
        pages = [page_of_row(row) for row in rows]
        return {incident_id: list(its) for incident_id, its in groupby(pages, key=lambda page: page.incident_id)}

    def reported(self, pages: Sequence[Page]) -> list[Page]:
        ids = [page.id for page in pages]
        rows = self._sql.all(f"SELECT id FROM pages WHERE reported = 0 AND id IN ({marks(len(ids))})", ids)
        open_ids = {row[0] for row in rows}
        self._sql.many("UPDATE pages SET reported = 1 WHERE id = ?", [(page_id,) for page_id in sorted(open_ids)])
        return [page for page in pages if page.id in open_ids]

    def get(self, page_id: str) -> Page | None:
        rows = self._sql.all(f"SELECT {COLUMNS} FROM pages WHERE id = ?", (page_id,))
        return page_of_row(rows[0]) if rows else None

    def page_of(self, incident_id: str, after: str, limit: int) -> list[Page]:
        further, values = "", [incident_id]
        if after:
            further = " AND (intended_at, seq, id) > (SELECT intended_at, seq, id FROM pages WHERE id = ?)"
            values.append(after)
        rows = self._sql.all(
            f"SELECT {COLUMNS} FROM pages WHERE incident_id = ?{further} ORDER BY intended_at, seq, id LIMIT ?",
            (*values, limit),
        )
        return [page_of_row(row) for row in rows]

    def count(self, incident_id: str) -> int:
        return int(self._sql.all("SELECT count(*) FROM pages WHERE incident_id = ?", (incident_id,))[0][0])

    def next_at(self) -> datetime | None:
        return optional_instant(self._sql.all("SELECT min(wake_at) FROM pages WHERE wake_at IS NOT NULL")[0][0])

    def newest_claim(self) -> datetime | None:
        """When the page was claimed whose lease began last, of those that have no result."""
        [(claimed,)] = self._sql.all(
            "SELECT max(sent_at) FROM pages WHERE wake_at IS NOT NULL AND state = 'sending' "
            "AND wake_at - sent_at BETWEEN 0 AND 3600000000"  # garbage must not set the clock
        )
        return optional_instant(claimed)

    def mend(self, before: datetime) -> int:
        return self._sql.run(
            "UPDATE pages SET lane = 0 WHERE wake_at <= ? AND lane NOT IN (0, 1, 2, 3, 4)", (micros(before),)
        )

    def forget_tests(self, channels: str, before: datetime) -> int:
        return self._sql.run(
            "DELETE FROM pages WHERE incident_id = '' AND topic = 'test' AND channel LIKE ? AND intended_at < ?",
            (f"{channels}%", micros(before)),
        )

    def by_state(self) -> dict[str, int]:
        return {state: int(count) for state, count in self._sql.all("SELECT state, count(*) FROM pages GROUP BY state")}
