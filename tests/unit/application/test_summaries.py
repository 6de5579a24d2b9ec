"""The timeline in words: one sentence for every event there is."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from tocsin.application.summaries import _CAUSES, _SENTENCES, summarize
from tocsin.db.codec import EVENTS, encode_event
from tocsin.domain import events as ev
from tocsin.domain.events import SYSTEM, Actor, PageResult, Target, Way
from tocsin.domain.people import Role
from tocsin.domain.severity import Severity

NAMES = {"ana": "Ana Alvarez", "bo": "Bo Berg"}
AT = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
ANA, MONITOR = Actor("person:ana", "session"), Actor("integration:prometheus", "integration")
MAIL = (Way("email"),)


def sentence(kind, actor=ANA, **facts):
    """What is said of an event as it stands on the log, its texts put back in."""
    event = kind(at=AT, actor=actor, **facts)
    body, texts = encode_event(event, "INC-1", 1)
    link = json.loads(body)
    words = {text.id.partition(".")[2]: text.text for text in texts}
    data = {key: words.get(key, value) for key, value in link["data"].items()}
    return summarize(link["event"], data, link["by"], NAMES)


def test_there_is_a_sentence_for_every_event_and_for_nothing_else():
    assert set(_SENTENCES) == set(EVENTS)


def test_there_are_words_for_every_cause():
    assert set(_CAUSES) == {cause.value for cause in ev.Cause}


HIGH = Severity.HIGH
DECLARED = {"id": "INC-1", "title": "slow", "service": "claudex", "group": "g", "severity": HIGH, "procedures": "v"}


@pytest.mark.parametrize(
    ("kind", "actor", "facts", "said"),
    [
        (ev.Declared, MONITOR, {**DECLARED, "origin": "alert"}, "prometheus declared HIGH on claudex: slow"),
        (ev.Declared, ANA, {**DECLARED, "origin": "person"}, "Ana Alvarez declared HIGH on claudex: slow"),
        (ev.AlertsAttached, MONITOR, {"new": 2, "refired": 0}, "Alerts from prometheus: 2 new."),
        (ev.AlertsAttached, MONITOR, {"new": 1, "refired": 3}, "Alerts from prometheus: 1 new, 3 fired again."),
        (ev.JoiningPosted, SYSTEM, {}, "Whoever has it is told of the alerts that joined meanwhile."),
        (ev.AlertsCleared, MONITOR, {"cleared": 1}, "1 alert cleared by prometheus."),
        (
            ev.AlertsCleared,
            MONITOR,
            {"cleared": 2, "held": True},
            "2 alerts cleared by prometheus; all clear, the ladder waits.",
        ),
        (ev.Resumed, SYSTEM, {"held_us": 1}, "It fires again: the ladder goes on where it was held."),
        (ev.FlappingMarked, SYSTEM, {"flaps": 3}, "Flapping: 3 re-fires; they open no more rounds."),
        (ev.Acknowledged, ANA, {"person": "ana", "rounds": (1,), "taken": True}, "Ana Alvarez has it."),
        (ev.Acknowledged, ANA, {"person": "ana", "rounds": (1,), "taken": False}, "Ana Alvarez is on it."),
        (
            ev.AcknowledgementVoided,
            SYSTEM,
            {"person": "ana"},
            "The acknowledgement of Ana Alvarez is void; the ladder resumes.",
        ),
        (
            ev.SeverityChanged,
            ANA,
            {"was": HIGH, "severity": HIGH, "raised": False, "rung": 1, "resolution_rung": 0},
            "Ana Alvarez confirmed HIGH.",
        ),
        (
            ev.SeverityChanged,
            ANA,
            {"was": HIGH, "severity": Severity.CRITICAL, "raised": True, "rung": 0, "resolution_rung": 0, "why": "all"},
            "Ana Alvarez changed HIGH to CRITICAL; a new climb starts: all",
        ),
        (
            ev.SeverityChanged,
            ANA,
            {"was": HIGH, "severity": Severity.LOW, "raised": False, "rung": 0, "resolution_rung": 0},
            "Ana Alvarez changed HIGH to LOW; every deadline is recomputed.",
        ),
        (ev.Escalated, ANA, {"level": 3, "why": "beyond me"}, "Ana Alvarez escalated to level 3: beyond me"),
        (
            ev.RoleOffered,
            ANA,
            {"role": Role.COMMANDER, "person": "bo", "round": 2},
            "Ana Alvarez asks Bo Berg to be commander.",
        ),
        (ev.RoleAssigned, ANA, {"role": Role.SME, "person": "bo"}, "Bo Berg is now sme."),
        (
            ev.RoleAssigned,
            ANA,
            {"role": Role.COMMANDER, "person": "bo", "was": "ana", "acting": True, "why": "shift"},
            "Bo Berg is acting commander, after Ana Alvarez: shift",
        ),
        (ev.Declined, ANA, {"person": "ana", "why": "train"}, "Ana Alvarez cannot take it: train"),
        (ev.Noted, Actor("person:eve", "token"), {"text": "hello"}, "eve: hello"),
        (
            ev.PagesReported,
            SYSTEM,
            {"results": tuple(PageResult(str(n), state) for n, state in enumerate(("failed", "accepted", "accepted")))},
            "Pages: 2 accepted, 1 failed.",
        ),
        (ev.LevelUnreachable, SYSTEM, {"round": 1, "level": 2}, "Nobody paged at level 2 can be reached."),
        (ev.Resolved, ANA, {"why": "restarted"}, "Ana Alvarez resolved it: restarted"),
        (
            ev.CloseProposed,
            ANA,
            {"closed_as": "duplicate", "why": "same"},
            "Ana Alvarez proposes to close it as duplicate; a second person must say the same: same",
        ),
        (ev.Closed, ANA, {"closed_as": "duplicate", "why": "same"}, "Ana Alvarez closed it as duplicate: same"),
        (ev.Reopened, ANA, {"why": "back"}, "Ana Alvarez reopened it: back"),
        (ev.Reopened, SYSTEM, {"by_alert": True}, "Tocsin reopened it."),
    ],
)
def test_an_event_is_one_sentence(kind, actor, facts, said):
    assert sentence(kind, actor, **facts) == said


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"cause": ev.Cause.LADDER, "targets": (Target("ana", 1, MAIL),)}, "Round 1: paging Ana Alvarez (L1)."),
        (
            {"cause": ev.Cause.STALE, "targets": (Target("ana", 0, MAIL),)},
            "Round 1: nobody has done anything since the acknowledgement; paging again Ana Alvarez.",
        ),
        ({"cause": ev.Cause.LADDER}, "Round 1: paging nobody: nobody can be reached."),
        (
            {"cause": ev.Cause.LADDER, "targets": (Target("ana", 2, MAIL),), "posts": (Target("bo", 1, MAIL),)},
            "Round 1: paging Ana Alvarez (L2); told without waking: Bo Berg (L1).",
        ),
        (
            {
                "cause": ev.Cause.LADDER,
                "targets": (Target("x", 3, MAIL),),
                "fell_through": ((2, 3),),
                "unverified": (1,),
            },
            (
                "Round 1: paging x (L3); level 2 has nobody on call, so level 3; "
                "level 1 has nobody with a verified way to be reached."
            ),
        ),
    ],
)
def test_a_round_says_who_is_paged_and_what_stood_in_its_way(facts, said):
    assert sentence(ev.RoundOpened, SYSTEM, round=1, **facts) == said
