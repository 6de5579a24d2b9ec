"""What people answer by text message or by a key during a call: they have it, or they cannot take it.

An answer is one person's, for one round, like the link's. It counts as long as that round waits for one; after that it
changes nothing, and says who has it.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from typing import Any

from tocsin.application.app import Application
from tocsin.application.callbacks import COUNTS_FOR
from tocsin.application.handle import carry_out, facts
from tocsin.application.links import answer_code
from tocsin.application.ports import Transaction
from tocsin.application.receipts import TOGETHER, carried_with, taken_by_now
from tocsin.application.records import Page, PageState
from tocsin.application.set_aside import SET_ASIDE
from tocsin.domain import commands as cmd
from tocsin.domain.errors import HeldError
from tocsin.domain.events import Actor
from tocsin.domain.incident import Incident
from tocsin.domain.people import dialled

HINTS = 3
"""How often a number is told what to reply about one page: whoever answers by itself must not be answered for ever."""

WRONG_CODES = 10
"""After this many from one number within an hour its codes count no more: a sender's number is easily forged."""

_REPLY = re.compile(r"\W*(?:(ack|ok|yes|no)\W+)?(\d{3})[ -]?(\d{3})\W*", re.ASCII | re.IGNORECASE)
"""A code, and one word at the most: an automatic reply that repeats our message holds the code among other words."""
SMS = "sms"


class Said(Enum):
    """What a person answered."""

    TAKE = "takes it"
    CANNOT = "cannot take it"


@dataclass(frozen=True, slots=True)
class Heard:
    """What stands after an answer, of one incident.

    Args:
        counted: whether it is so now: they have it, or are asked no more.
        incident_id: what it was about; empty for a test page.
        title: of the incident.
        holder: name of who has it; empty when nobody does, or it is over.
        over: whether the incident has ended.
        waits: whether it waits for this answer still.
        broken: whether the incident cannot be read.
        others: the same of every other incident that the message was about.
    """

    counted: bool
    incident_id: str = ""
    title: str = ""
    holder: str = ""
    over: bool = False
    waits: bool = False
    broken: bool = False
    others: tuple[Heard, ...] = ()


@dataclass(frozen=True, slots=True)
class Given:
    """An answer as it came in.

    Args:
        page: the page it answers.
        said: what the person it was sent to answered.
        by: how: "sms" or "voice"; the timeline shows it.
        callback: what makes this call of the provider different from all others; heard twice, it changes nothing.
        provider_id: what the provider calls the call that a key was pressed in.
    """

    page: Page
    said: Said
    by: str
    callback: str
    provider_id: str = ""


def answer(app: Application, given: Given) -> Heard:
    """Let the person a page was sent to answer it, and all that went out in the same message.

    An incident that cannot be read, or whose rules are broken, is left as it is, and takes no other with it.

    Raises:
        UnavailableError: the database is out of reach; what was not answered goes on.
    """
    page = given.page
    carried = app.database.read(lambda tx: carried_with(tx, page, given.provider_id, given.callback))
    for start in range(0, len(carried), TOGETHER):  # remembered with the last, so that nothing is left out
        _in_one(app, given, carried[start : start + TOGETHER], last=False)
    _in_one(app, given, [page], last=True)
    return app.database.read(lambda tx: _stands(app, tx, page, given.said))


def _in_one(app: Application, given: Given, pages: Sequence[Page], *, last: bool) -> None:
    def work(transaction: Transaction) -> None:
        if last and not transaction.receipts.remember(given.callback, app.database.now()):
            return
        for page in pages:
            problem = transaction.attempt(partial(_answer, app, transaction, given, page))
            if isinstance(problem, HeldError):  # it may well go when the provider calls again
                raise problem
            if problem is not None:
                SET_ASIDE.note(f"An answer to {page.incident_id or 'a test page'} could not be kept.", problem)
        app.crash("decide.before_commit")

    app.database.transact(work)
    app.crash("decide.after_commit")
    app.bell.ring()


def _answer(app: Application, transaction: Transaction, given: Given, page: Page) -> None:
    """A page that is answered has arrived (R24), which the answer then makes acknowledged."""
    incident = transaction.incidents.load(page.incident_id) if page.incident_id else None
    if page.incident_id and (incident is None or not _asks_for(incident, page, given.said)):
        return
    current = taken_by_now(app, transaction, page, given.provider_id)
    if current is not None:
        transaction.receipts.came(current, PageState.DELIVERED, app.database.now(), "")
    if incident is None:
        return
    known = facts(app, transaction, incident)
    shared: dict[str, Any] = {"at": known.at, "policy": known.policy, "roster": known.roster}
    shared |= {"actor": Actor(f"person:{page.person}", given.by), "person": page.person}
    takes = given.said is Said.TAKE
    carry_out(transaction, incident, cmd.Acknowledge(**shared, round=page.round) if takes else cmd.Decline(**shared))


def _asks_for(incident: Incident, page: Page, said: Said) -> bool:
    """Whether its round waits for such an answer; a new climb is not taken by an answer to the one before."""
    return page.round in incident.open_rounds and (said is Said.CANNOT or page.round >= incident.episode)


def _stands(app: Application, transaction: Transaction, page: Page, said: Said) -> Heard:
    """What stands now of all that the message was about; the same for the first time and for every other."""
    if not page.incident_id:
        return Heard(counted=True)
    pages = _by_incident(transaction, page)
    incidents = transaction.incidents.load_all(list(pages))
    heard = [_heard(app, transaction, each, incidents.get(each.incident_id), said) for each in pages.values()]
    return replace(heard[0], others=tuple(heard[1:]))


def _by_incident(transaction: Transaction, page: Page) -> dict[str, Page]:
    """The newest round's page of each incident that went out in the same message; the leader's incident first."""
    newest: dict[str, Page] = {}
    for each in (page, *transaction.receipts.carried(page)):
        if each.incident_id not in newest or each.round > newest[each.incident_id].round:
            newest[each.incident_id] = each
    return newest


def _heard(app: Application, transaction: Transaction, page: Page, incident: Incident | None, said: Said) -> Heard:
    if incident is None:
        return Heard(counted=False, incident_id=page.incident_id, broken=True)
    if not incident.is_open:
        return Heard(counted=False, incident_id=incident.id, title=incident.title, over=True)
    people, has_it = app.shelf.active(transaction).people, incident.acknowledged_by
    waits = _asks_for(incident, page, said)
    if said is Said.CANNOT:
        waits = any(page.person in it.persons for it in incident.unanswered if it.number == page.round)
    return Heard(
        counted=has_it == page.person if said is Said.TAKE else not waits and has_it != page.person,
        incident_id=incident.id,
        title=incident.title,
        holder=people[has_it].name if has_it in people else has_it,
        waits=waits,
    )


def asked_about(app: Application, page: Page) -> int:
    """How many incidents one answer to a page is about."""
    return app.database.read(lambda tx: len(_by_incident(tx, page)))


def read_reply(text: str) -> tuple[Said, str] | None:
    """What a text message answers, and its code; None when it is no answer.

    Args:
        text: such as "123456", "ok 123 456" or "NO 123456".
    """
    match = _REPLY.fullmatch(text.strip())
    if match is None:
        return None
    word, first, second = match.groups()
    return (Said.CANNOT if (word or "").lower() == "no" else Said.TAKE), first + second


def meant_by(app: Application, number: str, code: str) -> Page | None:
    """The page whose code somebody replied with; None when it is none of theirs.

    One whose round is over matches too: nothing comes of it but being told who has it.

    Args:
        app: the application.
        number: theirs, as the provider knows it.
        code: the digits.
    """
    for page in _sent_to(app, number):
        if hmac.compare_digest(answer_code(app, page.id), code):
            return page
    return None


def guessed_too_often(app: Application, number: str) -> bool:
    """Whether so many wrong codes came from a number within this hour that none counts."""
    return not app.database.read(lambda tx: tx.receipts.is_new(_wrong(app, number)[-1]))


def _wrong(app: Application, number: str) -> list[str]:
    hour = int(app.database.now().timestamp()) // 3600
    return [f"wrong {dialled(number)} {hour} {count}" for count in range(WRONG_CODES)]


def hint(app: Application, number: str, callback: str, *, wrong: bool) -> Page | None:
    """The page whose code to reply with, of what waits for an answer; None where nothing does, or it was said before.

    Args:
        app: the application.
        number: of whoever wrote something else, as the provider knows it.
        callback: what makes this call of the provider different from all others; heard twice, nothing is said.
        wrong: whether it was a code, and none of theirs.
    """
    pages = _sent_to(app, number)
    if not pages:  # a stranger
        return None
    waiting = app.database.read(lambda tx: next((page for page in pages if _waits(tx, page)), None))

    def first(transaction: Transaction, marks: Sequence[str]) -> bool:
        return any(transaction.receipts.remember(mark, app.database.now()) for mark in marks)

    def work(transaction: Transaction) -> bool:
        if not first(transaction, [callback]):
            return False
        if wrong:
            first(transaction, _wrong(app, number))
        return waiting is not None and first(transaction, [f"hint {waiting.id} {count}" for count in range(HINTS)])

    return waiting if app.database.transact(work) else None


def _waits(transaction: Transaction, page: Page) -> bool:
    """Whether anything that went out in its message waits; in a read, which locks nothing."""
    pages = _by_incident(transaction, page)
    incidents = transaction.incidents.load_all(list(pages))
    return any(it in incidents and pages[it].round in incidents[it].open_rounds for it in pages)


def _sent_to(app: Application, number: str) -> list[Page]:
    """What was sent to a number lately, newest first."""

    def work(transaction: Transaction) -> list[Page]:
        since = app.database.now() - COUNTS_FOR
        theirs = [
            person.id
            for person in app.shelf.active(transaction).people.values()
            if (contact := person.reached_by(SMS)) is not None and dialled(contact.address) == dialled(number)
        ]
        return [page for person in theirs for page in transaction.receipts.answerable(person, SMS, since)]

    return app.database.read(work)
