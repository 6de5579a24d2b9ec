"""Whom a round wakes: levels that are empty or cannot be reached, notification rules, voice (decision E, RULES.md)."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.unit.domain.promised import ANA, BO, CEM, DEE, LEVELS, POLICY, START, minutes, person
from tests.unit.domain.virtual_time import Story
from tocsin.domain.commands import Tick
from tocsin.domain.events import SYSTEM, Cause, RoundOpened, Target, Way
from tocsin.domain.people import Contact, Notify, Person, Roster
from tocsin.domain.rounds import Call, open_round
from tocsin.domain.severity import Severity

CRITICAL, HIGH, MEDIUM, LOW = Severity

MUTE = person("mute", "email", verified=False)
NOBODY = Person("nobody", "No contact at all")


def opened(call: Call, roster: Roster, severity: Severity = HIGH) -> RoundOpened:
    """A round of an incident that has paged level 1, or level 2 when it is CRITICAL."""
    incident = Story(severity).incident
    return open_round(incident, Tick(at=START, policy=POLICY, roster=roster), call)


def staffed(*levels: tuple[Person, ...], others: tuple[Person, ...] = ()) -> Roster:
    """Who is on call at level 1, 2, 3, 4; the others are known and not on call."""
    known = (*others, *(who for level in levels for who in level))
    return Roster(dict(zip(LEVELS, levels, strict=False)), {who.id: who for who in known})


def whom(event: RoundOpened) -> list[tuple[str, int]]:
    return [(target.person, target.level) for target in event.targets]


def ladder(*levels: int) -> Call:
    return Call(Cause.LADDER, levels=levels, rung=1)


def test_a_round_is_numbered_after_the_last_and_carries_what_it_was_opened_for():
    event = opened(Call(Cause.LADDER, levels=(2, 1), posts=(3,), rung=7), staffed((ANA,), (BO,), (CEM,)))
    assert (event.at, event.actor, event.round, event.cause, event.rung) == (START, SYSTEM, 2, Cause.LADDER, 7)
    assert event.levels == (1, 2)
    assert whom(event) == [("bo", 2), ("ana", 1)]
    assert event.posts == (Target("cem", 3, (Way("email"),)),)
    assert (event.fell_through, event.unverified) == ((), ())


def test_everybody_on_call_at_a_level_is_woken():
    assert whom(opened(ladder(1), staffed((ANA, BO)))) == [("ana", 1), ("bo", 1)]


def test_a_person_on_two_levels_is_woken_once_and_never_told_besides():
    event = opened(Call(Cause.LADDER, levels=(1, 2), posts=(3,)), staffed((ANA,), (ANA,), (ANA,)))
    assert whom(event) == [("ana", 1)]
    assert event.posts == ()


@pytest.mark.parametrize(
    ("roster", "woken", "fell_through"),
    [
        (staffed((), (BO,), (CEM,)), [("bo", 2)], ((1, 2),)),
        (staffed((), (), (), (DEE,)), [("dee", 4)], ((1, 4),)),
        (staffed((), (), (CEM,), (DEE,)), [("cem", 3)], ((1, 3),)),
    ],
)
def test_an_empty_level_falls_through_to_the_next_above_and_says_so(roster, woken, fell_through):
    """Decision E"""
    event = opened(ladder(1), roster)
    assert (whom(event), event.fell_through, event.levels) == (woken, fell_through, (1,))


def test_above_comes_before_below():
    event = opened(ladder(2), staffed((ANA,), (), (CEM,), (DEE,)))
    assert (whom(event), event.fell_through) == ([("cem", 3)], ((2, 3),))


def test_with_nobody_above_it_falls_through_to_the_next_below():
    event = opened(ladder(3), staffed((ANA,), (BO,), (), ()))
    assert (whom(event), event.fell_through) == ([("bo", 2)], ((3, 2),))


def test_when_nobody_is_on_call_anywhere_everybody_is_woken_by_every_method():
    event = opened(ladder(1), staffed(others=(ANA, MUTE, NOBODY)))
    assert event.targets == (
        Target("ana", 0, (Way("email"), Way("sms"), Way("voice"))),
        Target("mute", 0, (Way("email"),)),
    )


def test_a_level_without_a_verified_method_is_named_and_the_next_is_paged_in_its_place():
    event = opened(ladder(1), staffed((MUTE,), (BO,)))
    assert whom(event) == [("bo", 2)]
    assert (event.unverified, event.fell_through) == ((1,), ((1, 2),))


def test_for_critical_every_method_of_such_a_level_is_tried_at_the_same_time():
    event = opened(ladder(1), staffed((MUTE, NOBODY), (BO,)), CRITICAL)
    assert whom(event) == [("mute", 1), ("bo", 2)]
    assert event.unverified == (1,)


def test_when_no_method_of_anybody_is_verified_everybody_is_tried():
    event = opened(ladder(1, 2), staffed((MUTE,), (NOBODY,)))
    assert whom(event) == [("mute", 0)]
    assert event.unverified == (1, 2)


def test_one_reachable_person_makes_a_level_reachable():
    event = opened(ladder(1), staffed((MUTE, ANA), (BO,)))
    assert (whom(event), event.unverified) == ([("ana", 1)], ())


# People addressed by name.


def test_a_person_is_addressed_by_name_at_no_level():
    assert whom(opened(Call(Cause.STALE, people=("ana",)), staffed((BO,), others=(ANA,)))) == [("ana", 0)]


@pytest.mark.parametrize("name", ["gone", "mute"])
def test_when_the_person_cannot_be_reached_the_level_that_was_paged_last_is(name):
    event = opened(Call(Cause.STALE, people=(name,)), staffed((BO,), (CEM,), others=(MUTE,)))
    assert (whom(event), event.levels) == ([("bo", 1)], (1,))
    critical = opened(Call(Cause.STALE, people=(name,)), staffed((BO,), (CEM,), others=(MUTE,)), CRITICAL)
    assert (whom(critical), critical.levels) == ([("cem", 2)], (2,))


def test_before_any_level_was_paged_it_is_the_default_level():
    incident = Story(LOW).incident
    assert incident.level == 0
    command = Tick(at=START, policy=replace(POLICY, default_level=2), roster=staffed((ANA,), (BO,)))
    assert whom(open_round(incident, command, Call(Cause.STALE, people=("gone",)))) == [("bo", 2)]


def test_one_reachable_person_is_enough():
    event = opened(Call(Cause.OFFER_EXPIRED, people=("gone", "ana")), staffed((BO,), others=(ANA,)))
    assert whom(event) == [("ana", 0)]


def test_names_and_levels_may_be_woken_together():
    event = opened(Call(Cause.REOPENED, people=("ana", "cem"), levels=(1,)), staffed((ANA, BO), others=(CEM,)))
    assert whom(event) == [("ana", 0), ("cem", 0), ("bo", 1)]


# Notification rules.


def ways(who: Person, severity: Severity = HIGH, channels: tuple[str, ...] | None = None) -> list[tuple[str, int]]:
    event = opened(Call(Cause.LADDER, levels=(1,), channels=channels), staffed((who,)), severity)
    return [(way.channel, way.after_s) for way in event.targets[0].ways]


RULES = (Notify("email"), Notify("sms", minutes(2)), Notify("voice", minutes(5)))


def test_a_person_is_tried_in_the_order_and_at_the_times_of_their_rules():
    """Mail at once, SMS after 2 min, call after 5."""
    assert ways(replace(ANA, rules=RULES)) == [("email", 0), ("sms", 120), ("voice", 300)]


def test_without_rules_every_verified_method_is_used_at_once():
    half = replace(ANA, contacts=(*ANA.contacts[:2], Contact("voice", "+1 555 0100", verified=False)))
    assert ways(half) == [("email", 0), ("sms", 0)]


def test_a_rule_for_a_method_that_is_missing_or_not_verified_is_skipped():
    half = person("half", "email")
    assert ways(replace(half, rules=RULES)) == [("email", 0)]
    unverified = replace(ANA, contacts=(Contact("email", "ana@example.org", verified=False), *ANA.contacts[1:]))
    assert ways(replace(unverified, rules=RULES)) == [("sms", 120), ("voice", 300)]


def test_when_no_rule_is_of_use_the_verified_methods_are():
    assert ways(replace(person("gil", "email"), rules=(Notify("sms"),))) == [("email", 0)]


def test_two_addresses_of_one_kind_are_one_way():
    twice = replace(ANA, contacts=(Contact("email", "a@example.org"), Contact("email", "b@example.org")))
    assert ways(twice) == [("email", 0)]


@pytest.mark.parametrize(("severity", "spoken"), [(CRITICAL, True), (HIGH, True), (MEDIUM, False), (LOW, False)])
def test_medium_and_low_never_use_voice(severity, spoken):
    assert (("voice", 300) in ways(replace(ANA, rules=RULES), severity)) is spoken
    assert (("voice", 0) in ways(ANA, severity)) is spoken


def test_not_even_as_the_last_resort():
    only_voice = person("cem", "voice")
    event = opened(ladder(1), staffed((only_voice,), (ANA,)), MEDIUM)
    assert whom(event) == [("ana", 2)]
    assert opened(ladder(1), staffed((only_voice,)), MEDIUM).targets == ()


def test_a_step_may_say_which_channels_to_use():
    """LOW goes by mail, whatever a person's rules say."""
    assert ways(ANA, LOW, ("email",)) == [("email", 0)]
    assert ways(replace(ANA, rules=(Notify("sms"),)), LOW, ("email",)) == [("email", 0)]


def test_who_has_none_of_the_steps_channels_is_passed_over():
    event = opened(Call(Cause.LADDER, levels=(1,), channels=("email",)), staffed((person("cem", "sms"),), (BO,)), LOW)
    assert whom(event) == [("bo", 2)]


def test_a_post_never_goes_by_a_call():
    """RULES.md: what must not wake is told quietly, never by voice."""
    event = opened(Call(Cause.RESOLUTION, posts=(1,)), staffed((replace(ANA, quiet="voice"), BO)))
    assert [post.person for post in event.posts] == ["bo"]


def test_posts_go_by_the_quiet_channel():
    event = opened(Call(Cause.RESOLUTION, posts=(1,)), staffed((replace(ANA, quiet="chat"), BO)))
    assert [(post.person, post.ways) for post in event.posts] == [("ana", (Way("chat"),)), ("bo", (Way("email"),))]
    assert event.targets == ()
