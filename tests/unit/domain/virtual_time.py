"""One incident on virtual time: a script of commands, and in between the clock looks exactly when `next_due` says."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from tests.unit.domain.promised import MONITOR, POLICY, ROSTER, START, signed_in
from tocsin.domain import commands as cmd
from tocsin.domain.decide import decide
from tocsin.domain.escalation import next_due
from tocsin.domain.events import Event, RoundOpened
from tocsin.domain.incident import Incident, evolve
from tocsin.domain.people import Role, Roster
from tocsin.domain.policy import Policy
from tocsin.domain.severity import Severity

INSTANT = timedelta(microseconds=1)
Ask = Callable[["Story"], cmd.Command]


def span(text: str) -> timedelta:
    """Read "1:30:00" or "1:30" as hours, minutes and seconds."""
    hours, minutes, *seconds = (int(part) for part in text.split(":"))
    return timedelta(hours=hours, minutes=minutes, seconds=seconds[0] if seconds else 0)


def clock(since: timedelta) -> str:
    """Write hours, minutes and seconds, as many hours as it takes."""
    seconds = int(since.total_seconds())
    assert since == timedelta(seconds=seconds), "whole seconds"
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


class Story:
    """An incident's life.

    Args:
        severity: it is declared with.
        policy: the promise that is to be kept.
        roster: who is on call; may be exchanged while the story goes on.
        origin: "alert" (one fires) or "person".
        start: when it is declared.
    """

    def __init__(
        self,
        severity: Severity,
        *,
        policy: Policy = POLICY,
        roster: Roster = ROSTER,
        origin: str = "alert",
        start: datetime = START,
    ) -> None:
        self.policy, self.roster, self.start, self.now = policy, roster, start, start
        self.events: list[Event] = []
        self.incident: Incident = self._declare(severity, origin)
        if origin == "alert":
            self.do(fires())

    def _declare(self, severity: Severity, origin: str) -> Incident:
        declare = cmd.Declare(
            **self.facts(MONITOR if origin == "alert" else signed_in("zoe")),
            id="INC-20261119-140000",
            title="ClaudexDown",
            service="claudex",
            group="claudex/ClaudexDown",
            severity=severity,
            origin=origin,
        )
        declared, *others = decide(None, declare)
        self.incident = evolve(None, declared)
        self.events.append(declared)
        self._fold(others)
        return self.incident

    def facts(self, actor: Any) -> dict[str, Any]:
        """What every command carries."""
        return {"at": self.now, "actor": actor, "policy": self.policy, "roster": self.roster}

    def do(self, ask: Ask) -> tuple[Event, ...]:
        """Somebody acts, now."""
        happened = decide(self.incident, ask(self))
        self._fold(happened)
        return happened

    def at(self, when: str, *asks: Ask) -> Story:
        """Let time pass until this long after the declaration, then let these be done."""
        self._pass(self.start + span(when))
        for ask in asks:
            self.do(ask)
        return self

    def sleep(self, when: str) -> Story:
        """Let time pass with nobody looking at the clock: the node is down until then, and looks at once."""
        self.now = self.start + span(when)
        self.do(lambda story: cmd.Tick(at=story.now, policy=story.policy, roster=story.roster))
        return self

    def busy(self, until: str, who: str = "ana", every: str = "0:05") -> Story:
        """Somebody writes a note every now and then, so that no acknowledgement goes stale."""
        at = self.now + span(every)
        while at <= self.start + span(until):
            self._pass(at)
            self.do(note(who))
            at += span(every)
        return self.at(until)

    def rounds(self) -> list[str]:
        """Every round so far, as "0:05:00 ladder L3, posted L1"; people addressed by name by their names."""
        return [self._row(event) for event in self.events if isinstance(event, RoundOpened)]

    def _row(self, event: RoundOpened) -> str:
        whom = [f"L{target.level}" if target.level else target.person for target in event.targets]
        posted = [f"posted L{target.level}" for target in event.posts]
        return f"{clock(event.at - self.start)} {event.cause} {', '.join(dict.fromkeys((*whom, *posted)))}"

    def _pass(self, until: datetime) -> None:
        while (at := next_due(self.incident, self.policy)) is not None and at <= until:
            assert at >= self.now, "something was owed before now and has not been done"
            self.now = max(self.now, at - INSTANT)
            assert at == self.now or self._tick() == (), "nothing happens a moment too early"
            self.now = at
            assert self._tick(), "a timer that runs out makes something happen"
        self.now = until

    def _tick(self) -> tuple[Event, ...]:
        happened = decide(self.incident, cmd.Tick(at=self.now, policy=self.policy, roster=self.roster))
        self._fold(happened)
        return happened

    def _fold(self, happened: Iterable[Event]) -> None:
        for event in happened:
            self.incident = evolve(self.incident, event)
            self.events.append(event)


def asks(kind: type[cmd.Command], who: str, **facts: Any) -> Ask:
    """A command of a person who is signed in."""
    return lambda story: kind(**story.facts(signed_in(who)), **facts)


def acknowledges(who: str, link: int | None = None) -> Ask:
    return asks(cmd.Acknowledge, who, person=who, round=link)


def sets(severity: Severity, who: str = "ana") -> Ask:
    return asks(cmd.ChangeSeverity, who, severity=severity)


def assigns(who: str, to: str, role: Role = Role.COMMANDER) -> Ask:
    return asks(cmd.Assign, who, person=to, role=role)


def accepts(who: str) -> Ask:
    return asks(cmd.Accept, who, person=who)


def declines(who: str) -> Ask:
    return asks(cmd.Decline, who, person=who)


def escalates(who: str, level: int | None = None) -> Ask:
    return asks(cmd.Escalate, who, level=level, why="beyond me")


def gives_up(level: int, number: int = 1) -> Ask:
    """Every send of that round to that level has failed."""
    return lambda story: cmd.GiveUpLevel(**story.facts(MONITOR), round=number, level=level)


def note(who: str) -> Ask:
    return asks(cmd.Note, who, text="still looking")


def resolves(who: str, *, take_command: bool = False) -> Ask:
    return asks(cmd.Resolve, who, why="restarted", take_command=take_command)


def reopens(who: str) -> Ask:
    return asks(cmd.Reopen, who, why="it is back")


def fires(new: int = 1, worst: Severity | None = None) -> Ask:
    """Alerts nobody knew."""
    return lambda story: cmd.AttachAlerts(**story.facts(MONITOR), new=new, worst=worst)


def refires(count: int = 1) -> Ask:
    return lambda story: cmd.AttachAlerts(**story.facts(MONITOR), refired=count)


def clears(count: int = 1) -> Ask:
    return lambda story: cmd.AttachAlerts(**story.facts(MONITOR), cleared=count)
