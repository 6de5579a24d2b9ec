"""What the engine does when time has passed: `tick` and `report`, each one short transaction and steppable.

A tick is never set aside as poison, and delays no other: an incident whose rules cannot be computed pages the default
level with the plain facts, is tried again every minute, and is logged (ARCHITECTURE.md *Engine and storage*).
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from tocsin.application.app import Application
from tocsin.application.handle import (
    BROKEN_RULES,
    Decision,
    bound_policy,
    carry_out,
    facts,
    keep,
    roster,
    weigh,
)
from tocsin.application.ports import Transaction
from tocsin.application.records import Page
from tocsin.application.set_aside import SET_ASIDE
from tocsin.domain import commands as cmd
from tocsin.domain.errors import HeldError, UnavailableError
from tocsin.domain.events import PageResult
from tocsin.domain.incident import Incident
from tocsin.domain.people import Person, Roster
from tocsin.domain.react import Topic

BATCH = 25
"""Timers in one transaction: few enough that alerts soon have their turn, whatever the machine has to do besides."""
REPORT_AT_ONCE = 200
FORGET_AT_ONCE = 2000
PAYLOADS_KEPT = timedelta(days=90)
RETRY_TICK = timedelta(minutes=1)
REMIND_HOLDER = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Ticked:
    """What one tick did.

    Args:
        done: incidents looked at.
        failed: ids of incidents whose rules could not be computed.
    """

    done: int
    failed: tuple[str, ...] = ()


def tick(app: Application) -> Ticked:
    """Do what is owed by every incident whose timer has run out, up to `BATCH` of them.

    Raises:
        UnavailableError: the database is out of reach; nothing was changed.
    """
    now = app.database.now()

    def work(transaction: Transaction) -> Ticked:
        incidents = transaction.incidents.due(now, BATCH)
        failed = _tick_all(app, transaction, incidents, now)
        if incidents:
            app.crash("decide.before_commit")
        return Ticked(len(incidents), failed)

    ticked = app.database.transact(work)
    if ticked.done:
        app.crash("decide.after_commit")
        app.bell.ring()
    return ticked


def _id(one: Incident | str) -> str:
    return one if isinstance(one, str) else one.id


def _tick_all(
    app: Application, transaction: Transaction, incidents: Sequence[Incident | str], now: datetime
) -> tuple[str, ...]:
    """Tick them together, which is cheap; only when one of them is in the way, each between savepoints of its own."""

    def together() -> None:
        keep(transaction, list(_weighed(app, transaction, incidents, now)))

    if not incidents or transaction.attempt(together) is None:
        return ()
    return tuple(_id(one) for one in incidents if not _ticked_alone(app, transaction, one, now))


def _weighed(
    app: Application, transaction: Transaction, incidents: Sequence[Incident | str], now: datetime
) -> Iterator[Decision]:
    """What each tick comes to; who is on call for a service is looked up once."""
    live = app.shelf.active(transaction)
    rosters: dict[tuple[str, datetime], Roster] = {}
    for one in incidents:
        if isinstance(one, str):
            raise UnavailableError(f"Neither the state nor the log of {one} can be read.")
        at = max(now, one.updated_at)
        if (one.service, at) not in rosters:
            rosters[one.service, at] = roster(transaction, live, one.service, at)
        policy = bound_policy(app, transaction, one)
        yield weigh(one, cmd.Tick(at=at, policy=policy, roster=rosters[one.service, at]))


def _ticked_alone(app: Application, transaction: Transaction, one: Incident | str, now: datetime) -> bool:
    """Whether it could be ticked; when not, the default level is paged, and it is tried again in a minute."""
    problem = transaction.attempt(lambda: keep(transaction, list(_weighed(app, transaction, [one], now))))
    if problem is None:
        return True
    SET_ASIDE.note(
        f"The rules of {_id(one)} are broken, or its rows; the default level is paged, and it is tried each minute.",
        problem,
    )
    unheard = transaction.attempt(lambda: transaction.pages.plan(_plain_pages(app, transaction, one, now)))
    if unheard is not None:
        SET_ASIDE.note(f"Nobody could be paged about {_id(one)} either.", unheard, unheard=True)
    transaction.incidents.rearm(_id(one), now + RETRY_TICK)
    return False


def _plain_pages(app: Application, transaction: Transaction, one: Incident | str, now: datetime) -> list[Page]:
    """The last resort of an incident whose rules are broken: the default level hears of it, by all its people have.

    Every minute while nobody has it, and every hour once somebody does.
    """
    incident = None if isinstance(one, str) else one
    every = REMIND_HOLDER if incident is not None and incident.is_acknowledged else RETRY_TICK
    attempt = int(now.timestamp() // every.total_seconds())
    return [
        Page(
            id=f"pg-{hashlib.sha256(f'{_id(one)} {person.id} {channel} {attempt}'.encode()).hexdigest()[:20]}",
            incident_id=_id(one),
            seq=incident.seq if incident else 0,
            round=incident.round if incident else 0,
            level=0,
            person=person.id,
            channel=channel,
            attempt=attempt,
            topic=Topic.PAGE,
            lane=incident.severity.rank if incident else 0,
            send_at=now,
            intended_at=now,
        )
        for person in _audience(app, transaction, incident, now)
        for channel in dict.fromkeys(contact.channel for contact in person.contacts)
    ]


def _audience(app: Application, transaction: Transaction, incident: Incident | None, now: datetime) -> Iterable[Person]:
    """The default level; with nobody there whoever is on call, and with nobody on call, or no telling, everybody."""
    live = app.shelf.active(transaction)
    try:
        levels = roster(transaction, live, incident.service if incident else "", now).levels
    except BROKEN_RULES:
        return live.people.values()
    on_call = {person.id: person for level in levels.values() for person in level}
    return levels.get(live.policy.default_level) or on_call.values() or live.people.values()


def report(app: Application) -> int:
    """Put results of sends onto the chains, a batch per incident; how many were."""

    def work(transaction: Transaction) -> int:
        count = 0
        for incident_id, pages in sorted(transaction.pages.unreported(REPORT_AT_ONCE).items()):
            _report_one(app, transaction, incident_id, pages)
            count += len(pages)
        return count

    return app.database.transact(work)


def _report_one(app: Application, transaction: Transaction, incident_id: str, pages: list[Page]) -> None:
    """What cannot be put on its chain is not tried again, lest it keep others from theirs; its pages have it too.

    Where another node only holds the incident for long, it comes with a later report.
    """
    problem = transaction.attempt(lambda: _put_on_chain(app, transaction, incident_id, pages))
    if problem is not None:
        SET_ASIDE.note(f"Results of pages could not be put on the chain of {incident_id}.", problem)
    if problem is not None and not isinstance(problem, HeldError):
        transaction.pages.reported(pages)


def _put_on_chain(app: Application, transaction: Transaction, incident_id: str, pages: list[Page]) -> None:
    """The incident is held before its pages are marked, so that of two nodes that read the same results one reports."""
    incident = transaction.incidents.load(incident_id)
    results = tuple(PageResult(page.id, page.state.value) for page in transaction.pages.reported(pages))
    if incident is not None and results:  # test pages belong to no incident
        known = facts(app, transaction, incident)
        command = cmd.ReportPages(at=known.at, policy=known.policy, roster=known.roster, results=results)
        carry_out(transaction, incident, command)


def forget(app: Application) -> int:
    """Drop the payloads of alerts that ended long ago; incidents and their events are kept for ever.

    Returns:
        How many; when as many as `FORGET_AT_ONCE`, there may be more.
    """
    before = app.database.now() - PAYLOADS_KEPT
    return app.database.transact(lambda tx: tx.alerts.forget_payloads(before, FORGET_AT_ONCE))


def next_tick(app: Application) -> timedelta | None:
    """How long until the next timer runs out, zero or less when it has; None when none is armed."""
    return _from_now(app, app.database.read(lambda tx: tx.next_tick_at()))


def next_page(app: Application) -> timedelta | None:
    """How long until a page is to be sent or a lease runs out, zero or less when it is due; None when none waits."""
    return _from_now(app, app.database.read(lambda tx: tx.pages.next_at()))


def _from_now(app: Application, at: datetime | None) -> timedelta | None:
    return None if at is None else at - app.database.now()
