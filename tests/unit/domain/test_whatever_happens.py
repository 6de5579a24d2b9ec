"""Whatever people, alerts and the clock do in whatever order: what holds for every incident (Hypothesis)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.unit.domain.promised import (
    ANA,
    LEVELS,
    MONITOR,
    POLICY,
    START,
    TIMINGS,
    claimed,
    hours,
    minutes,
    person,
    signed_in,
)
from tocsin.domain import commands as cmd
from tocsin.domain import events as ev
from tocsin.domain.climb import tick
from tocsin.domain.decide import decide
from tocsin.domain.ending import CLOSED_AS
from tocsin.domain.errors import TocsinError
from tocsin.domain.escalation import Owed, first_ladder, next_due, owed
from tocsin.domain.incident import Incident, evolve, fold
from tocsin.domain.lifecycle import TRANSITIONS
from tocsin.domain.people import Notify, Role, Roster
from tocsin.domain.policy import Policy, Rung, Wait
from tocsin.domain.react import AnswerPages, SendPage, StopPages, Tell, Topic, react
from tocsin.domain.rounds import VOICE
from tocsin.domain.severity import Severity

CRITICAL, HIGH, MEDIUM, LOW = Severity

WORLD = {
    who.id: who
    for who in (
        ANA,
        person("bo", "email"),
        person("cem", "voice"),
        person("dee", "email", "sms", verified=False),
        person("eve", "pigeon", verified=False),
        replace(person("fay", "email", "sms"), rules=(Notify("sms"), Notify("email", minutes(2)))),
        replace(person("gil", "email"), rules=(Notify("sms"),)),
        replace(ANA, id="hal", contacts=()),
    )
}
NAMES = sorted(WORLD)

ODD_TIMINGS = {
    CRITICAL: replace(
        TIMINGS[CRITICAL],
        unacknowledged=(Rung(minutes(1), page=(4,), channels=("email",)),),
        repeat_every=minutes(3),
        acknowledged=(Rung(minutes(2), post=(1,)), Rung(minutes(4), page=(2, 3))),
        stale_after=minutes(1),
        climbs_when_clear=False,
    ),
    HIGH: replace(TIMINGS[HIGH], repeat_every=None, void_after=timedelta(0)),
    MEDIUM: replace(TIMINGS[MEDIUM], stale_after=None, climbs_when_clear=True),
    LOW: replace(
        TIMINGS[LOW],
        unacknowledged=(Rung(Wait.NEXT_BUSINESS_DAY, page=(1,), post=(2,), channels=("pigeon",)),),
        repeat_every=hours(5),
    ),
}
ODD = replace(POLICY, timings=ODD_TIMINGS, default_level=2, flaps=2)

spans = st.sampled_from(
    ["0:00:00", "0:00:01", "0:00:59", "0:04", "0:05", "0:14:30", "0:31", "1:00", "4:10", "30:00"]
).map(
    lambda text: timedelta(
        **dict(zip(("hours", "minutes", "seconds"), (int(part) for part in text.split(":")), strict=False))
    )
)
names = st.sampled_from(NAMES)
severities = st.sampled_from(list(Severity))
actors = st.builds(lambda name, real: signed_in(name) if real else claimed(name), names, st.booleans())
rosters = st.builds(
    lambda levels, everybody: Roster(
        {level: tuple(WORLD[name] for name in staff) for level, staff in levels.items()}, WORLD if everybody else {}
    ),
    st.dictionaries(st.sampled_from(list(LEVELS)), st.lists(names, max_size=2, unique=True)),
    st.booleans(),
)


def reachable(roster: Roster, *, voice: bool) -> bool:
    """Whether anybody at all has a method that may be used."""
    return any(contact.channel != VOICE or voice for who in roster.people.values() for contact in who.contacts)


class AnyIncident(RuleBasedStateMachine):
    """One incident, everything that can be asked of it, and rosters that change under it."""

    @initialize(severity=severities, policy=st.sampled_from([POLICY, ODD]), origin=st.sampled_from(["alert", "person"]))
    def declare(self, severity: Severity, policy: Policy, origin: str) -> None:
        self.policy, self.roster, self.now = policy, Roster({1: (ANA,)}, WORLD), START
        self.incident: Incident | None = None
        self.log: list[ev.Event] = []
        self.answered: set[int] = set()
        self.ask(
            cmd.Declare,
            MONITOR if origin == "alert" else signed_in("ana"),
            id="INC-20261119-140000",
            title="ClaudexDown",
            service="claudex",
            group="g",
            severity=severity,
            origin=origin,
        )

    def ask(self, kind: type[cmd.Command], actor: ev.Actor, **facts: object) -> None:
        command = kind(at=self.now, actor=actor, policy=self.policy, roster=self.roster, **facts)
        try:
            happened = decide(self.incident, command)
        except TocsinError:
            return  # a refusal changes nothing; which ones are right is not the question here
        assert decide(self.incident, command) == happened, "the same question has the same answer"
        for event in happened:
            before = self.incident
            self.incident = evolve(before, event)
            self.log.append(event)
            self.check_event(before, event)
            self.check_effects(before, event)

    def check_event(self, before: Incident | None, event: ev.Event) -> None:
        assert event.at == self.now
        assert isinstance(event, ev.Declared) is (before is None)
        if isinstance(event, ev.RoundOpened):
            assert event.round == before.round + 1
            self.check_round(before, event)
        if isinstance(event, ev.Acknowledged):
            assert self.incident.is_acknowledged
            assert set(event.rounds) <= set(before.open_rounds)
            at_once = {kind for at, kind in owed(self.incident, self.policy) if at <= self.now}
            assert not at_once & {Owed.STALE, Owed.VOID}, "nobody goes stale by acknowledging"
        if isinstance(event, ev.Closed) and before.severity is CRITICAL:
            assert event.cosigner not in {"", before.close_proposed_by}
        if isinstance(event, ev.Resolved | ev.Closed | ev.CloseProposed):
            assert not event.actor.claimed, "who ends an incident has shown who they are"

    def check_round(self, before: Incident, event: ev.RoundOpened) -> None:
        voice = self.policy.timings[before.severity].voice
        told = {target.person for target in event.targets}
        for target in event.targets:
            assert target.ways
            assert len(set(target.ways)) == len(target.ways)
            assert voice or all(way.channel != VOICE for way in target.ways)
        if event.posts and not event.levels and event.cause is ev.Cause.RESOLUTION:
            assert not event.targets
        elif event.levels or event.cause is not ev.Cause.RESOLUTION:
            assert event.targets or not reachable(self.roster, voice=voice)
        covered = {target.level for target in event.targets} | {empty for empty, _ in event.fell_through}
        for level in event.levels:
            there = {who.id for who in self.roster.levels.get(level, ())}
            nobody = not any(self.roster.levels.values())
            assert level in covered or level in event.unverified or there & told or nobody

    def check_effects(self, before: Incident | None, event: ev.Event) -> None:
        for effect in react(before, self.incident, event):
            match effect:
                case SendPage():
                    assert isinstance(event, ev.RoundOpened)
                    assert effect.send_at >= self.now
                    assert effect.round == event.round
                    assert effect.round not in self.answered, "no send of an answered round starts"
                case StopPages(rounds, ""):
                    assert rounds
                    assert not set(rounds) & self.answered
                    self.answered |= set(rounds)
                case StopPages(rounds, _):
                    assert set(rounds) <= set(self.incident.open_rounds)
                case AnswerPages(rounds, _):
                    assert rounds
                    assert set(rounds) <= self.answered
                case Tell(topic, who, _):
                    assert topic not in {Topic.PAGE, Topic.POSTED}
                    assert who
        assert not self.answered & set(self.incident.open_rounds)

    @rule(roster=rosters)
    def shifts_change(self, roster: Roster) -> None:
        self.roster = roster

    @rule(span=spans)
    def time_passes_while_nobody_looks(self, span: timedelta) -> None:
        self.now += span

    @rule()
    def the_clock_looks(self) -> None:
        self.ask(cmd.Tick, ev.SYSTEM)
        due_at = next_due(self.incident, self.policy)
        assert due_at is None or due_at > self.now
        assert tick(self.incident, self.command(cmd.Tick)) == ()

    @precondition(lambda self: next_due(self.incident, self.policy) is not None)
    @rule(times=st.integers(1, 6))
    def timers_run_out_one_after_the_other(self, times: int) -> None:
        for _ in range(times):
            due_at = next_due(self.incident, self.policy)
            if due_at is None:
                return
            self.now = max(self.now, due_at)
            said = len(self.log)
            self.the_clock_looks()
            assert len(self.log) > said, "a timer that runs out makes something happen"

    def command(self, kind: type[cmd.Command], **facts: object) -> cmd.Command:
        return kind(at=self.now, policy=self.policy, roster=self.roster, **facts)

    @rule(new=st.integers(0, 2), refired=st.integers(0, 2), cleared=st.integers(0, 3), worst=st.none() | severities)
    def alerts_come_and_go(self, new: int, refired: int, cleared: int, worst: Severity | None) -> None:
        self.ask(cmd.AttachAlerts, MONITOR, new=new, refired=refired, cleared=cleared, worst=worst if new else None)

    @rule(actor=actors, who=names, link=st.none() | st.integers(1, 9))
    def acknowledge(self, actor: ev.Actor, who: str, link: int | None) -> None:
        link = None if link is None else min(link, self.incident.round)
        self.ask(cmd.Acknowledge, actor, person=who, round=link or None)

    @rule(actor=actors | st.just(MONITOR), severity=severities)
    def set_severity(self, actor: ev.Actor, severity: Severity) -> None:
        self.ask(cmd.ChangeSeverity, actor, severity=severity)

    @rule(actor=actors, level=st.none() | st.integers(0, 5))
    def escalate(self, actor: ev.Actor, level: int | None) -> None:
        self.ask(cmd.Escalate, actor, level=level, why="beyond me")

    @rule(actor=actors, role=st.sampled_from([Role.COMMANDER, Role.COMMANDER, Role.SME]), who=names)
    def assign(self, actor: ev.Actor, role: Role, who: str) -> None:
        self.ask(cmd.Assign, actor, role=role, person=who)

    @rule(who=names)
    def accept(self, who: str) -> None:
        self.ask(cmd.Accept, signed_in(who), person=who)

    @rule(who=names)
    def decline(self, who: str) -> None:
        self.ask(cmd.Decline, signed_in(who), person=who)

    @rule(actor=actors, text=st.sampled_from(["looking", " "]))
    def note(self, actor: ev.Actor, text: str) -> None:
        self.ask(cmd.Note, actor, text=text)

    @rule(back=st.integers(0, 2), level=st.integers(0, 4))
    def give_up_level(self, back: int, level: int) -> None:
        self.ask(cmd.GiveUpLevel, ev.SYSTEM, round=self.incident.round - back, level=level)

    @rule(state=st.sampled_from(["accepted", "exhausted"]))
    def report_pages(self, state: str) -> None:
        self.ask(cmd.ReportPages, ev.SYSTEM, results=(ev.PageResult("pg-1", state),))

    @rule(actor=actors | st.just(MONITOR), take=st.booleans())
    def resolve(self, actor: ev.Actor, take: bool) -> None:
        self.ask(cmd.Resolve, actor, why="restarted", take_command=take)

    @rule(actor=actors, closed_as=st.sampled_from((*CLOSED_AS, "boredom")))
    def close(self, actor: ev.Actor, closed_as: str) -> None:
        self.ask(cmd.Close, actor, closed_as=closed_as, why="nothing there")

    @rule(actor=actors)
    def reopen(self, actor: ev.Actor) -> None:
        self.ask(cmd.Reopen, actor, why="it is back")

    def teardown(self) -> None:
        if not hasattr(self, "log"):
            return
        assert fold(self.log) == self.incident
        assert self.incident.seq == len(self.log)
        assert all(before.at <= later.at for before, later in pairwise(self.log))
        rounds = [event.round for event in self.log if isinstance(event, ev.RoundOpened)]
        assert rounds == list(range(1, self.incident.round + 1))

    @invariant()
    def at_most_one_person_commands_and_somebody_does_once_it_is_acknowledged(self) -> None:
        commanders = [who for role, who in self.incident.roles if role is Role.COMMANDER]
        assert len(commanders) == (1 if self.incident.first_acknowledged_at or commanders else 0)
        assert (commanders or [""])[0] == self.incident.commander

    @invariant()
    def an_incident_nobody_has_never_falls_silent(self) -> None:
        incident = self.incident
        repeats = self.policy.timings[incident.severity].repeat_every is not None
        waits = incident.is_acknowledged or incident.held_at is not None
        if incident.is_open and repeats and not waits:
            assert next_due(incident, self.policy) is not None
            assert first_ladder(incident, self.policy).step_at(incident.rung) is not None

    @invariant()
    def the_end_leaves_nothing_owed(self) -> None:
        if not self.incident.is_open:
            assert next_due(self.incident, self.policy) is None
            assert self.incident.open_rounds == ()
            assert "acknowledge" not in TRANSITIONS[self.incident.phase]

    @invariant()
    def who_has_it_and_since_when_go_together(self) -> None:
        incident = self.incident
        if incident.is_open:
            assert bool(incident.acknowledged_by) is incident.is_acknowledged
            assert incident.is_acknowledged or incident.stale_at is None
            assert not (incident.is_acknowledged and incident.held_at)


TestAnyIncident = AnyIncident.TestCase
TestAnyIncident.settings = settings(max_examples=60, stateful_step_count=25, deadline=None)
