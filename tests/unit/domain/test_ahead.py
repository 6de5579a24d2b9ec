"""The ladder ahead is what time then does (`tocsin next`, RULES.md *Who is told*)."""

from __future__ import annotations

import pytest

from tests.unit.domain.promised import POLICY, ROSTER, minutes
from tests.unit.domain.virtual_time import Story, acknowledges, clears, resolves
from tocsin.domain.ahead import Ahead, ahead
from tocsin.domain.events import RoundOpened
from tocsin.domain.severity import Severity

CRITICAL, HIGH, MEDIUM, LOW = Severity


def test_it_says_when_why_which_levels_and_whom():
    story = Story(CRITICAL)
    assert ahead(story.incident, POLICY, ROSTER, 3) == (
        Ahead(story.start + minutes(5), "ladder", (3,), ("cem",), ()),
        Ahead(story.start + minutes(10), "ladder", (4,), ("dee",), ()),
        Ahead(story.start + minutes(20), "ladder", (2, 3, 4), ("bo", "cem", "dee"), ()),
    )


@pytest.mark.parametrize("severity", list(Severity))
@pytest.mark.parametrize("acknowledged", [True, False])
def test_what_it_foretells_comes_true_if_nobody_does_anything(severity, acknowledged):
    story = Story(severity)
    if acknowledged:
        story.at("0:03", acknowledges("ana"))
    foretold = ahead(story.incident, POLICY, ROSTER, 12)
    known = len(story.events)
    story.at("100:00")
    opened = [event for event in story.events[known:] if isinstance(event, RoundOpened)]
    assert foretold == tuple(
        Ahead(
            event.at,
            event.cause.value,
            event.levels,
            tuple(target.person for target in event.targets),
            tuple(post.person for post in event.posts),
        )
        for event in opened[:12]
    )


def test_it_ends_where_nothing_is_owed():
    assert ahead(Story(MEDIUM).at("2:00").incident, POLICY, ROSTER, 5) == ()
    assert ahead(Story(HIGH).at("0:01", clears()).incident, POLICY, ROSTER, 5) == ()
    assert ahead(Story(HIGH).at("0:01", resolves("ana")).incident, POLICY, ROSTER, 5) == ()


def test_looking_ahead_changes_nothing():
    story = Story(HIGH)
    before = story.incident
    ahead(before, POLICY, ROSTER, 50)
    assert story.incident == before
