"""Bugs to plant, so that a simulator which would notice nothing is noticed itself. Each is one small mistake.

A bug is a function that plants it, its docstring says what it is, and its name is its flag:
`python -m tests.simulation --plant no-fence`. Those about time and ladders are in `planted_time`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from tests.simulation import planted_time
from tests.simulation.bug import Bug, bugs
from tocsin.application import bundles, deliver, handle, ingest, receipts
from tocsin.application.intake import Intake
from tocsin.application.records import Page, PageState
from tocsin.db import codec, incident_rows
from tocsin.db.crowd_rows import CrowdRows
from tocsin.db.page_rows import PageRows
from tocsin.domain import alerts, react
from tocsin.domain import events as ev
from tocsin.domain.errors import UnavailableError
from tocsin.domain.incident import Incident

Patch = pytest.MonkeyPatch


def ack_not_rechecked(patch: Patch) -> None:
    """The last look before a send does not see that the round is over."""
    look, keep = PageRows.claimed, CrowdRows.keep

    def blind(rows: PageRows, page: Page) -> Page | None:
        found = look(rows, page)
        return None if found is None else replace(found, superseded_by=0)

    def blind_together(rows: CrowdRows, *asked: Any) -> list[Page]:
        return [replace(page, superseded_by=0) for page in keep(rows, *asked)]

    patch.setattr(PageRows, "claimed", blind)
    patch.setattr(CrowdRows, "keep", blind_together)


def no_fence(patch: Patch) -> None:
    """A result counts whoever holds the claim by now."""

    def settle(rows: PageRows, page: Page, state: PageState, at: Any, *words: str) -> bool:
        values = (state.value, int(at.timestamp() * 1e6), *words, page.id)
        return bool(
            rows._sql.run(
                "UPDATE pages SET state = ?, settled_at = ?, error = ?, provider_id = ?, wake_at = NULL, reported = 0 "
                "WHERE id = ?",
                values,
            )
        )

    patch.setattr(PageRows, "settle", settle)


def _after_claims(patch: Patch, do: Any) -> None:
    """Whatever way pages are claimed, do something with them in the same transaction."""
    claim, together = PageRows.claim, CrowdRows._claim

    def one_by_one(rows: PageRows, *asked: Any) -> list[Page]:
        pages = claim(rows, *asked)
        do(rows._sql, pages)
        return pages

    def in_company(rows: CrowdRows, *asked: Any) -> list[Page]:
        pages = together(rows, *asked)
        do(rows._sql, pages)
        return pages

    patch.setattr(PageRows, "claim", one_by_one)
    patch.setattr(CrowdRows, "_claim", in_company)


def no_lease(patch: Patch) -> None:
    """A claimed page is its node's for ever, also when the node has died."""
    _after_claims(
        patch,
        lambda sql, pages: sql.many("UPDATE pages SET wake_at = NULL WHERE id = ?", [(page.id,) for page in pages]),
    )


def lease_too_short(patch: Patch) -> None:
    """Another node takes a page while the first is still sending it."""
    patch.setattr(deliver, "LEASE", timedelta(seconds=1))


def lease_off_by_a_little(patch: Patch) -> None:
    """The lease is no longer than the send may take, and the worker's start is forgotten."""
    patch.setattr(deliver, "LEASE", timedelta(seconds=deliver.SEND_DEADLINE_S))
    patch.setattr(deliver, "_in_time", lambda *_asked: True)


def fail_on_expired_lease(patch: Patch) -> None:
    """Whoever finds a lease run out takes the page for sent and failed, and nobody tries it again."""
    claim = deliver.claim

    def give_up(app: Any, channel: str, limit: int) -> list[Page]:
        now = int(app.database.now().timestamp() * 1e6)
        app.database.transact(
            lambda tx: tx.pages._sql.run(
                "UPDATE pages SET state = 'exhausted', wake_at = NULL, reported = 0 "
                "WHERE state = 'sending' AND wake_at <= ?",
                (now,),
            )
        )
        return claim(app, channel, limit)

    patch.setattr(deliver, "claim", give_up)


def retry_forgotten(patch: Patch) -> None:
    """What failed stays failed."""
    patch.setattr(deliver, "_fall_back", lambda *_asked, **_how: None)


def retry_with_the_same_number(patch: Patch) -> None:
    """The next attempt has the key of the one that failed, and so is one that exists already."""
    intent = handle.intent

    def same(incident: Incident, send: Any, at: Any, attempt: int, **how: Any) -> Page:
        return intent(incident, send, at, max(1, attempt - 1), **how)

    patch.setattr(deliver, "intent", same)


def retry_twice(patch: Patch) -> None:
    """A page that was lost sight of is planned once more under a number of its own, whatever became of it."""
    fall_back = deliver._fall_back

    def again(app: Any, transaction: Any, incident: Incident, page: Page, *, last: bool) -> None:
        fall_back(app, transaction, incident, page, last=last)
        if page.attempt == 1:
            fall_back(app, transaction, incident, replace(page, attempt=2), last=last)

    patch.setattr(deliver, "_fall_back", again)


def fallback_not_hastened(patch: Patch) -> None:
    """When one channel fails, the person's others wait for their own minute."""
    patch.setattr(PageRows, "hasten", lambda *_asked: 0)


def exhausted_leads_nowhere(patch: Patch) -> None:
    """When the last way to a level is gone, no other level is paged."""
    patch.setattr(deliver, "_give_up_level", lambda *_asked: None)


def page_planned_outside(patch: Patch) -> None:
    """The event is committed, and the intents are left for another transaction."""
    patch.setattr(handle, "_planned", lambda *_asked: None)


def ok_before_commit(patch: Patch) -> None:
    """The sender gets its 2xx, whatever becomes of the commit."""
    commit = Intake._commit

    def hopeful(intake: Intake, batch: list[Any]) -> None:
        try:
            commit(intake, batch)
        except UnavailableError:
            return

    patch.setattr(Intake, "_commit", hopeful)


def dedup_by_arrival(patch: Patch) -> None:
    """An alert's identity has the instant in it at which it was sent."""
    by_labels = alerts.fingerprint
    count = iter(range(10**9))

    def by_arrival(labels: Any) -> bytes:
        return by_labels({**labels, "arrived": str(next(count))})

    patch.setattr(ingest, "fingerprint", by_arrival)


def hash_not_linked(patch: Patch) -> None:
    """Each event's hash covers itself alone."""
    link = codec.link_hash
    patch.setattr(incident_rows, "link_hash", lambda _previous, body: link(codec.GENESIS, body))


def state_beside_the_log(patch: Patch) -> None:
    """The stored state is not what the events lead to."""
    encode = codec.encode_state

    def nearly(incident: Incident) -> bytes:
        return encode(replace(incident, told=incident.told[:3]))

    patch.setattr(incident_rows, "encode_state", nearly)


def resolved_stops_nothing(patch: Patch) -> None:
    """What was intended before the end of an incident is sent after it."""
    effects = react.react

    def careless(before: Incident | None, after: Incident, event: ev.Event) -> Any:
        found = effects(before, after, event)
        ends = isinstance(event, ev.Resolved | ev.Closed)
        return tuple(one for one in found if not (ends and isinstance(one, react.StopPages)))

    patch.setattr(handle, "react", careless)


def supersedes_other_rounds(patch: Patch) -> None:
    """An answer to one round stops the pages of every other."""
    stop = PageRows.stop

    def too_many(rows: PageRows, incident_id: str, rounds: Sequence[int], person: str, seq: int) -> None:
        stop(rows, incident_id, tuple(range(max(rounds, default=0) + 2)), person, seq)

    patch.setattr(PageRows, "stop", too_many)


def decline_stops_everybody(patch: Patch) -> None:
    """One who cannot take it stops the pages of all the others too."""
    stop = PageRows.stop

    def everybodys(rows: PageRows, incident_id: str, rounds: Sequence[int], _person: str, seq: int) -> None:
        stop(rows, incident_id, rounds, "", seq)

    patch.setattr(PageRows, "stop", everybodys)


def bundle_drops_a_page(patch: Patch) -> None:
    """Of what goes together the last is marked as sent, and is not in the message."""
    wanted = bundles.wanted

    def all_but_one(transaction: Any, page: Page, now: Any, lease_until: Any) -> list[Page]:
        left = wanted(transaction, page, now, lease_until)
        return left[:-1] if len(left) > 2 else left

    patch.setattr(bundles, "wanted", all_but_one)


def bundle_without_result(patch: Patch) -> None:
    """Only the first page of a bundle gets its result; the others are left to their leases."""
    settle = deliver._settle_all

    def first_alone(app: Any, page: Page, *came: Any) -> Any:
        return settle(app, replace(page, company=()), *came)

    patch.setattr(deliver, "_settle_all", first_alone)


def held_for_ever(patch: Patch) -> None:
    """Pages that wait for company are waited for, and never sent."""
    hold = CrowdRows.hold

    def on_and_on(rows: CrowdRows, person: str, channel: str, at: Any, until: Any, *, lanes: range) -> int:
        return hold(rows, person, channel, at, until + timedelta(days=1), lanes=lanes)

    patch.setattr(CrowdRows, "hold", on_and_on)


def second_call_after_the_answer(patch: Patch) -> None:
    """Calls come in pairs, whether or not the first one was answered."""
    stop = PageRows.stop

    def but_calls(rows: PageRows, incident_id: str, *asked: Any) -> None:
        calls = rows._sql.all(
            "SELECT id, wake_at FROM pages WHERE incident_id = ? AND channel = 'voice' AND attempt > 1 "
            "AND state = 'planned'",
            (incident_id,),
        )
        stop(rows, incident_id, *asked)
        rows._sql.many(
            "UPDATE pages SET state = 'planned', superseded_by = 0, wake_at = ? WHERE id = ?",
            [(wake_at, page_id) for page_id, wake_at in calls],
        )

    patch.setattr(PageRows, "stop", but_calls)


def receipt_of_another_page(patch: Patch) -> None:
    """What the provider says of one page is believed of whatever was sent to that person last."""
    found = receipts.found

    def newest(app: Any, page_id: str) -> Page:
        page = found(app, page_id)
        last = app.database.read(lambda tx: tx.receipts.answerable(page.person, page.channel, page.intended_at))
        return last[0] if last else page

    patch.setattr(receipts, "found", newest)


def receipt_of_those_that_joined(patch: Patch) -> None:
    """What is said of a message is believed of pages that went with it only when it was sent again."""

    def all_of_them(transaction: Any, page: Page, _provider_id: str, callback: str) -> list[Page]:
        return transaction.receipts.carried(page) if transaction.receipts.is_new(callback) else []

    patch.setattr(receipts, "carried_with", all_of_them)


def no_word_not_noticed(patch: Patch) -> None:
    """A provider that never says what became of a page is taken to have delivered it."""
    patch.setattr(receipts, "overdue", lambda _app: 0)


def undelivered_is_the_end(patch: Patch) -> None:
    """A message that did not arrive is marked so, and nothing follows."""
    patch.setattr(receipts, "goes_on", lambda *_asked, **_how: None)


BUGS: dict[str, Bug] = {
    **bugs(
        (ack_not_rechecked, "I4"),
        (no_fence, "I8|I3: a page went"),
        (no_lease, "still sending|has not been done"),
        (lease_too_short, "I8|has a lease on"),
        (lease_off_by_a_little, "I8|has a lease on"),
        (fail_on_expired_lease, "I8|I3"),
        (retry_forgotten, "I3"),
        (retry_with_the_same_number, "I3|I2"),
        (retry_twice, "I2|I3"),
        (fallback_not_hastened, "I3: .* waits"),
        (exhausted_leads_nowhere, "I3: nobody is left"),
        (page_planned_outside, "I1: .* has no"),
        (ok_before_commit, "I6"),
        (dedup_by_arrival, "I6"),
        (hash_not_linked, "I7"),
        (state_beside_the_log, "I7"),
        (resolved_stops_nothing, "I4|I3"),
        (supersedes_other_rounds, "I3"),
        (decline_stops_everybody, "I3"),
        (bundle_drops_a_page, "I2|I3|taken|never had"),
        (bundle_without_result, "I2"),
        (held_for_ever, "I10"),
        (second_call_after_the_answer, "I3|I4"),
        (receipt_of_another_page, "I8|I3"),
        (receipt_of_those_that_joined, "I8"),
        (no_word_not_noticed, "I3"),
        (undelivered_is_the_end, "I3"),
    ),
    **planted_time.BUGS,
}
"""By name."""
