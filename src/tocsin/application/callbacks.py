"""What goes out with a message so that its provider can call back, and what is expected once the provider took it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

from tocsin.application.app import Application
from tocsin.application.handle import intent
from tocsin.application.links import answer_code
from tocsin.application.ports import Answering, Message, Receipt, Transaction
from tocsin.application.records import Page
from tocsin.domain.incident import Incident
from tocsin.domain.react import SendPage, Topic

COUNTS_FOR = timedelta(hours=12)
"""How long what comes back about a message counts; carriers keep one for a phone that is off."""

REMEMBERED = timedelta(days=3)
"""How long calls of providers are remembered; longer than they count, so that none is heard twice."""

A_PAIR = timedelta(minutes=3)
"""Calls within this long of each other are a pair (RULES.md *Who is told*)."""


def answerable(app: Application, transaction: Transaction, page: Page, message: Message) -> Message:
    """The message with the way back to its page.

    Args:
        app: the application.
        transaction: the caller's.
        page: what is sent, or one of the pages that are.
        message: as it was written; its `page_id` is the one that is answered.
    """
    base_url = app.base_url(app.shelf.active(transaction))
    until = int((app.database.now() + COUNTS_FOR).timestamp())
    code = answer_code(app, message.page_id) if page.topic is Topic.PAGE else ""
    return replace(message, answering=Answering(base_url, until, code))


def taken(app: Application, transaction: Transaction, incident: Incident | None, page: Page, receipt: Receipt) -> None:
    """A provider took a page: when it is to say what became of it, and whether it goes out once more.

    Args:
        app: the application.
        transaction: the caller's.
        incident: the page's, locked; only needed where the page goes out once more.
        page: which.
        receipt: the provider's.
    """
    now = app.database.now()
    if page.urgent and receipt.word_within is not None and not receipt.delivered:
        transaction.receipts.expect(page, now + receipt.word_within)
    if receipt.again_after is None or incident is None or not page.urgent or page.round not in incident.open_rounds:
        return
    if not is_second(transaction, incident, page, now):
        again = _attempt(incident, page, page.attempt + 1, max(now, incident.updated_at) + receipt.again_after)
        transaction.pages.plan([again])


def is_second(transaction: Transaction, incident: Incident, page: Page, at: datetime) -> bool:
    """Whether a page follows one that the provider took shortly before, so that the pair is complete."""
    if page.attempt == 1:
        return False
    first = transaction.pages.get(_attempt(incident, page, page.attempt - 1, at).id)
    return first is not None and bool(first.provider_id) and first.sent_at is not None and at - first.sent_at <= A_PAIR


def _attempt(incident: Incident, page: Page, attempt: int, send_at: datetime) -> Page:
    send = SendPage(page.topic, page.round, page.level, page.person, page.channel, send_at)
    return intent(incident, send, send_at, attempt, seq=page.seq)
