"""Arms many incidents' timers: the same decisions and the same store as ever, only many to a transaction."""

from __future__ import annotations

import contextlib
import itertools
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg

from benchmarks.systems import SERVICE
from tocsin.application.handle import roster
from tocsin.application.rooms import Addition
from tocsin.bootstrap import open_application
from tocsin.db.incident_rows import IncidentRows
from tocsin.db.postgres import PostgresConnection
from tocsin.db.sql import Sql
from tocsin.db.sqlite import SqliteConnection
from tocsin.demo.tocsin_server import Home
from tocsin.domain.commands import Declare
from tocsin.domain.decide import decide
from tocsin.domain.escalation import next_due
from tocsin.domain.events import Declared
from tocsin.domain.incident import fold
from tocsin.domain.people import Roster
from tocsin.domain.policy import Policy
from tocsin.domain.severity import Severity
from tocsin.settings import Settings

PER_TRANSACTION = 2_000


def arm(home: Home, *, due: int, over: float, resting: int, begins_in: float) -> dict[str, datetime]:
    """Declare incidents in a home that is not being served; nobody is paged for having declared them.

    Args:
        home: laid out, its procedures applied.
        due: how many owe their second level a page soon, evenly spread.
        over: seconds over which they do.
        resting: how many more are armed for much later.
        begins_in: seconds from the end of arming until the first is due.

    Returns:
        When each of the first kind owes its page, by incident id.
    """
    with _writing(home) as writer:
        writer.rest(resting)
        return writer.due(due, over, datetime.now(UTC) + timedelta(seconds=begins_in))


def arm_overdue(home: Home, count: int, by: timedelta) -> None:
    """Declare incidents in a home that is not being served; each has owed its second level a page for a while.

    Args:
        home: laid out, its procedures applied.
        count: how many.
        by: for how long, from the beginning of arming.
    """
    with _writing(home) as writer:
        writer.alike(count, Severity.HIGH, "overdue", datetime.now(UTC) - writer.second_step - by)


@contextlib.contextmanager
def _writing(home: Home) -> Iterator[_Writer]:
    settings = Settings.from_environment(home.env)
    with open_application(settings) as app:
        procedures = app.database.read(app.shelf.active)
        now = app.database.now()
        people = app.database.read(lambda transaction: roster(transaction, procedures, SERVICE, now))
    with connected(settings) as (sql, commit):
        yield _Writer(sql, commit, procedures.policy, people)


@contextlib.contextmanager
def connected(settings: Settings) -> Iterator[tuple[Sql, Callable[[], None]]]:
    """The home's database itself, and what commits there."""
    if settings.is_sqlite:
        with contextlib.closing(sqlite3.connect(settings.database_file)) as file:
            yield SqliteConnection(file), file.commit
    else:
        with psycopg.connect(settings.database_url or "") as connection:
            yield PostgresConnection(connection), connection.commit
            connection.execute("ANALYZE")  # what PostgreSQL does by itself a minute after such a change


class _Writer:
    def __init__(self, sql: Sql, commit: Callable[[], None], policy: Policy, people: Roster) -> None:
        self._sql = sql
        self._commit = commit
        self._policy = policy
        self._people = people

    @property
    def second_step(self) -> timedelta:
        """How long after its declaration a HIGH incident owes its second level a page."""
        waits = self._policy.timings[Severity.HIGH].unacknowledged[1].after
        if not isinstance(waits, timedelta):
            raise TypeError("The second step of HIGH must wait a fixed time for this benchmark.")
        return waits

    def rest(self, count: int) -> None:
        """Arm incidents that owe nothing for an hour."""
        self.alike(count, Severity.MEDIUM, "resting", datetime.now(UTC))

    def alike(self, count: int, severity: Severity, name: str, at: datetime) -> None:
        """Arm many of one kind: one is decided, the others are its like under other names."""
        events = decide(None, self._command(severity, f"{name}-1", at))
        pattern, declared = fold(events), events[0]
        if not isinstance(declared, Declared):
            raise TypeError("An incident's first event is that it was declared.")
        due_at = next_due(pattern, self._policy)

        def like(number: int) -> Addition:
            own, group = f"{declared.id}-{number}", f"{name}-{number}"
            renamed = replace(declared, id=own, group=group)
            return replace(pattern, id=own, group=group), (renamed, *events[1:]), due_at

        if like(2)[0] != fold(like(2)[1]):
            raise ValueError("An incident under another name is no longer the fold of its events; decide each one.")
        self._store(like(number) for number in range(2, count + 2))

    def due(self, count: int, over: float, first: datetime) -> dict[str, datetime]:
        """Arm incidents that owe their second level a page soon. Returns when each does, by id."""
        waits = self.second_step
        owed: dict[str, datetime] = {}

        def each() -> Iterator[Addition]:
            for number in range(count):
                at = first - waits + timedelta(seconds=over * number / count)
                events = decide(None, self._command(Severity.HIGH, f"due-{number}", at))
                incident = fold(events)
                owed[incident.id] = at + waits
                yield incident, events, next_due(incident, self._policy)

        self._store(each())
        return owed

    def _command(self, severity: Severity, name: str, at: datetime) -> Declare:
        return Declare(
            at=at,
            policy=self._policy,
            roster=self._people,
            id=f"INC-{at:%Y%m%d-%H%M%S}-{name.rpartition('-')[2]}",
            title=f"Armed {name}",
            service=SERVICE,
            group=name,
            severity=severity,
            origin="person",
        )

    def _store(self, armed: Iterator[Addition]) -> None:
        while batch := list(itertools.islice(armed, PER_TRANSACTION)):
            IncidentRows(self._sql).append(batch)
            self._commit()
