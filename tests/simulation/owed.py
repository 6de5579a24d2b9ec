"""What is owed when, by a table written by hand from RULES.md *Two clocks*: it never asks the code that it judges.

The code's own timer is a single instant, `next_due`. This is the list of every rung, repeat and stale acknowledgement
that a person may rely on, and the levels that each must page.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from tocsin.db.codec import GENESIS
from tocsin.domain import events as ev
from tocsin.domain.incident import Incident
from tocsin.domain.severity import Severity

LADDERS = {
    Severity.CRITICAL: ((0, (2,)), (5, (3,)), (10, (4,))),
    Severity.HIGH: ((0, (1,)), (15, (2,)), (30, (3,)), (45, (4,))),
    Severity.MEDIUM: ((0, (1,)), (60, (1, 2))),
    Severity.LOW: ((None, (1,)),),
}
"""Minutes after the climb began, and the levels that are paged then; None is the next business day."""

AGAIN = {Severity.CRITICAL: 10, Severity.HIGH: 15}
"""Minutes after which the whole ladder comes again, and again."""

RESOLUTION = {
    Severity.CRITICAL: ((15, 3), (240, 4)),
    Severity.HIGH: ((30, 2), (120, 3), (240, 4)),
    Severity.MEDIUM: ((120, 2), (240, 3)),
    Severity.LOW: (),
}
"""Once somebody has it: minutes after the anchor, and the level that is paged unless it is resolved by then."""

STALE = {Severity.CRITICAL: 10, Severity.HIGH: 30, Severity.MEDIUM: 120}
VOID = 5
"""Minutes of silence after which whoever has it is paged again; and those after which nobody has it any more."""


@dataclass(slots=True)
class Account:
    """One incident as its log tells it.

    Args:
        incident: the fold so far.
        head: hash of the last link.
        known_at: when the newest of it was committed, in true time.
        due: when the code says that time will make something happen.
        owed: the same by hand, the earliest, with its name.
        rounds: every round opened.
        ended: round to the number of the event that ended it.
        declined: pairs of person and the number of their event.
        raised_at, lowered_at: when the severity last was.
        resumed_at: when a held ladder last went on.
        voided_at: when an acknowledgement last became void.
    """

    incident: Incident | None = None
    head: bytes = GENESIS
    known_at: datetime | None = None
    due: datetime | None = None
    owed: tuple[datetime, str] | None = None
    rounds: list[ev.RoundOpened] = field(default_factory=list)
    ended: dict[int, int] = field(default_factory=dict)
    declined: set[tuple[str, int]] = field(default_factory=set)
    raised_at: datetime | None = None
    lowered_at: datetime | None = None
    resumed_at: datetime | None = None
    voided_at: datetime | None = None

    def note(self, event: ev.Event, seq: int) -> None:
        """Write down what the fold does not keep."""
        match event:
            case ev.RoundOpened():
                self.rounds.append(event)
            case ev.Declined():
                self.declined.add((event.person, seq))
            case ev.SeverityChanged(raised=True):
                self.raised_at = event.at
            case ev.SeverityChanged():
                self.lowered_at = event.at
            case ev.Resumed():
                self.resumed_at = event.at
            case ev.AcknowledgementVoided():
                self.voided_at = event.at
            case _:
                pass


def minutes(count: float) -> timedelta:
    """A span as the tables give it."""
    return timedelta(minutes=count)


def earliest(account: Account) -> tuple[datetime, str] | None:
    """The next thing somebody may rely on, by the clock of the database; None when time alone owes nothing."""
    incident = account.incident
    if incident is None or not incident.is_open:
        return None
    owed = (
        _once_acknowledged(account, incident) if incident.is_acknowledged else _while_nobody_has_it(account, incident)
    )
    return min(owed, default=None)


def _while_nobody_has_it(account: Account, incident: Incident) -> Iterator[tuple[datetime, str]]:
    """Each rung that has not paged its levels yet; after the last one, the whole ladder again."""
    if incident.held_at is not None:
        return
    since = _latest(incident.anchor_at, account.raised_at)
    lowered = account.lowered_at
    paged = {level for opened in account.rounds if opened.at >= since for level in opened.levels}
    ladder = LADDERS[incident.severity]
    for minute, levels in ladder:
        if minute is None:
            continue
        at = incident.climb_from + minutes(minute)
        missing = [level for level in levels if level not in paged]
        if missing and (lowered is None or lowered < since or at > lowered):  # what came before counts as taken
            yield at, f"level {missing[0]}"
    every, top = AGAIN.get(incident.severity), ladder[-1][0]
    if every is not None and top is not None:
        last = _latest(
            incident.climb_from + minutes(top), account.rounds[-1].at if account.rounds else None, account.resumed_at,
            account.lowered_at, account.voided_at,
        )  # fmt: skip
        yield last + minutes(every), "the ladder again"


def _once_acknowledged(account: Account, incident: Incident) -> Iterator[tuple[datetime, str]]:
    """Silence is asked about and then void; and the resolution ladder goes on whoever has it."""
    assert incident.acknowledged_at is not None, "somebody has it"
    if incident.stale_at is not None:
        yield incident.stale_at + minutes(VOID), "a void acknowledgement"
    elif (stale := STALE.get(incident.severity)) is not None:
        yield incident.last_human_at + minutes(stale), "a stale acknowledgement"
    for minute, level in RESOLUTION[incident.severity]:
        at = incident.anchor_at + minutes(minute)
        if at < _latest(incident.acknowledged_at, account.lowered_at, account.raised_at):
            continue
        rounds = (opened for opened in account.rounds if opened.cause is ev.Cause.RESOLUTION and opened.at >= at)
        if not any(level in opened.levels for opened in rounds):
            yield at, f"level {level} of the resolution ladder"


def _latest(first: datetime, *others: datetime | None) -> datetime:
    return max((first, *(one for one in others if one is not None)))


def steps(severity: Severity, first: int, end: int) -> Sequence[int]:
    """The levels that steps `first` up to `end` of the first ladder page together; steps beyond its top are repeats."""
    ladder = LADDERS[severity]
    every = {level for _minute, levels in ladder for level in levels}
    taken = [set(ladder[step][1]) if step < len(ladder) else every for step in range(first, end)]
    return sorted(set().union(*taken))
