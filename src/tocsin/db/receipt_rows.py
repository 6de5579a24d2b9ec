"""What providers say of pages they took, and which of their calls were heard already."""

from __future__ import annotations

from datetime import datetime

from tocsin.application.records import Page, PageState
from tocsin.db.codec import micros, optional_instant
from tocsin.db.page_rows import COLUMNS, OURS, page_of_row
from tocsin.db.sql import Sql
from tocsin.domain.incident import FOLD_VERSION

_ANSWERABLE = 200
"""More pages than these one person has not been sent as text messages in half a day."""


class ReceiptRows:
    """`application.rooms.Receipts` on SQL."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    def expect(self, page: Page, by: datetime) -> None:
        self._sql.run("UPDATE pages SET receipt_by = ? WHERE id = ? AND state = 'accepted'", (micros(by), page.id))

    def came(self, page: Page, state: PageState, at: datetime, error: str) -> bool:
        return bool(
            self._sql.run(
                "UPDATE pages SET state = ?, settled_at = ?, error = ?, receipt_by = NULL, reported = 0 "
                "WHERE id = ? AND state = 'accepted'",
                (state.value, micros(at), error, page.id),
            )
        )

    def no_longer_awaited(self, page: Page) -> bool:
        return bool(
            self._sql.run("UPDATE pages SET receipt_by = NULL WHERE id = ? AND receipt_by IS NOT NULL", (page.id,))
        )

    def overdue(self, at: datetime, limit: int) -> list[Page]:
        rows = self._sql.all(
            f"SELECT {COLUMNS} FROM pages WHERE receipt_by <= ? AND {OURS} ORDER BY receipt_by LIMIT ?",
            (micros(at), FOLD_VERSION, limit),
        )
        return [page_of_row(row) for row in rows]

    def next_at(self) -> datetime | None:
        rows = self._sql.all(
            f"SELECT receipt_by FROM pages WHERE receipt_by IS NOT NULL AND {OURS} ORDER BY receipt_by LIMIT 1",
            (FOLD_VERSION,),
        )
        return optional_instant(rows[0][0]) if rows else None

    def carried(self, page: Page) -> list[Page]:
        rows = self._sql.all(
            f"SELECT {COLUMNS} FROM pages WHERE carried_by = ? AND carried_by <> '' ORDER BY incident_id, id",
            (page.id,),
        )
        return [page_of_row(row) for row in rows]

    def answerable(self, person: str, channel: str, since: datetime) -> list[Page]:
        rows = self._sql.all(
            f"SELECT {COLUMNS} FROM pages WHERE person = ? AND channel = ? AND sent_at IS NOT NULL "
            "AND carried_by = '' AND sent_at > ? AND topic = 'page' ORDER BY sent_at DESC LIMIT ?",
            (person, channel, micros(since), _ANSWERABLE),
        )
        return [page_of_row(row) for row in rows]

    def is_new(self, callback: str) -> bool:
        return not self._sql.all("SELECT 1 FROM callbacks WHERE id = ?", (callback,))

    def remember(self, callback: str, at: datetime) -> bool:
        return bool(
            self._sql.run(
                "INSERT INTO callbacks (id, heard_at) VALUES (?, ?) ON CONFLICT DO NOTHING", (callback, micros(at))
            )
        )

    def forget(self, before: datetime, limit: int) -> int:
        return self._sql.run(
            "DELETE FROM callbacks WHERE id IN (SELECT id FROM callbacks WHERE heard_at < ? ORDER BY heard_at LIMIT ?)",
            (micros(before), limit),
        )
