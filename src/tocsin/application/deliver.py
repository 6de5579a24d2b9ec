"""Getting a page out: claim, write, send, settle; each database step is one short transaction, none is open in a send.

A claim is a lease with a fence. If the process dies after the claim, the lease runs out and the page is sent again; a
result counts only with the fence it was claimed under.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from tocsin.application import bundles, callbacks, canary
from tocsin.application.app import Application
from tocsin.application.bundle_messages import IN_FULL, write_bundle
from tocsin.application.handle import BROKEN_RULES, carry_out, facts, intent
from tocsin.application.links import link
from tocsin.application.messages import Background, write, write_plainly, write_test
from tocsin.application.ports import Channel, ChannelError, Message, Receipt, Transaction
from tocsin.application.records import Lease, Page, PageState
from tocsin.domain import commands as cmd
from tocsin.domain.ahead import ahead
from tocsin.domain.incident import Incident
from tocsin.domain.people import Contact, Person
from tocsin.domain.react import SendPage, Topic

LEASE = timedelta(seconds=10)
SEND_DEADLINE_S = 8.0
"""Shorter than the lease: whoever still sends when its lease runs out has given up before another starts."""

STRANGE_AFTER = timedelta(seconds=10)
"""How long a page waits for a node of another release that has its channel."""

WAITS_AT_MOST = timedelta(seconds=15)
"""How long a page may wait for a worker before its person's other ways are tried: all of them within half a minute."""

RETRIES = tuple(timedelta(seconds=s) for s in (5, 10, 15, 30, 60, 120, 300, 300, 300, 300, 600, 600))
"""Waits before the second, third, … attempt of a page that failed for the moment."""

KEEP_TRYING = timedelta(minutes=10)
KEEP_TRYING_AFTER_A_DAY = timedelta(hours=1)
"""While nobody has answered its round a page is never given up for good: a password is mended, a server comes back."""

_A_DAY_OF_ATTEMPTS = len(RETRIES) + 144

GIVE_UP_LEVEL_AFTER = 3
"""Failed attempts after which the next level is paged, while this one goes on being tried."""

SETTLED_AT_ONCE = 250
_ERROR = 500
log = logging.getLogger("tocsin.engine")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one send."""

    page: Page
    state: PageState


def claim(app: Application, channel: str, limit: int) -> list[Page]:
    """Take due pages of a channel under a lease; where people read it, each with the others that it carries.

    Args:
        app: the application.
        channel: whose pages.
        limit: how many messages at the most; no more than can be started at once.

    Raises:
        UnavailableError: the database is out of reach; nothing was claimed.
    """
    now = app.database.now()
    lease = Lease(app.node, now, now + LEASE)

    def work(transaction: Transaction) -> list[Page]:
        if channel in app.machines:
            return transaction.pages.claim(channel, now, app.node, lease.until, limit)
        return bundles.claim(app, transaction, channel, lease, limit)

    pages = app.database.transact(work)
    if pages:
        app.crash("page.after_claim")
    return pages


def due(app: Application, known: Collection[str]) -> list[str]:
    """Which of these channels have something to send or a lease that ran out; asking costs less than a claim of each.

    Raises:
        UnavailableError: the database is out of reach.
    """
    now = app.database.now()
    return app.database.read(lambda tx: tx.pages.channels_due(known, now))


def strange(app: Application, known: Collection[str]) -> list[str]:
    """Channels with pages that no node has sent in time and this one does not have, after a downgrade perhaps.

    Claimed and delivered like any other, such a page fails for good, so that its person's next way is tried.
    """
    before = app.database.now() - STRANGE_AFTER
    waiting = app.database.read(lambda tx: tx.pages.channels_waiting(before))
    if waiting:
        app.database.transact(lambda tx: tx.pages.mend(before))
    return [name for name in waiting if name not in known]


def hasten_waiting(app: Application) -> int:
    """Send the other ways of people whose page has waited long for a free worker; how many there were.

    Raises:
        UnavailableError: the database is out of reach; nothing was changed.
    """
    now = app.database.now()
    before = now - WAITS_AT_MOST
    if not app.database.read(lambda tx: tx.pages.channels_waiting(before)):
        return 0
    return app.database.transact(lambda tx: tx.pages.hasten_waiting(before, now))


def deliver(app: Application, channels: Mapping[str, Channel], page: Page) -> Outcome | None:
    """Send one claimed page and record the result; None when it was no longer wanted or no longer ours."""
    message = prepare(app, page)
    return None if message is None else record(app, page, *send(app, channels, page, message))


def prepare(app: Application, page: Page) -> Message | ChannelError | None:
    """Look once more right before the send, then write the message.

    Returns:
        The message, or why it cannot be sent to anybody; None when it is no longer wanted or no longer ours.
    """

    def work(transaction: Transaction) -> Message | ChannelError | None:
        written = _prepare_all(app, transaction, page) if page.company else _prepare(app, transaction, page)
        return callbacks.answerable(app, transaction, page, written) if isinstance(written, Message) else written

    return app.database.transact(work)


def record(app: Application, page: Page, receipt: Receipt | None, failure: ChannelError | None) -> Outcome | None:
    """Keep what came of a send; None when the claim no longer holds, so that another's result counts."""
    app.crash("page.after_send")
    outcome = _settle_all(app, page, receipt, failure)
    app.bell.ring()
    return outcome


def fail(app: Application, page: Page, detail: str) -> None:
    """Record that a claimed page could not be written or sent, so that the next way is tried."""
    _settle_all(app, page, None, ChannelError(detail))


def send(
    app: Application, channels: Mapping[str, Channel], page: Page, message: Message | ChannelError
) -> tuple[Receipt | None, ChannelError | None]:
    """Hand the message to its channel, if its breaker lets it; no transaction is open. A receipt, or the failure."""
    if isinstance(message, ChannelError):
        return None, message
    insists = page.urgent and any(each.attempt % GIVE_UP_LEVEL_AFTER == 0 for each in (page, *page.company))
    channel = app.providers.guard(channels, page.channel, insists=insists)  # no level is given up untried
    if channel is None:
        return None, ChannelError(f"There is no channel named {page.channel} on this node.", permanent=True)
    try:
        return channel.send(message, SEND_DEADLINE_S), None
    except ChannelError as failure:
        return None, failure


def _prepare(app: Application, transaction: Transaction, page: Page) -> Message | ChannelError | None:
    """The incident is locked before its page is looked at, so that an acknowledgement that was quicker is seen."""
    incident = _incident(transaction, page)
    current = transaction.pages.claimed(page)
    if current is None or not _in_time(app, transaction, current):
        return None
    if current.superseded_by:
        transaction.pages.settle(current, PageState.SUPERSEDED, app.database.now(), "", "")
        return None
    if canary.is_canary(current):
        return canary.message(current)
    whom = _whom(app, transaction, page)
    if isinstance(whom, ChannelError):
        return whom
    if page.topic is Topic.TEST:
        return write_test(page.id, *whom, app.base_url(app.shelf.active(transaction)))
    return _written(app, transaction, page, incident, whom)


def _prepare_all(app: Application, transaction: Transaction, page: Page) -> Message | ChannelError | None:
    """The same for a page and its company, of which one alone may be left."""
    before = sorted(bundles.worth_telling((page, *page.company))[:IN_FULL], key=lambda it: it.incident_id)
    # Before any page, and in the order of their ids, as everybody locks incidents; no other is locked later.
    incidents = {each.incident_id: _incident(transaction, each) for each in before}
    now = app.database.now()
    wanted = bundles.wanted(transaction, page, now, now + LEASE)
    if not wanted:
        return None
    whom = _whom(app, transaction, page)
    if isinstance(whom, ChannelError):
        return whom
    telling = bundles.worth_telling(wanted)
    full = [each for each in telling if each.incident_id in incidents][:IN_FULL] or telling[:1]
    in_full = {each.id for each in full}
    others = [each for each in telling if each.id not in in_full]
    told = [_written(app, transaction, each, incidents.get(each.incident_id), whom) for each in full]
    if len(telling) == 1:  # one alone is left, or several rounds of one incident
        carries = tuple(each.id for each in wanted) if len(wanted) > 1 else ()
        return replace(told[0], page_id=wanted[0].id, carries=carries)
    return write_bundle(wanted, told, others, app.base_url(app.shelf.active(transaction)))


def _whom(app: Application, transaction: Transaction, page: Page) -> tuple[Person, Contact] | ChannelError:
    """Who it goes to, and where; as the procedures say now."""
    person = app.shelf.active(transaction).people.get(page.person)
    contact = person.reached_by(page.channel) if person else None
    if person is None or contact is None:
        return ChannelError(f"{page.person} has no {page.channel} contact any more.", permanent=True)
    return person, contact


def _written(
    app: Application, transaction: Transaction, page: Page, incident: Incident | None, whom: tuple[Person, Contact]
) -> Message:
    """A page or post in words; in plain ones where its own cannot be found."""
    person, contact = whom
    base_url = app.base_url(app.shelf.active(transaction))
    if incident is not None:
        try:
            return write(page, person, contact, background(app, transaction, incident, page))
        except BROKEN_RULES:
            log.exception("Page %s goes out with the plain facts: it could not be written as it should be.", page.id)
    return write_plainly(page, person, contact, incident, link(app, base_url, page.id))


def _incident(transaction: Transaction, page: Page) -> Incident | None:
    """The page's incident, locked; None for a test page, and when it cannot be read."""
    try:
        return transaction.incidents.load(page.incident_id) if page.incident_id else None
    except BROKEN_RULES:
        log.exception("The incident of page %s cannot be read.", page.id)
        return None


def _in_time(app: Application, transaction: Transaction, page: Page) -> bool:
    """Whether the send ends within the lease; one that begins late begins its lease anew, if nobody else has it."""
    now, sent_at = app.database.now(), page.sent_at
    late = sent_at is None or now + timedelta(seconds=SEND_DEADLINE_S) > sent_at + LEASE
    return not late or transaction.pages.renew(page, now + LEASE)


def background(app: Application, transaction: Transaction, incident: Incident, page: Page) -> Background:
    """What a message about this page is written from."""
    known = facts(app, transaction, incident)
    procedures = app.shelf.active(transaction)
    base_url = app.base_url(procedures)
    coming = ahead(incident, known.policy, known.roster, 1)
    return Background(
        incident=incident,
        at=known.at,
        event=transaction.incidents.event(page.incident_id, page.seq),
        names={person.id: person.name for person in procedures.people.values()},
        ahead=coming[0] if coming else None,
        policy=known.policy,
        base_url=base_url,
        link=link(app, base_url, page.id),
    )


def _settle_all(app: Application, page: Page, receipt: Receipt | None, failure: ChannelError | None) -> Outcome | None:
    """Keep the result of a page and of each that it carried, some at a time, so that a large bundle stops nobody."""
    left = page.company

    def work(transaction: Transaction) -> dict[str, Outcome | None]:
        in_order = sorted(some, key=lambda each: each.incident_id)  # as everybody locks incidents
        return {each.id: _settle(app, transaction, each, receipt, failure) for each in in_order}

    some, later = (page, *left[:SETTLED_AT_ONCE]), left[SETTLED_AT_ONCE:]
    outcomes = app.database.transact(work)
    while later:
        if failure is not None:  # what it leads to takes its time; no incident is held, so nobody waits in a circle
            app.database.transact(partial(bundles.keep, later, app.database.now() + LEASE))
        some, later = later[:SETTLED_AT_ONCE], later[SETTLED_AT_ONCE:]
        app.database.transact(work)
    if left and receipt is not None and not receipt.delivered:
        _share_fate(app, (page, *left), receipt.provider_id[:_ERROR])
    return outcomes[page.id]


def _share_fate(app: Application, pages: tuple[Page, ...], provider_id: str) -> None:
    """Bad news that came before we had recorded what a message carried counts for all of it: each is tried again."""

    def work(transaction: Transaction) -> None:
        current = (transaction.pages.get(page.id) for page in some)
        sent = [page for page in current if page is not None and page.provider_id == provider_id]
        for page in sorted(sent, key=lambda it: it.incident_id):
            incident, last = _incident(transaction, page), page.attempt > len(RETRIES)
            state = PageState.EXHAUSTED if last else PageState.FAILED
            came = transaction.receipts.came(page, state, app.database.now(), news)
            if came and incident is not None:
                _fall_back(app, transaction, incident, page, last=last)

    news = app.database.read(lambda tx: bundles.bad_news(tx, pages, provider_id))
    for start in range(0, len(pages) if news else 0, SETTLED_AT_ONCE):
        some = pages[start : start + SETTLED_AT_ONCE]
        app.database.transact(work)


def _settle(
    app: Application, transaction: Transaction, page: Page, receipt: Receipt | None, failure: ChannelError | None
) -> Outcome | None:
    app.crash("page.before_result")
    now = app.database.now()
    if receipt is not None:
        state = PageState.DELIVERED if receipt.delivered else PageState.ACCEPTED
        incident = _incident(transaction, page) if receipt.again_after else None
        held = transaction.pages.settle(page, state, now, "", receipt.provider_id[:_ERROR])
        if held or _reported_before(transaction, page, receipt):
            callbacks.taken(app, transaction, incident, page, receipt)
        return Outcome(page, state) if held else None
    assert failure is not None, "a send has a receipt or a failure"
    incident = _incident(transaction, page)  # before its page, as everywhere, so that nobody waits for us in a circle
    current = transaction.pages.claimed(page)
    last = failure.permanent or page.attempt > len(RETRIES)
    state = PageState.EXHAUSTED if last else PageState.FAILED
    if current is not None and current.superseded_by:
        state = PageState.SUPERSEDED
    if not transaction.pages.settle(page, state, now, failure.detail[:_ERROR], ""):
        return None
    if incident is not None and state is not PageState.SUPERSEDED:
        _fall_back(app, transaction, incident, page, last=last)
    return Outcome(page, state)


def _reported_before(transaction: Transaction, page: Page, receipt: Receipt) -> bool:
    """Whether the provider itself has told of this send already, before its answer to it was kept."""
    current = transaction.pages.get(page.id) if receipt.provider_id else None
    return current is not None and current.provider_id == receipt.provider_id


def goes_on(app: Application, transaction: Transaction, incident: Incident, page: Page, *, last: bool) -> None:
    """After a provider took a page and it did not arrive: as after any other failure (`application.receipts`).

    Args:
        app: the application.
        transaction: the caller's.
        incident: the page's, locked.
        page: which; it is failed, or exhausted where this was its last attempt.
        last: see `page`.
    """
    _fall_back(app, transaction, incident, page, last=last)


def _fall_back(app: Application, transaction: Transaction, incident: Incident, page: Page, *, last: bool) -> None:
    """After a failure: try again, hasten the person's next channel, and give up on the level when nothing is left.

    Where nothing else can reach a level whose round nobody has answered, a page is tried again whatever the failure; a
    post that failed for good is not, nor a page whose person a newer round is trying: hours of an outage would end in a
    mail for each round.
    """
    wanted = page.round in incident.open_rounds if page.urgent else not last
    if not wanted:
        return
    at = max(app.database.now(), incident.updated_at)
    if page.urgent:
        transaction.pages.hasten(page, at)
    alone = page.urgent and not transaction.pages.live(page.incident_id, page.round, page.level)
    if not last or (alone and not _tried_anew(incident, page)):
        send_at = at + _wait(page.attempt, last=last)
        send = SendPage(page.topic, page.round, page.level, page.person, page.channel, send_at)
        transaction.pages.plan([intent(incident, send, at, page.attempt + 1, seq=page.seq)])
    if alone and (last or page.attempt >= GIVE_UP_LEVEL_AFTER):
        _give_up_level(app, transaction, incident, page)


def _tried_anew(incident: Incident, page: Page) -> bool:
    """Whether a newer round that nobody has answered pages the same person."""
    return any(item.number > page.round and page.person in item.persons for item in incident.unanswered)


def _wait(attempt: int, *, last: bool) -> timedelta:
    """How long to wait after this attempt."""
    if not last:
        return RETRIES[attempt - 1]
    return KEEP_TRYING if attempt <= _A_DAY_OF_ATTEMPTS else KEEP_TRYING_AFTER_A_DAY


def _give_up_level(app: Application, transaction: Transaction, incident: Incident, page: Page) -> None:
    try:
        known = facts(app, transaction, incident)
        command = cmd.GiveUpLevel(
            at=known.at, policy=known.policy, roster=known.roster, round=page.round, level=page.level
        )
        carry_out(transaction, incident, command)
    except BROKEN_RULES:  # its ticks page the default level
        log.exception("The rules of %s are broken.", incident.id)
