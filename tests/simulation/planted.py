"""Bugs to plant, so that a simulator which would notice nothing is noticed itself. Each is one small mistake."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from tocsin.application import deliver, handle
from tocsin.application.intake import Intake
from tocsin.application.records import Page, PageState
from tocsin.db import incident_rows
from tocsin.db.incident_rows import IncidentRows
from tocsin.db.page_rows import PageRows
from tocsin.domain import events as ev
from tocsin.domain.errors import UnavailableError
from tocsin.domain.escalation import Ladder
from tocsin.domain.incident import Incident

Plant = Callable[[pytest.MonkeyPatch], None]


def acknowledgement_not_looked_at_again(patch: pytest.MonkeyPatch) -> None:
    """The last look before a send does not see that the round is over."""
    look = PageRows.claimed

    def blind(rows: PageRows, page: Page) -> Page | None:
        found = look(rows, page)
        return None if found is None else replace(found, superseded_by=0)

    patch.setattr(PageRows, "claimed", blind)


def results_without_fence(patch: pytest.MonkeyPatch) -> None:
    """A result counts whoever holds the claim by now."""

    def settle(rows: PageRows, page: Page, state: PageState, at: datetime, *words: str) -> bool:
        values = (state.value, int(at.timestamp() * 1e6), *words, page.id)
        return bool(
            rows._sql.run(
                "UPDATE pages SET state = ?, settled_at = ?, error = ?, provider_id = ?, wake_at = NULL, reported = 0 "
                "WHERE id = ?",
                values,
            )
        )

    patch.setattr(PageRows, "settle", settle)


def claims_without_lease(patch: pytest.MonkeyPatch) -> None:
    """A claimed page is its node's for ever, also when the node has died."""
    claim = PageRows.claim

    def for_ever(rows: PageRows, *asked: Any) -> list[Page]:
        pages = claim(rows, *asked)
        rows._sql.many("UPDATE pages SET wake_at = NULL WHERE id = ?", [(page.id,) for page in pages])
        return pages

    patch.setattr(PageRows, "claim", for_ever)


def leases_shorter_than_a_send(patch: pytest.MonkeyPatch) -> None:
    """Another node takes a page while the first is still sending it."""
    patch.setattr(deliver, "LEASE", timedelta(seconds=1))


def failures_without_another_try(patch: pytest.MonkeyPatch) -> None:
    """What failed stays failed."""
    patch.setattr(deliver, "_fall_back", lambda *_asked, **_how: None)


def rounds_without_their_pages(patch: pytest.MonkeyPatch) -> None:
    """The event is committed, and the intents are left for later."""
    patch.setattr(handle, "_planned", lambda *_asked: None)


def accepted_before_it_is_stored(patch: pytest.MonkeyPatch) -> None:
    """The sender gets its 2xx, whatever becomes of the commit."""
    commit = Intake._commit

    def hopeful(intake: Intake, batch: list[Any]) -> None:
        try:
            commit(intake, batch)
        except UnavailableError:
            return

    patch.setattr(Intake, "_commit", hopeful)


def acknowledgement_disarms_the_timer(patch: pytest.MonkeyPatch) -> None:
    """Nobody looks again at an incident that somebody has."""
    append = IncidentRows.append

    def and_forget(rows: IncidentRows, after: Incident, events: Sequence[ev.Event], due: datetime | None) -> None:
        taken = any(isinstance(event, ev.Acknowledged) for event in events)
        append(rows, after, events, None if taken else due)

    patch.setattr(IncidentRows, "append", and_forget)


def ladder_ends_at_the_top(patch: pytest.MonkeyPatch) -> None:
    """After the last step of the ladder comes nothing."""
    step_at = Ladder.step_at

    def once(ladder: Ladder, step: int) -> datetime | None:
        return step_at(ladder, step) if step < len(ladder.rungs) else None

    patch.setattr(Ladder, "step_at", once)


def state_beside_the_log(patch: pytest.MonkeyPatch) -> None:
    """The stored state is not what the events lead to."""
    encode = incident_rows.encode_state

    def nearly(incident: Incident) -> bytes:
        return encode(replace(incident, told=incident.told[:3]))

    patch.setattr(incident_rows, "encode_state", nearly)


BUGS: dict[str, tuple[Plant, str]] = {
    "acknowledgement not looked at again": (acknowledgement_not_looked_at_again, "which is over"),
    "results without fence": (results_without_fence, "stale fence|went from|nobody was sending"),
    "claims without lease": (claims_without_lease, "still sending"),
    "leases shorter than a send": (leases_shorter_than_a_send, "still has a lease"),
    "failures without another try": (failures_without_another_try, "nothing follows|nobody is left"),
    "rounds without their pages": (rounds_without_their_pages, "has no page"),
    "accepted before it is stored": (accepted_before_it_is_stored, "is not there"),
    "acknowledgement disarms the timer": (acknowledgement_disarms_the_timer, "has not been done"),
    "ladder ends at the top": (ladder_ends_at_the_top, "nobody has been paged since"),
    "state beside the log": (state_beside_the_log, "not the fold"),
}
"""By name: how to plant it, and what the simulator is to say of it."""
