"""Operations that only look."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from tocsin.application.app import Application
from tocsin.application.asked import Nothing, meant, shown
from tocsin.application.handle import facts, found, standing
from tocsin.application.ports import Transaction
from tocsin.application.views import ahead_view, alert_view, entry_view, page_view, rfc3339, verify
from tocsin.domain.ahead import ahead
from tocsin.domain.errors import InvalidError, NotFoundError
from tocsin.domain.events import Actor
from tocsin.domain.lifecycle import Status
from tocsin.domain.schedules import on_call

Shown = dict[str, Any]
MOST = 1000
MOST_ALERTS = 100_000
_AHEAD = 12
_ALL = 10**9
_DIGITS = 18
_YEARS = range(1971, 9000)
"""Beyond these, a shift of an hour or a week can leave what a calendar knows."""


@dataclass(frozen=True, slots=True)
class Listing:
    """Which incidents, how many, and where to go on."""

    status: str = ""
    limit: int = 100
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class Paging:
    """How many, and where to go on."""

    limit: int = 100
    cursor: str = ""


@dataclass(frozen=True, slots=True)
class Reading:
    """A timeline: how much of it, and whether to verify it against a head kept elsewhere."""

    limit: int = 1000
    cursor: str = ""
    verify: bool = False
    head: str = ""


@dataclass(frozen=True, slots=True)
class OnCall:
    """Whose roster, and when; the default is everybody's, now."""

    service: str = ""
    at: str = ""


def _page(items: list[Shown], limit: int, cursor: str) -> Shown:
    return {"items": items, "next": cursor if len(items) == limit else None}


def _limit(asked: int, most: int = MOST) -> int:
    if not 1 <= asked <= most:
        raise InvalidError(f"limit is {asked}; it goes from 1 to {most}.")
    return asked


def _number(cursor: str) -> int:
    if cursor and not (cursor.isdecimal() and len(cursor) <= _DIGITS):
        raise InvalidError(f"'{cursor}' is not a cursor of this list; take `next` of the page before.")
    return int(cursor or 0)


def names(app: Application, transaction: Transaction) -> dict[str, str]:
    """Person ids to names, as of now."""
    return {person.id: person.name for person in app.shelf.active(transaction).people.values()}


def listing(app: Application, _actor: Actor, body: Listing) -> Shown:
    """Incidents, newest first."""
    limit = _limit(body.limit)
    if body.status not in {"", "open", *Status}:
        raise InvalidError(f"status is '{body.status}'; it is open, {', '.join(Status)}, or left out.")

    def work(transaction: Transaction) -> Shown:
        incidents = transaction.incidents.page_of(body.status, body.cursor, limit)
        items = [shown(app, transaction, incident) for incident in incidents]
        return _page(items, limit, items[-1]["id"] if items else "")

    return app.database.read(work)


def show(app: Application, _actor: Actor, _body: Nothing, incident: str) -> Shown:
    """One incident."""
    return app.database.read(lambda tx: shown(app, tx, found(tx, meant(tx, incident))))


def timeline(app: Application, _actor: Actor, body: Reading, incident: str) -> Shown:
    """What happened, link by link; `verify` also checks the chain from its first link to its head."""
    limit = _limit(body.limit)

    def work(transaction: Transaction) -> Shown:
        incident_id = meant(transaction, incident)
        people = names(app, transaction)
        entries = transaction.incidents.timeline(incident_id, _number(body.cursor), limit)
        items = [entry_view(entry, people) for entry in entries]
        page = _page(items, limit, str(entries[-1].seq) if entries else "")
        return page | _verified(transaction, incident_id, body.head) if body.verify else page

    return app.database.read(work)


def _verified(transaction: Transaction, incident_id: str, expected: str) -> Shown:
    entries = transaction.incidents.timeline(incident_id, 0, _ALL)
    head = transaction.incidents.head(incident_id)
    faults = verify(entries, head, incident_id)
    expected = expected.strip().lower()
    if expected and expected not in {entry.hash.hex() for entry in entries}:
        faults.append(f"the head {expected[:16]}… kept elsewhere is not in this chain: it was cut or rewritten")
    return {"verified": not faults, "faults": faults, "head": head[1].hex(), "links": len(entries)}


def next_rounds(app: Application, _actor: Actor, _body: Nothing, incident: str) -> Shown:
    """The ladder ahead: who is paged when if nobody does anything."""

    def work(transaction: Transaction) -> Shown:
        state = found(transaction, meant(transaction, incident))
        known = facts(app, transaction, state)
        people = names(app, transaction)
        coming = ahead(state, known.policy, known.roster, _AHEAD)
        return {"items": [ahead_view(one, people) for one in coming], "next": None}

    return app.database.read(work)


def pages(app: Application, _actor: Actor, body: Paging, incident: str) -> Shown:
    """Pages of an incident and where each stands."""
    limit = _limit(body.limit)

    def work(transaction: Transaction) -> Shown:
        rows = transaction.pages.page_of(meant(transaction, incident), body.cursor, limit)
        return _page([page_view(row) for row in rows], limit, rows[-1].id if rows else "")

    return app.database.read(work)


def page(app: Application, _actor: Actor, _body: Nothing, page: str) -> Shown:
    """One page and where it stands."""
    row = app.database.read(lambda tx: tx.pages.get(page))
    if row is None:
        raise NotFoundError(f"There is no page {page}.")
    return page_view(row)


def alerts(app: Application, _actor: Actor, body: Paging, incident: str) -> Shown:
    """Occurrences of alerts in an incident."""
    limit = _limit(body.limit, MOST_ALERTS)
    now = app.database.now()

    def work(transaction: Transaction) -> Shown:
        rows = transaction.alerts.page_of(meant(transaction, incident), _number(body.cursor), limit)
        return _page([alert_view(row, now) for row in rows], limit, str(rows[-1]["id"]) if rows else "")

    return app.database.read(work)


def moment(text: str, now: datetime) -> datetime:
    """An instant a person typed: RFC 3339 with an offset; empty is now.

    Raises:
        InvalidError: it is something else.
    """
    if not text:
        return now
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None or at.year not in _YEARS:
        raise InvalidError(f"'{text}' is not an instant; write it like 2026-11-23T09:00:00Z or with an offset.")
    return at


def oncall(app: Application, _actor: Actor, body: OnCall) -> Shown:
    """Who is on call at each level, with overrides."""
    at = moment(body.at, app.database.now())

    def work(transaction: Transaction) -> Shown:
        procedures = app.shelf.active(transaction)
        if body.service and body.service not in procedures.services:
            raise NotFoundError(
                f"There is no service '{body.service}'; there are {', '.join(sorted(procedures.services))}."
            )
        overrides = standing(transaction, procedures)
        service = procedures.service(body.service, "")
        items = []
        for level, title in sorted(procedures.policy.levels.items()):
            schedules = [name for name in service.staffing.get(level, ()) if name in procedures.schedules]
            people = [
                {"person": name, "name": procedures.people[name].name, "schedule": schedule}
                for schedule in schedules
                for name in on_call(procedures.schedules[schedule], at, overrides)
                if name in procedures.people
            ]
            items.append({"level": level, "title": title, "schedules": schedules, "people": people})
        return {"items": items, "next": None, "service": service.id, "at": rfc3339(at)}

    return app.database.read(work)


LAG_BUDGET = timedelta(seconds=30)


def readiness(app: Application) -> Shown:
    """Whether pages would go out: the database answers and nothing due has been waiting for long.

    Raises:
        UnavailableError: the database is out of reach.
    """

    def work(transaction: Transaction) -> tuple[datetime | None, datetime | None]:
        return transaction.next_tick_at(), transaction.pages.next_at()

    tick_at, page_at = app.database.read(work)
    now = app.database.now()
    waits = [now - at for at in (tick_at, page_at) if at is not None]
    lag = max([wait for wait in waits if wait > timedelta(0)], default=timedelta(0))
    return {
        "ready": lag < LAG_BUDGET,
        "engine_lag_seconds": round(lag.total_seconds(), 3),
        "clock_step_seconds": round(app.database.clock_step().total_seconds(), 1),
        "at": rfc3339(now),
    }
