"""The promises that hold when the faults have stopped: it goes on climbing, it drains, and nothing was lost."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from tests.simulation.outbox import SETTLED
from tests.simulation.owed import Account
from tests.simulation.promises import Promises
from tests.simulation.world import BrokenPromiseError
from tocsin.application.records import Page
from tocsin.application.views import verify
from tocsin.db.codec import micros

SETTLES_WITHIN = timedelta(minutes=13)
"""The longest wait between two attempts is ten minutes; then it goes out with the next bundle, soon after."""

PROMPT = timedelta(seconds=30)
"""When all is well, what is due goes out at least this soon, even behind a crowd."""


def drained(promises: Promises, now: datetime) -> None:
    """The backlog of the chaos is gone: what was intended long ago has its end, and nothing due is left lying."""
    long_ago, just_now = micros(now - SETTLES_WITHIN), micros(now - PROMPT)
    left = promises.store.ask(
        "SELECT id, state FROM pages WHERE state IN ('planned', 'sending') AND (intended_at < ? OR wake_at < ?)",
        long_ago,
        just_now,
    )
    for (page_id,) in promises.store.ask("SELECT id FROM pages WHERE receipt_by < ?", just_now):
        raise BrokenPromiseError("I3: no word came of a page, and nobody noticed", page_id)
    for page_id, state in left:
        raise BrokenPromiseError(f"I10: a page is still {state} long after the faults have stopped", page_id)


def at_rest(promises: Promises, taken: Counter[str]) -> None:
    """Every incident is over: nothing is armed, every page has its end, every chain verifies, every alert is there."""
    asked = promises.store.ask
    for (page_id,) in asked("SELECT id FROM pages WHERE wake_at IS NOT NULL OR reported = 0"):
        raise BrokenPromiseError("I10: a page still wants attention", page_id)
    for (incident_id,) in asked("SELECT id FROM incidents WHERE next_due_at IS NOT NULL OR is_open = 1"):
        raise BrokenPromiseError("I10: a timer is still armed", incident_id)
    for incident_id, account in promises.accounts.items():
        _unbroken(promises, incident_id, account)
        for page in promises.store.transaction.pages.page_of(incident_id, "", 10**9):
            _has_an_end(account, page, taken)
    for identity in promises.accepted:
        promises.holds(identity)


def _unbroken(promises: Promises, incident_id: str, account: Account) -> None:
    incidents = promises.store.transaction.incidents
    faults = verify(incidents.timeline(incident_id, 0, 10**9), incidents.head(incident_id), incident_id)
    if faults:
        raise BrokenPromiseError(f"I7: the timeline does not verify: {faults[0]}", incident_id)
    if incidents.load(incident_id) != account.incident:
        raise BrokenPromiseError("I7: the stored state is not the fold of the log", incident_id)


def _has_an_end(account: Account, page: Page, taken: Counter[str]) -> None:
    state = page.state.value
    if state in {"accepted", "delivered"} and not taken[page.id]:
        raise BrokenPromiseError(f"I3: a page is {state}, and its provider never had it", page.id)
    if state == "superseded":
        by = page.superseded_by
        if account.ended.get(page.round) != by and (page.person, by) not in account.declined:
            raise BrokenPromiseError(f"I3: event {by} superseded a page that it does not concern", page.id)
    elif state not in {*SETTLED, "acknowledged"}:
        raise BrokenPromiseError(f"I10: a page is {state} for ever", page.id)
