"""What the engine does when time has passed: `tick` and `report`, each one short transaction and steppable.

A tick is never set aside as poison: an incident whose rules cannot be computed pages the default level with the plain
facts, is tried again every minute, and the operator is told (ARCHITECTURE.md *Engine and storage*).
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from tocsin.application.app import Application
from tocsin.application.handle import Facts, carry_out, facts, intent
from tocsin.application.ports import Transaction
from tocsin.application.records import Page
from tocsin.domain import commands as cmd
from tocsin.domain.events import PageResult
from tocsin.domain.incident import Incident
from tocsin.domain.react import SendPage, Topic

BATCH = 200
PAYLOADS_KEPT = timedelta(days=90)
RETRY_TICK = timedelta(minutes=1)
log = logging.getLogger("tocsin.engine")


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
        failed = [one.id for one in incidents if not _tick_one(app, transaction, one, now)]
        if incidents:
            app.crash("decide.before_commit")
        return Ticked(len(incidents), tuple(failed))

    ticked = app.database.transact(work)
    if ticked.done:
        app.crash("decide.after_commit")
        app.bell.ring()
    return ticked


def _tick_one(app: Application, transaction: Transaction, incident: Incident, now: datetime) -> bool:
    known: Facts | None = None
    try:
        known = facts(app, transaction, incident)
        command = cmd.Tick(at=known.at, policy=known.policy, roster=known.roster)
        carry_out(transaction, incident, command)
    except (ArithmeticError, AssertionError, LookupError, TypeError, ValueError):
        log.exception("The rules of %s cannot be computed; paging the default level.", incident.id)
        _page_plainly(transaction, incident, known, now)
        transaction.incidents.rearm(incident.id, now + RETRY_TICK)
        return False
    return True


def _page_plainly(transaction: Transaction, incident: Incident, known: Facts | None, now: datetime) -> None:
    """The last resort of an incident whose rules are broken: everybody on call hears of it, by all they have."""
    if known is None:
        return
    minute = int(now.timestamp() // 60)
    people = {person.id: person for level in known.roster.levels.values() for person in level} or known.roster.people
    pages = [
        intent(incident, SendPage(Topic.PAGE, incident.round, 0, person.id, contact.channel, now), now, attempt=minute)
        for person in people.values()
        for contact in person.contacts
    ]
    transaction.pages.plan(pages)


def report(app: Application) -> int:
    """Put results of sends onto the chains, a batch per incident; how many were."""

    def work(transaction: Transaction) -> int:
        count = 0
        for incident_id, pages in sorted(transaction.pages.unreported(BATCH).items()):
            _report_one(app, transaction, incident_id, pages)
            count += len(pages)
        return count

    return app.database.transact(work)


def _report_one(app: Application, transaction: Transaction, incident_id: str, pages: list[Page]) -> None:
    """The incident is held before its pages are marked, so that of two nodes that read the same results one reports."""
    incident = transaction.incidents.load(incident_id)
    results = tuple(PageResult(page.id, page.state.value) for page in transaction.pages.reported(pages))
    if incident is not None and results:  # test pages belong to no incident
        known = facts(app, transaction, incident)
        command = cmd.ReportPages(at=known.at, policy=known.policy, roster=known.roster, results=results)
        carry_out(transaction, incident, command)


def forget(app: Application) -> int:
    """Drop the payloads of alerts that ended long ago; incidents and their events are kept for ever."""
    before = app.database.now() - PAYLOADS_KEPT
    return app.database.transact(lambda tx: tx.alerts.forget_payloads(before))


def next_tick(app: Application) -> timedelta | None:
    """How long until the next timer runs out, zero or less when it has; None when none is armed."""
    return _from_now(app, app.database.read(lambda tx: tx.next_tick_at()))


def next_page(app: Application) -> timedelta | None:
    """How long until a page is to be sent or a lease runs out, zero or less when it is due; None when none waits."""
    return _from_now(app, app.database.read(lambda tx: tx.pages.next_at()))


def _from_now(app: Application, at: datetime | None) -> timedelta | None:
    return None if at is None else at - app.database.now()
