"""Simulated responders: they acknowledge by the link, ignore, decline, hand over, fall silent, resolve."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

from tests.simulation.team import PEOPLE
from tests.simulation.world import World
from tocsin.application import moves
from tocsin.application.app import Application
from tocsin.application.asked import Nothing
from tocsin.application.links import read_link
from tocsin.application.ports import Message
from tocsin.domain.errors import TocsinError, UnavailableError
from tocsin.domain.events import Actor
from tocsin.domain.people import Role
from tocsin.domain.severity import Severity

Deed = Callable[[Application, Actor, str], object]
ASK_AGAIN_S = 5.0
ASKS = 40
NOTE_EVERY_S = 240.0
_LINK = re.compile(r"/a/(\S+)")


def _escalate(app: Application, actor: Actor, incident: str) -> object:
    return moves.escalate(app, actor, moves.Escalation("beyond me"), incident)


def _decline(app: Application, actor: Actor, incident: str) -> object:
    return moves.decline(app, actor, moves.Reason("on a train"), incident)


def _note(app: Application, actor: Actor, incident: str) -> object:
    return moves.note(app, actor, moves.Words("still looking"), incident)


def _accept(app: Application, actor: Actor, incident: str) -> object:
    return moves.accept(app, actor, Nothing(), incident)


def resolve(app: Application, actor: Actor, incident: str) -> object:
    """It is over; whoever says so takes command first."""
    return moves.resolve(app, actor, moves.Resolution("restarted", take_command=True), incident)


@dataclass(frozen=True, slots=True)
class _Intent:
    """What somebody is going to do; `calm` says that they do it in the calm too."""

    actor: Actor
    incident: str
    words: str
    deed: Deed
    calm: bool


class People:
    """Everybody who can be paged.

    Args:
        world: time and chance.
        through: runs something on a node that answers; raises UnavailableError when none does.
        incident_of: the incident of an acknowledge link.
    """

    def __init__(
        self,
        world: World,
        through: Callable[[Callable[[Application], object]], object],
        incident_of: Callable[[str], str],
    ) -> None:
        self._world, self._through, self._incident_of = world, through, incident_of

    def receive(self, message: Message) -> None:
        """A message reached a person: what they do about it is theirs to decide."""
        person = message.to.partition("@")[0]
        links = list(dict.fromkeys(_LINK.findall(message.text)))
        if not message.urgent or self._world.calm or not links:
            return
        chance = self._world.random.random()
        quick = self._world.random.random() < 0.3
        delay = self._world.between(0.5, 8) if quick else self._world.between(3, 400)
        if chance < 0.3:
            for token in links if chance < 0.2 else links[:1]:  # of a bundle all, or only the worst
                self._world.after(delay, partial(self._acknowledge, person, token))
            return
        incident = self._incident_of(self._world.random.choice(links))
        if chance < 0.36:
            self.does(person, incident, "declines", _decline, delay)
        elif chance < 0.39:
            self.does(person, incident, "escalates", _escalate, delay)
        elif chance < 0.43:
            self.does(person, incident, "changes the severity", self._severity, delay)
        elif chance < 0.46:
            self.does(person, incident, "accepts", _accept, delay)

    def does(self, person: str, incident: str, words: str, deed: Deed, after_s: float, *, calm: bool = False) -> None:
        """Let a person do something later, trying again while no node answers."""
        intent = _Intent(Actor(f"person:{person}", "session"), incident, words, deed, calm)
        self._world.after(after_s, partial(self._try, intent, ASKS))

    def _try(self, intent: _Intent, left: int) -> None:
        if self._world.calm and not intent.calm:
            return
        said = f"{intent.actor.by} {intent.words} {intent.incident}"
        try:
            self._through(lambda app: intent.deed(app, intent.actor, intent.incident))
        except UnavailableError:
            if left:
                self._world.after(ASK_AGAIN_S, partial(self._try, intent, left - 1))
        except TocsinError as no:
            self._world.note(f"{said}: {type(no).__name__}")
        else:
            self._world.count("deeds")
            self._world.note(said)

    def _acknowledge(self, person: str, token: str) -> None:
        def by_link(app: Application, _actor: Actor, incident: str) -> object:
            page = read_link(app, token)
            actor = Actor(f"person:{page.person}", "link")
            done = moves.acknowledge(app, actor, moves.Acknowledgement(round=page.round), incident)
            self._carry_on(person, incident)
            return done

        page_id = token.partition(".")[0]
        self.does(person, self._incident_of(token), f"acknowledges {page_id} of", by_link, 0.0)

    def _carry_on(self, person: str, incident: str) -> None:
        """Whoever has it falls silent, or works on it and resolves it, or hands it over."""
        chance, delay = self._world.random.random(), self._world.between(30, 1500)
        if chance < 0.35:
            return
        if chance < 0.5:
            self.does(person, incident, "hands over", self._hand_over, delay / 3)
            return
        at = NOTE_EVERY_S
        while at < delay:
            self.does(person, incident, "writes on", _note, at)
            at += NOTE_EVERY_S
        if chance < 0.85:
            self.does(person, incident, "resolves", resolve, delay)

    def _severity(self, app: Application, actor: Actor, incident: str) -> object:
        """Mostly raised; now and then lowered."""
        level = self._world.random.choice((Severity.CRITICAL, Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM))
        return moves.severity(app, actor, moves.Level(level, "I looked"), incident)

    def _hand_over(self, app: Application, actor: Actor, incident: str) -> object:
        taker = self._world.random.choice(list(PEOPLE))
        return moves.assign(app, actor, moves.Assignment(Role.COMMANDER, taker, "end of shift"), incident)
