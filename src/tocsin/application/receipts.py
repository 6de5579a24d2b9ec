"""★ What becomes of a page after its provider took it: it arrived, it did not, or nobody ever says.

A provider's word may come before our own record of the send: whoever reports a message has taken it, so it is recorded
as taken first. Bad news counts only about the message we know of; good news always.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from functools import partial

from tocsin.application.app import Application
from tocsin.application.callbacks import REMEMBERED, is_second
from tocsin.application.deliver import RETRIES, goes_on
from tocsin.application.handle import BROKEN_RULES
from tocsin.application.ports import Outcome, Transaction, Word
from tocsin.application.records import Page, PageState
from tocsin.application.set_aside import SET_ASIDE
from tocsin.domain.errors import HeldError, NotFoundError
from tocsin.domain.incident import Incident
from tocsin.domain.rounds import VOICE

TOGETHER = 50
"""Pages of one message that are changed in one transaction, so that a large bundle stops nobody."""

BATCH = 100
FORGET_AT_ONCE = 2000
log = logging.getLogger("tocsin.engine")


def hear(app: Application, page_id: str, word: Word, callback: str) -> None:
    """Take a provider's word for what became of a message.

    Args:
        app: the application.
        page_id: the page it was sent for; those that it carried share its fate.
        word: what the provider says.
        callback: what makes this call of the provider different from all others; heard twice, it changes nothing.

    Raises:
        NotFoundError: there is no such page.
        UnavailableError: the database is out of reach; nothing was changed.
    """
    page = found(app, page_id)
    carried = app.database.read(lambda tx: carried_with(tx, page, word.provider_id, callback))
    _hear_some(app, carried, word)
    if app.database.transact(lambda tx: _hear_once(app, tx, page, word, callback)):
        heard, now = {each.id for each in carried}, app.database.read(lambda tx: _recorded(tx, page, word.provider_id))
        _hear_some(app, [each for each in now if each.id not in heard], word)  # recorded while the others were heard
    app.bell.ring()


def carried_with(transaction: Transaction, page: Page, provider_id: str, callback: str) -> list[Page]:
    """The pages that went out in the same message, unless this call of the provider was heard before.

    Only those of which it is recorded: a page that was sent again may go in other company than the first time, and what
    is said of the first message says nothing of those that joined it since.
    """
    return _recorded(transaction, page, provider_id) if transaction.receipts.is_new(callback) else []


def _recorded(transaction: Transaction, page: Page, provider_id: str) -> list[Page]:
    leader = transaction.pages.get(page.id)
    if leader is None:
        return []
    message = provider_id or leader.provider_id
    return [
        each
        for each in transaction.receipts.carried(page)
        if each.provider_id == message and each.state not in {PageState.PLANNED, PageState.SENDING}
    ]


def found(app: Application, page_id: str) -> Page:
    """The page a provider speaks of.

    Raises:
        NotFoundError: there is none of that id.
    """
    page = app.database.read(lambda tx: tx.pages.get(page_id))
    if page is None:
        raise NotFoundError("There is no such page here; nothing was changed.")
    return page


def _hear_some(app: Application, pages: Sequence[Page], word: Word) -> None:
    for start in range(0, len(pages), TOGETHER):
        app.database.transact(partial(_hear_all, app, pages[start : start + TOGETHER], word))


def _hear_all(app: Application, pages: Sequence[Page], word: Word, transaction: Transaction) -> None:
    for page in pages:
        _hear(app, transaction, page, word)


def _hear_once(app: Application, transaction: Transaction, page: Page, word: Word, callback: str) -> bool:
    new = transaction.receipts.remember(callback, app.database.now())
    if new:
        _hear(app, transaction, page, word)
    return new


def _hear(app: Application, transaction: Transaction, page: Page, word: Word) -> None:
    """The incident is locked before its page, as everywhere."""
    incident = _incident(transaction, page)
    current = taken_by_now(app, transaction, page, word.provider_id)
    if current is None:
        return
    now, ours = app.database.now(), current.provider_id in {"", word.provider_id}
    match word.outcome:
        case Outcome.DELIVERED:
            transaction.receipts.came(current, PageState.DELIVERED, now, "")
        case Outcome.FAILED if ours:
            _fail(app, transaction, incident, current, word)
        case Outcome.UNHEARD if ours:
            _hasten(app, transaction, incident, current)
        case _:
            log.info("Page %s was sent twice, and the other message counts: %s.", current.id, word.detail)


def taken_by_now(app: Application, transaction: Transaction, page: Page, provider_id: str) -> Page | None:
    """The page if its provider has it; one that is still being sent, as far as we know, is recorded as taken first."""
    current = transaction.pages.get(page.id)
    if current is not None and current.state is PageState.SENDING:
        transaction.pages.settle(current, PageState.ACCEPTED, app.database.now(), "", provider_id)
        current = transaction.pages.get(page.id)
    return current if current is not None and current.state is PageState.ACCEPTED else None


def _fail(app: Application, transaction: Transaction, incident: Incident | None, page: Page, word: Word) -> None:
    """Of two calls that nobody answers the second is the last: the next round calls again."""
    now = app.database.now()
    last = word.permanent or page.attempt > len(RETRIES)
    if page.channel == VOICE and incident is not None:
        last = last or is_second(transaction, incident, page, now)
    state = PageState.EXHAUSTED if last else PageState.FAILED
    if transaction.receipts.came(page, state, now, word.detail) and incident is not None:
        goes_on(app, transaction, incident, page, last=last)


def _hasten(app: Application, transaction: Transaction, incident: Incident | None, page: Page) -> None:
    """Nothing shows that the person knows of it: their other ways are tried now, and the page stays as it is."""
    transaction.receipts.no_longer_awaited(page)
    if incident is not None and page.urgent and page.round in incident.open_rounds:
        transaction.pages.hasten(page, max(app.database.now(), incident.updated_at))


def overdue(app: Application) -> int:
    """Hasten the other ways of people of whose page its provider took no further notice; how many there were.

    What another node holds for long comes with a later look.

    Raises:
        UnavailableError: the database is out of reach; nothing was changed.
    """
    now = app.database.now()
    next_at = app.database.read(lambda tx: tx.receipts.next_at())
    if next_at is None or next_at > now:  # looking takes no turn of the writer
        return 0
    pages = app.database.read(lambda tx: tx.receipts.overdue(now, BATCH))
    noticed = app.database.transact(lambda tx: _overdue(app, tx, pages)) if pages else 0
    if noticed:
        app.bell.ring()
    return noticed


def _overdue(app: Application, transaction: Transaction, pages: list[Page]) -> int:
    """Each page by itself, so that one that is in the way stops no other; how many are done with."""
    noticed, held = 0, set[str]()
    for page in sorted(pages, key=lambda it: (it.incident_id, it.id)):
        if page.incident_id in held:  # waiting for it once is enough
            continue
        problem = transaction.attempt(partial(_unheard, app, transaction, page))
        if isinstance(problem, HeldError):
            held.add(page.incident_id)
            continue
        if problem is not None:
            SET_ASIDE.note(f"Other ways than page {page.id} keep their time: its rows are broken.", problem)
            transaction.attempt(partial(_await_no_longer, transaction, page))
        noticed += 1
    return noticed


def _unheard(app: Application, transaction: Transaction, page: Page) -> None:
    incident = _incident(transaction, page)
    current = transaction.pages.get(page.id)
    if current is not None and current.state is PageState.ACCEPTED:
        log.warning("There is no word of page %s by %s; other ways are tried.", page.id, page.channel)
        _hasten(app, transaction, incident, current)
    else:
        transaction.receipts.no_longer_awaited(page)


def _await_no_longer(transaction: Transaction, page: Page) -> None:
    transaction.receipts.no_longer_awaited(page)


def _incident(transaction: Transaction, page: Page) -> Incident | None:
    """The page's incident, locked; None for a test page, and when it cannot be read."""
    try:
        return transaction.incidents.load(page.incident_id) if page.incident_id else None
    except BROKEN_RULES:
        log.exception("The incident of page %s cannot be read.", page.id)
        return None


def forget(app: Application) -> int:
    """Forget calls of providers that are too old to be heard anyhow; how many."""
    before = app.database.now() - REMEMBERED
    return app.database.transact(lambda tx: tx.receipts.forget(before, FORGET_AT_ONCE))
