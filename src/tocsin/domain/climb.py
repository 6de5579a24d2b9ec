"""Time's part of `decide`: the rounds a ladder owes, stale acknowledgements, hand-overs nobody accepted.

Steps that came due while nobody looked (the node was down, the acknowledgement has just been voided) are paged together
in one round: nobody is paged twice for the same instant, and no level is left out.
"""

from __future__ import annotations

from tocsin.domain import events as ev
from tocsin.domain.commands import Command
from tocsin.domain.escalation import Owed, due, first_ladder, resolution_ladder, resolution_step, together
from tocsin.domain.incident import Incident, after, evolve
from tocsin.domain.policy import Policy, Rung
from tocsin.domain.rounds import Call, open_round


def tick(incident: Incident, command: Command) -> tuple[ev.Event, ...]:
    """Everything owed at the command's instant, done in order until nothing is owed any more."""
    happened: list[ev.Event] = []
    while pending := due(incident, command.policy, command.at):
        done = _ACTIONS[pending[0]](incident, command)
        happened += done
        incident = after(incident, done)
    return tuple(happened)


def resume(incident: Incident, command: Command, otherwise: Call) -> list[ev.Event]:
    """The first ladder goes on and never with silence: every overdue step in one round, else what is asked for."""
    if Owed.LADDER in due(incident, command.policy, command.at):
        return _climb(incident, command)
    return [open_round(incident, command, otherwise)]


def last_step(incident: Incident, policy: Policy, cause: ev.Cause) -> Call:
    """The step the first ladder stands on, again; its first step when none was taken."""
    return _call(cause, _standing(incident, policy))


def level_alone(incident: Incident, policy: Policy, cause: ev.Cause, level: int) -> Call:
    """One level beside the ladder, by the channels of the step the ladder stands on: what is only mailed stays so."""
    return Call(cause, levels=(level,), channels=_standing(incident, policy).channels)


def next_step(incident: Incident, policy: Policy, cause: ev.Cause) -> Call:
    """The step the first ladder would take next, now; the level above when it has no more.

    A repeat is no step taken early: all its levels are paged again when it is due.
    """
    ladder = first_ladder(incident, policy)
    if ladder.step_at(incident.rung) is None:
        return level_alone(incident, policy, cause, min(incident.level + 1, max(policy.levels)))
    taken = incident.rung + 1 if incident.rung < len(ladder.rungs) else incident.rung
    return _call(cause, ladder.step(incident.rung), taken)


def _standing(incident: Incident, policy: Policy) -> Rung:
    return first_ladder(incident, policy).step(max(0, incident.rung - 1))


def _call(cause: ev.Cause, step: Rung, taken: int | None = None) -> Call:
    return Call(cause, levels=step.page, posts=step.post, channels=step.channels, rung=taken)


def _climb(incident: Incident, command: Command) -> list[ev.Event]:
    ladder = first_ladder(incident, command.policy)
    end = ladder.taken_by(incident.rung, command.at)
    overdue = together([ladder.step(step) for step in range(incident.rung, end)])
    return [open_round(incident, command, _call(ev.Cause.LADDER, overdue, end))]


def _resolution(incident: Incident, command: Command) -> list[ev.Event]:
    policy = command.policy
    end = resolution_ladder(incident, policy).taken_by(incident.resolution_rung, command.at)
    steps = [resolution_step(incident, policy, step) for step in range(incident.resolution_rung, end)]
    overdue = together([step for step in steps if step.page or step.post])
    return [open_round(incident, command, _call(ev.Cause.RESOLUTION, overdue, end))]


def _stale(incident: Incident, command: Command) -> list[ev.Event]:
    return [open_round(incident, command, Call(ev.Cause.STALE, people=(incident.acknowledged_by,)))]


def _void(incident: Incident, command: Command) -> list[ev.Event]:
    """The first ladder resumes at once; when none of its steps is overdue, the last one is paged again."""
    voided = ev.AcknowledgementVoided(at=command.at, actor=ev.SYSTEM, person=incident.acknowledged_by)
    state = evolve(incident, voided)
    return [voided, *resume(state, command, last_step(state, command.policy, ev.Cause.LADDER))]


def _offer(incident: Incident, command: Command) -> list[ev.Event]:
    people = tuple(person for offer in incident.offers for person in (offer.person, offer.giver))
    return [open_round(incident, command, Call(ev.Cause.OFFER_EXPIRED, people=people))]


def _post_joined(_incident: Incident, command: Command) -> list[ev.Event]:
    return [ev.JoiningPosted(at=command.at, actor=ev.SYSTEM)]


_ACTIONS = {
    Owed.VOID: _void,
    Owed.STALE: _stale,
    Owed.LADDER: _climb,
    Owed.RESOLUTION: _resolution,
    Owed.OFFER: _offer,
    Owed.POST_JOINED: _post_joined,
}
