"""The promises that hold when the faults have stopped: it goes on climbing, it drains, and nothing was lost."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from tests.simulation.promises import SETTLED, Account, Promises
from tests.simulation.world import BrokenPromiseError
from tocsin.application.records import Page
from tocsin.application.views import verify
from tocsin.db.codec import micros
from tocsin.domain.incident import Incident, fold
from tocsin.domain.severity import Severity

LADDERS = {
    Severity.CRITICAL: ((0, 2), (5, 3), (10, 4)),
    Severity.HIGH: ((0, 1), (15, 2), (30, 3), (45, 4)),
}
"""RULES.md *Two clocks*, by hand: minutes after the climb began, and the level that has been paged by then."""

AGAIN = {Severity.CRITICAL: timedelta(minutes=10), Severity.HIGH: timedelta(minutes=15)}
"""After the last step the whole ladder again, this often."""

SLACK = timedelta(seconds=2)

SETTLES_WITHIN = timedelta(minutes=11)
"""The longest wait between two attempts is ten minutes; then it goes out at once."""

PROMPT = timedelta(seconds=30)
"""When all is well, what is due goes out at least this soon, even behind a crowd."""


def still_climbing(promises: Promises, now: datetime, well_since: datetime) -> None:
    """An unacknowledged CRITICAL or HIGH incident reaches every level in its time, and never falls silent."""
    for incident_id, account in promises.accounts.items():
        incident = account.incident
        assert incident is not None, "an account begins with its first event"
        if not _must_climb(incident):
            continue
        since = max(filter(None, (incident.anchor_at, account.raised_at)))
        paged = {level for opened in account.rounds if opened.at >= since for level in opened.levels}
        for minute, level in LADDERS[incident.severity]:
            owed_at = incident.climb_from + timedelta(minutes=minute)
            asked = owed_at > (account.lowered_at or since) and now - max(owed_at, well_since) > SLACK
            if asked and level not in paged:
                raise BrokenPromiseError(f"level {level} was owed a page at {owed_at:%H:%M:%S}", incident_id)
        top_at = incident.climb_from + timedelta(minutes=LADDERS[incident.severity][-1][0])
        last = max(filter(None, (top_at, account.rounds[-1].at, account.resumed_at, account.lowered_at, well_since)))
        if now - last > AGAIN[incident.severity] + SLACK:
            raise BrokenPromiseError(f"nobody has been paged since {account.rounds[-1].at:%H:%M:%S}", incident_id)


def _must_climb(incident: Incident) -> bool:
    if not incident.is_open or incident.is_acknowledged:
        return False
    cleared = incident.origin == "alert" and incident.firing == 0
    return incident.severity is Severity.CRITICAL or (incident.severity is Severity.HIGH and not cleared)


def drained(promises: Promises, now: datetime) -> None:
    """The backlog of the chaos is gone: what was intended long ago has its end, and nothing due is left lying."""
    long_ago, just_now = micros(now - SETTLES_WITHIN), micros(now - PROMPT)
    left = promises.store.ask(
        "SELECT id, state FROM pages WHERE state IN ('planned', 'sending') AND (intended_at < ? OR wake_at < ?)",
        long_ago,
        just_now,
    )
    for page_id, state in left:
        raise BrokenPromiseError(f"a page is still {state} long after the faults have stopped", page_id)


def at_rest(promises: Promises, taken: Counter[str]) -> None:
    """Every incident is over: nothing is armed, every page has its end, every chain verifies, every alert is there."""
    asked = promises.store.ask
    for (page_id,) in asked("SELECT id FROM pages WHERE wake_at IS NOT NULL OR reported = 0"):
        raise BrokenPromiseError("a page still wants attention", page_id)
    for (incident_id,) in asked("SELECT id FROM incidents WHERE next_due_at IS NOT NULL OR is_open = 1"):
        raise BrokenPromiseError("a timer is still armed", incident_id)
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
        raise BrokenPromiseError(f"the timeline does not verify: {faults[0]}", incident_id)
    if fold(incidents.events(incident_id)) != incidents.load(incident_id):
        raise BrokenPromiseError("the stored state is not the fold of the log", incident_id)
    unpaged = [opened.round for opened in account.rounds if not (opened.targets or opened.posts)]
    if unpaged:
        raise BrokenPromiseError(f"round {unpaged[0]} addressed nobody", incident_id)


def _has_an_end(account: Account, page: Page, taken: Counter[str]) -> None:
    state = page.state.value
    if state in {"accepted", "delivered"} and not taken[page.id]:
        raise BrokenPromiseError(f"a page is {state}, and its provider never had it", page.id)
    if state == "superseded":
        by = page.superseded_by
        if account.ended.get(page.round) != by and (page.person, by) not in account.declined:
            raise BrokenPromiseError(f"event {by} superseded a page that it does not concern", page.id)
    elif state not in {*SETTLED, "acknowledged"}:
        raise BrokenPromiseError(f"a page is {state} for ever", page.id)
