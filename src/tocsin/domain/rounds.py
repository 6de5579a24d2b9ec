"""From levels to people: whom a round wakes, whom it tells, and what happens when nobody is there (decision E).

A round never ends in silence: an empty level falls through to the next, then to those below, then to everybody.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from tocsin.domain.commands import Command
from tocsin.domain.events import Cause, RoundOpened, Target, Way
from tocsin.domain.incident import Incident
from tocsin.domain.people import Person, Roster
from tocsin.domain.severity import Severity

VOICE = "voice"
"""A call always wakes, so that no post goes by it."""


@dataclass(frozen=True, slots=True)
class Call:
    """What a round is opened for.

    Args:
        cause: why.
        levels: levels to wake.
        posts: levels to tell without waking.
        people: ids of people to wake by name.
        channels: the only channels to use; None for each person's own rules.
        rung: steps of the ladder taken with it; None when no ladder moves.
    """

    cause: Cause
    levels: Sequence[int] = ()
    posts: Sequence[int] = ()
    people: Sequence[str] = ()
    channels: tuple[str, ...] | None = None
    rung: int | None = None


@dataclass(slots=True)
class _Gathering:
    """The round while it is put together."""

    targets: dict[str, Target] = field(default_factory=dict)
    fell_through: list[tuple[int, int]] = field(default_factory=list)
    unverified: list[int] = field(default_factory=list)


def open_round(incident: Incident, command: Command, call: Call) -> RoundOpened:
    """Decide who a round addresses.

    Args:
        incident: as it stands.
        command: carries the instant, the timings and the roster.
        call: what the round is for.
    """
    roster, gathering = command.roster, _Gathering()
    voice = command.policy.timings[incident.severity].voice
    for name in call.people:
        person = roster.people.get(name)
        ways = () if person is None else _ways(person, call.channels, voice=voice)
        if ways:
            gathering.targets[name] = Target(name, 0, ways)
    levels = list(call.levels)
    if call.people and not gathering.targets and not levels:
        levels = [incident.level or command.policy.default_level]
    for level in levels:
        _gather(gathering, incident, command, level, call.channels)
    if levels and not gathering.targets:
        _everybody(gathering, roster, voice=voice)
    posts = [
        Target(person.id, level, (Way(person.quiet),))
        for level in call.posts
        for person in roster.levels.get(level, ())
        if person.id not in gathering.targets and person.quiet != VOICE
    ]
    return RoundOpened(
        at=command.at,
        actor=command.actor,
        round=incident.round + 1,
        cause=call.cause,
        rung=call.rung,
        targets=tuple(gathering.targets.values()),
        posts=tuple(posts),
        levels=tuple(sorted(set(levels))),
        fell_through=tuple(gathering.fell_through),
        unverified=tuple(dict.fromkeys(gathering.unverified)),
    )


def _gather(
    gathering: _Gathering, incident: Incident, command: Command, level: int, channels: tuple[str, ...] | None
) -> None:
    """Add the people of one level, or of the nearest level that has anybody."""
    roster, known = command.roster, sorted(command.policy.levels)
    voice = command.policy.timings[incident.severity].voice
    above = [other for other in known if other > level]
    below = [other for other in reversed(known) if other < level]
    for candidate in (level, *above, *below):
        people = roster.levels.get(candidate, ())
        if not people:
            continue
        if candidate != level:
            gathering.fell_through.append((level, candidate))
        reached = _add(gathering, people, candidate, channels, voice=voice)
        if reached:
            return
        gathering.unverified.append(candidate)
        if incident.severity is Severity.CRITICAL:
            _add_unverified(gathering, people, candidate, voice=voice)


def _add(
    gathering: _Gathering, people: Iterable[Person], level: int, channels: tuple[str, ...] | None, *, voice: bool
) -> bool:
    reached = False
    for person in people:
        ways = _ways(person, channels, voice=voice)
        if ways:
            gathering.targets.setdefault(person.id, Target(person.id, level, ways))
            reached = True
    return reached


def _add_unverified(gathering: _Gathering, people: Iterable[Person], level: int, *, voice: bool) -> None:
    """Try every method there is: nobody at this level has one that is known to work (RULES.md)."""
    for person in people:
        ways = tuple(Way(contact.channel) for contact in person.contacts if voice or contact.channel != VOICE)
        if ways:
            gathering.targets.setdefault(person.id, Target(person.id, level, tuple(dict.fromkeys(ways))))


def _everybody(gathering: _Gathering, roster: Roster, *, voice: bool) -> None:
    """The last resort: every person of the procedures, by every method they have."""
    _add_unverified(gathering, roster.people.values(), 0, voice=voice)


def _ways(person: Person, channels: tuple[str, ...] | None, *, voice: bool) -> tuple[Way, ...]:
    """A person's verified ways in the order of their rules; all of them at once when no rule of theirs is of use."""

    def usable(channel: str) -> bool:
        contact = person.reached_by(channel)
        spoken = channel == VOICE and not voice
        return contact is not None and contact.verified and not spoken and (channels is None or channel in channels)

    ways = [Way(rule.channel, int(rule.after.total_seconds())) for rule in person.rules if usable(rule.channel)]
    ways = ways or [Way(contact.channel) for contact in person.contacts if usable(contact.channel)]
    return tuple(dict.fromkeys(ways))
