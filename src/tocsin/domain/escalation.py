"""What is owed when: both ladders, stale acknowledgements, hand-overs nobody accepted (RULES.md *Two clocks*).

An incident needs one armed timer, whatever waits on it: `next_due`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import IntEnum

from tocsin.domain.incident import Incident
from tocsin.domain.policy import Calendar, Policy, Rung, Wait


class Owed(IntEnum):
    """What time alone can make due, in the order it is done when several are due together."""

    VOID = 1
    STALE = 2
    LADDER = 3
    RESOLUTION = 4
    OFFER = 5
    POST_JOINED = 6


def together(steps: Sequence[Rung]) -> Rung:
    """Several steps as one: who is woken by one is not also told by another; the widest choice of channels wins."""
    page = {level for step in steps for level in step.page}
    post = {level for step in steps for level in step.post} - page
    channels: tuple[str, ...] | None = ()
    for step in steps:
        channels = None if channels is None or step.channels is None else (*channels, *step.channels)
    named = channels and tuple(dict.fromkeys(channels))
    return Rung(steps[-1].after, tuple(sorted(page)), tuple(sorted(post)), named)


@dataclass(frozen=True, slots=True)
class Ladder:
    """A ladder started at an instant; its steps are the rungs, then the whole ladder again and again.

    Args:
        start: the anchor its clock counts from.
        rungs: its steps; a ladder that repeats has some.
        repeat_every: interval of the repeats; None when it ends with its last rung.
        calendar: for rungs that wait for a business day.
    """

    start: datetime
    rungs: tuple[Rung, ...]
    repeat_every: timedelta | None
    calendar: Calendar

    def step_at(self, step: int) -> datetime | None:
        """When a step (counted from 0) is due; None when there is no such step."""
        if step < len(self.rungs):
            after = self.rungs[step].after
            return self.calendar.next_business_day(self.start) if isinstance(after, Wait) else self.start + after
        if self.repeat_every is None:
            return None
        last = self.step_at(len(self.rungs) - 1)
        return None if last is None else last + (step - len(self.rungs) + 1) * self.repeat_every

    def step(self, step: int) -> Rung:
        """What a step does; a repeat pages every level of the ladder together."""
        return self.rungs[step] if step < len(self.rungs) else replace(together(self.rungs), post=())

    def taken_by(self, step: int, at: datetime) -> int:
        """How many steps are taken once everything due by `at` is, having taken `step` before."""
        while (due_at := self.step_at(step)) is not None and due_at <= at:
            step += 1
        return step


def first_ladder(incident: Incident, policy: Policy) -> Ladder:
    """The ladder climbed while nobody has acknowledged."""
    timings = policy.timings[incident.severity]
    return Ladder(incident.climb_from, timings.unacknowledged, timings.repeat_every, policy.calendar)


def resolution_ladder(incident: Incident, policy: Policy) -> Ladder:
    """The ladder climbed while somebody has it and it is not resolved."""
    return Ladder(incident.anchor_at, policy.timings[incident.severity].acknowledged, None, policy.calendar)


def next_resolution_step(incident: Incident, policy: Policy) -> int:
    """The step of the resolution ladder that is owed next: one that has passed and tells nobody new is not."""
    ladder, step = resolution_ladder(incident, policy), incident.resolution_rung
    while (late := _passed_before_acknowledgement(incident, ladder, step)) and not (late.page or late.post):
        step += 1
    return step


def resolution_step(incident: Incident, policy: Policy, step: int) -> Rung:
    """What a step does; one from before the acknowledgement wakes and tells only levels not woken yet."""
    ladder = resolution_ladder(incident, policy)
    return _passed_before_acknowledgement(incident, ladder, step) or ladder.step(step)


def _passed_before_acknowledgement(incident: Incident, ladder: Ladder, step: int) -> Rung | None:
    """What is left of a step that came due before somebody had it; None for a step that did not."""
    due_at = ladder.step_at(step)
    if due_at is None or incident.acknowledged_at is None or due_at >= incident.acknowledged_at:
        return None
    rung, woken = ladder.step(step), incident.levels_paged
    page = tuple(level for level in rung.page if level not in woken)
    return replace(rung, page=page, post=tuple(level for level in rung.post if level not in woken))


def owed(incident: Incident, policy: Policy) -> Iterator[tuple[datetime, Owed]]:
    """Everything time will make due if nothing else happens: instant and kind, unordered."""
    if not incident.is_open:
        return
    if incident.is_acknowledged:
        yield from _owed_once_acknowledged(incident, policy)
    elif incident.held_at is None:
        climb_at = first_ladder(incident, policy).step_at(incident.rung)
        if climb_at is not None:
            yield climb_at, Owed.LADDER
    for offer in incident.offers:
        if not offer.expired:
            yield offer.at + policy.offer_within, Owed.OFFER


def _owed_once_acknowledged(incident: Incident, policy: Policy) -> Iterator[tuple[datetime, Owed]]:
    timings = policy.timings[incident.severity]
    if incident.stale_at is not None:
        yield incident.stale_at + timings.void_after, Owed.VOID
    elif timings.stale_after is not None:
        yield incident.last_human_at + timings.stale_after, Owed.STALE
    step = next_resolution_step(incident, policy)
    resolution_at = resolution_ladder(incident, policy).step_at(step)
    if resolution_at is not None:
        yield resolution_at, Owed.RESOLUTION
    if incident.post_owed_at is not None:
        yield incident.post_owed_at, Owed.POST_JOINED


def due(incident: Incident, policy: Policy, at: datetime) -> tuple[Owed, ...]:
    """What is owed at an instant, in the order it is to be done."""
    return tuple(sorted({kind for owed_at, kind in owed(incident, policy) if owed_at <= at}))


def next_due(incident: Incident, policy: Policy) -> datetime | None:
    """When to look again; None when time alone will change nothing."""
    return min((owed_at for owed_at, _kind in owed(incident, policy)), default=None)
