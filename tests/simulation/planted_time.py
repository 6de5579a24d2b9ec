"""Bugs to plant about time: timers, clocks, ladders and acknowledgements that grow old."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest

from tests.simulation.bug import Bug, bugs
from tests.simulation.node import Node
from tocsin.application import handle
from tocsin.db.clock import SteadyClock
from tocsin.db.incident_rows import IncidentRows
from tocsin.db.postgres import PostgresDatabase
from tocsin.domain import climb, escalation, rounds
from tocsin.domain import events as ev
from tocsin.domain.escalation import Ladder
from tocsin.domain.incident import Incident
from tocsin.domain.policy import Policy

Patch = pytest.MonkeyPatch


def timer_in_memory(patch: Patch) -> None:
    """The instant an incident waits for is known to the process alone, and dies with it."""
    due, start = IncidentRows.due, Node.start
    began: dict[str, datetime] = {}

    def remembered(rows: IncidentRows, at: datetime, limit: int) -> Sequence[Any]:
        return [one for one in due(rows, at, limit) if isinstance(one, str) or one.updated_at >= began["last"]]

    def from_now_on(node: Node) -> None:
        start(node)
        began["last"] = node.clock.now()

    patch.setattr(IncidentRows, "due", remembered)
    patch.setattr(Node, "start", from_now_on)


def wall_clock(patch: Patch) -> None:
    """Time is what the system's clock says, whoever sets it."""
    patch.setattr(SteadyClock, "now", lambda clock: clock._system())


def clock_waits(patch: Patch) -> None:
    """When the server's clock is set back, time stands still until it has caught up."""
    patch.setattr(PostgresDatabase, "_carried_on", lambda _database, told: told)


def deadline_counted_anew(patch: Patch) -> None:
    """Whatever happens to an incident, its next step is as far away as it was at first."""
    stored = escalation.next_due

    def from_now(incident: Incident, policy: Policy) -> datetime | None:
        at = stored(incident, policy)
        return None if at is None else max(at, at + (incident.updated_at - incident.climb_from) / 2)

    patch.setattr(handle, "next_due", from_now)


def _after_each(patch: Patch, due_then: Callable[[Incident, Sequence[ev.Event], datetime | None], Any]) -> None:
    """Whatever is decided, another timer is stored."""
    append = IncidentRows.append

    def otherwise(rows: IncidentRows, decided: Sequence[tuple[Incident, Sequence[ev.Event], Any]]) -> None:
        append(rows, [(after, events, due_then(after, events, due)) for after, events, due in decided])

    patch.setattr(IncidentRows, "append", otherwise)


def ack_disarms_the_timer(patch: Patch) -> None:
    """Nobody looks again at an incident that somebody has."""

    def unless_taken(_after: Incident, events: Sequence[ev.Event], due: datetime | None) -> datetime | None:
        return None if any(isinstance(event, ev.Acknowledged) for event in events) else due

    _after_each(patch, unless_taken)


def timer_not_rearmed(patch: Patch) -> None:
    """After the second round the timer is not set again."""

    def once(after: Incident, events: Sequence[ev.Event], due: datetime | None) -> datetime | None:
        opened = any(isinstance(event, ev.RoundOpened) for event in events)
        return None if opened and after.round > 1 else due

    _after_each(patch, once)


def ladder_ends_at_the_top(patch: Patch) -> None:
    """After the last step of the ladder comes nothing."""
    step_at = Ladder.step_at

    def once(ladder: Ladder, step: int) -> datetime | None:
        return step_at(ladder, step) if step < len(ladder.rungs) else None

    patch.setattr(Ladder, "step_at", once)


def repeat_pages_the_top_alone(patch: Patch) -> None:
    """When the ladder comes again, only its last level is paged."""
    step_of = Ladder.step
    patch.setattr(Ladder, "step", lambda ladder, step: step_of(ladder, min(step, len(ladder.rungs) - 1)))


def level_skipped(patch: Patch) -> None:
    """Of the steps that came due while nobody looked, only the last is taken."""
    patch.setattr(climb, "together", lambda steps: steps[-1])


def empty_schedule_is_silent(patch: Patch) -> None:
    """Where nobody is on call nobody is paged, and no other level either."""
    gather = rounds._gather

    def only_there(gathering: Any, incident: Incident, command: Any, level: int, channels: Any) -> None:
        if command.roster.levels.get(level):
            gather(gathering, incident, command, level, channels)

    patch.setattr(rounds, "_gather", only_there)
    patch.setattr(rounds, "_everybody", lambda *_asked, **_how: None)


def fall_through_not_recorded(patch: Patch) -> None:
    """The next level is paged instead of an empty one, and the timeline does not say so."""
    opened = rounds.open_round
    patch.setattr(climb, "open_round", lambda *asked: replace(opened(*asked), fell_through=()))


def stale_ack_never_noticed(patch: Patch) -> None:
    """Who has it may fall silent for ever."""
    once = escalation._owed_once_acknowledged

    def trusting(incident: Incident, policy: Policy) -> Any:
        silent = {escalation.Owed.STALE, escalation.Owed.VOID}
        return (found for found in once(incident, policy) if found[1] not in silent)

    patch.setattr(escalation, "_owed_once_acknowledged", trusting)


def resolution_ladder_stops(patch: Patch) -> None:
    """An acknowledgement ends every climb, not only the first."""
    once = escalation._owed_once_acknowledged

    def content(incident: Incident, policy: Policy) -> Any:
        return (found for found in once(incident, policy) if found[1] is not escalation.Owed.RESOLUTION)

    patch.setattr(escalation, "_owed_once_acknowledged", content)


BUGS: dict[str, Bug] = bugs(
    (timer_in_memory, "I1|could not be computed"),
    (wall_clock, "I1: the clock|I7: time went back|I10"),
    (clock_waits, "I1: the clock"),
    (deadline_counted_anew, "I1"),
    (ack_disarms_the_timer, "I1"),
    (timer_not_rearmed, "I1"),
    (ladder_ends_at_the_top, "I1: the ladder again"),
    (repeat_pages_the_top_alone, "I5"),
    (level_skipped, "I5"),
    (empty_schedule_is_silent, "I1|I5"),
    (fall_through_not_recorded, "I5"),
    (stale_ack_never_noticed, "I1: a (stale|void)"),
    (resolution_ladder_stops, "I1: level"),
)
