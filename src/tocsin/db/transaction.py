"""What one transaction can touch: the rooms of the store around one connection."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from tocsin.db.account_rows import AccountRows
from tocsin.db.alert_rows import AlertRows
from tocsin.db.codec import LAST, optional_instant
from tocsin.db.crowd_rows import CrowdRows
from tocsin.db.incident_rows import IncidentRows
from tocsin.db.page_rows import PageRows
from tocsin.db.receipt_rows import ReceiptRows
from tocsin.db.sql import Sql
from tocsin.domain.errors import HeldError


class SqlTransaction:
    """`application.ports.Transaction` on SQL; holds no state of its own."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql
        self.incidents = IncidentRows(sql)
        self.alerts = AlertRows(sql)
        self.pages = PageRows(sql)
        self.crowds = CrowdRows(sql)
        self.receipts = ReceiptRows(sql)
        self.accounts = AccountRows(sql)

    def attempt(self, work: Callable[[], None]) -> Exception | None:
        """★ The error boundary of a batch: one part that goes wrong must not take the others with it.

        Args:
            work: done between a savepoint and its release, or undone up to the savepoint.

        Returns:
            What was raised, whatever it was: a broken rule, a bug, a statement the database refused; a `HeldError` when
            somebody else holds a row it needs, so that later it may well go.
        """
        before = self.incidents.heads()
        self._sql.run("SAVEPOINT attempt")
        try:
            work()
        except self._sql.ends_all:
            raise
        except Exception as problem:  # noqa: BLE001 - answered to the caller, who says and records it
            self._sql.run("ROLLBACK TO attempt")
            self._sql.run("RELEASE attempt")
            self.incidents.remember(before)
            return (
                HeldError(f"Somebody else holds a row: {problem}.") if isinstance(problem, self._sql.held) else problem
            )
        self._sql.run("RELEASE attempt")
        return None

    def next_tick_at(self) -> datetime | None:
        """When the earliest incident timer runs out."""
        return optional_instant(self.incidents.next_tick_at())

    def newest_event_at(self) -> datetime | None:
        """When the newest event happened, or a page that still waits was claimed, as near as the rows tell."""
        listed = (*self.incidents.page_of("", "", 1), *self.incidents.page_of("open", "", 50))
        ended, claimed = self.incidents.newest_end(), self.pages.newest_claim()
        instants = (*(incident.updated_at for incident in listed), ended, claimed)
        return max((at for at in instants if at is not None and at < LAST), default=None)
