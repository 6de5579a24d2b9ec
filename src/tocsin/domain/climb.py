"""Time's part of `decide`: the rounds a ladder owes, stale acknowledgements, hand-overs nobody accepted.

Steps that came due while nobody looked (the node was down, the acknowledgement has just been voided) are paged together
in one round: nobody is paged twice for the same instant, and no level is left out.
"""

from __future__ import annotations

from tocsin.domain import events as ev
from tocsin.domain.commands import Command
from tocsin.domain.escalation import Ladder, Owed, due, first_ladder, resolution_ladder
from tocsin.domain.incident import Incident, evolve
from tocsin.domain.policy import Policy, Rung
from tocsin.domain.rounds import Call, open_round


def tick(incident: Incident, command: Command) -> tuple[ev.Event, ...]:
    """Everything owed at the command's instant, done in order until nothing is owed any more."""
    happened: list[ev.Event] = []
    while pending := due(incident, command.policy, command.at):
        for event in _ACTIONS[pending[0]](incident, command):
            happened.append(event)
            incident = evolve(incident, event)
    return tuple(happened)


def last_step(incident: Incident, policy: Policy, cause: ev.Cause) -> Call:
    """The step the first ladder stands on, again; its first step when none was taken."""
    step = first_ladder(incident, policy).step(max(0, incident.rung - 1))
    return Call(cause, levels=step.page, posts=step.post, channels=step.channels)


def next_step(incident: Incident, policy: Policy, cause: ev.Cause) -> Call:
    """The step the first ladder would take next, now; the level above when it has no more."""
    ladder = first_ladder(incident, policy)
    if ladder.step_at(incident.rung) is None:
        above = min(incident.level + 1, max(policy.levels))
        return Call(cause, levels=(above,))
    step = ladder.step(incident.rung)
    return Call(cause, levels=step.page, posts=step.post, channels=step.channels, rung=incident.rung + 1)


def _together(ladder: Ladder, first: int, end: int) -> Rung:
    """The steps from `first` to before `end` as one; who is woken by one is not also told by another."""
    steps = [ladder.step(step) for step in range(first, end)]
    page = {level for step in steps for level in step.page}
    post = {level for step in steps for level in step.post} - page
    return Rung(steps[-1].after, page=tuple(sorted(page)), post=tuple(sorted(post)), channels=steps[-1].channels)


def _climb(incident: Incident, command: Command) -> list[ev.Event]:
    ladder = first_ladder(incident, command.policy)
    end = ladder.taken_by(incident.rung, command.at)
    rung = _together(ladder, incident.rung, end)
    call = Call(ev.Cause.LADDER, levels=rung.page, posts=rung.post, channels=rung.channels, rung=end)
    return [open_round(incident, command, call)]


def _resolution(incident: Incident, command: Command) -> list[ev.Event]:
    """The resolution ladder; a step from before the acknowledgement wakes only levels not yet woken."""
    ladder = resolution_ladder(incident, command.policy)
    end = ladder.taken_by(incident.resolution_rung, command.at)
    levels: set[int] = set()
    posts: set[int] = set()
    for number in range(incident.resolution_rung, end):
        step, step_at = ladder.step(number), ladder.step_at(number)
        passed = step_at is not None and incident.acknowledged_at is not None and step_at < incident.acknowledged_at
        skipped = set(incident.levels_paged) if passed else set()
        levels |= set(step.page) - skipped
        posts |= set(step.post) - skipped
    call = Call(ev.Cause.RESOLUTION, levels=sorted(levels), posts=sorted(posts - levels), rung=end)
    return [open_round(incident, command, call)]


def _stale(incident: Incident, command: Command) -> list[ev.Event]:
    return [open_round(incident, command, Call(ev.Cause.STALE, people=(incident.acknowledged_by,)))]


def _void(incident: Incident, command: Command) -> list[ev.Event]:
    """The first ladder resumes, and never with silence: when no step is due now, the last one is paged again."""
    voided = ev.AcknowledgementVoided(at=command.at, actor=ev.SYSTEM, person=incident.acknowledged_by)
    state = evolve(incident, voided)
    if Owed.LADDER in due(state, command.policy, command.at):
        return [voided]
    return [voided, open_round(state, command, last_step(state, command.policy, ev.Cause.LADDER))]


def _offer(incident: Incident, command: Command) -> list[ev.Event]:
    expired = [offer for offer in incident.offers if not offer.expired]
    people = dict.fromkeys(person for offer in expired for person in (offer.person, offer.giver) if person)
    return [open_round(incident, command, Call(ev.Cause.OFFER_EXPIRED, people=tuple(people)))]


_ACTIONS = {
    Owed.VOID: _void,
    Owed.STALE: _stale,
    Owed.LADDER: _climb,
    Owed.RESOLUTION: _resolution,
    Owed.OFFER: _offer,
}
