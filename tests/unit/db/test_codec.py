"""Between domain values and stored bytes; a body once written is never written differently."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.db.codec import (
    EVENTS,
    GENESIS,
    REDACTED,
    decode_event,
    decode_state,
    encode_event,
    encode_state,
    event_name,
    instant,
    link_hash,
    micros,
    optional_instant,
    optional_micros,
    text_hash,
)
from tocsin.domain import events as ev
from tocsin.domain.events import SYSTEM, Actor, PageResult, Target, Way
from tocsin.domain.incident import fold
from tocsin.domain.people import Role
from tocsin.domain.severity import Severity

AT = datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=UTC)
ANA = Actor("person:ana", "session", claimed=True)

EXAMPLES = {
    "declared": {
        "id": "INC-1",
        "title": "slow",
        "service": "claudex",
        "group": "g\x1fa=b",
        "severity": Severity.HIGH,
        "origin": "person",
        "procedures": "v1",
        "impact": "everybody",
        "symptoms": "",
        "users": "20%",
    },
    "alerts_attached": {"new": 2, "refired": 1, "fingerprints": ("aa", "bb")},
    "joining_posted": {},
    "alerts_cleared": {"cleared": 1, "held": True},
    "resumed": {"held_us": 12},
    "flapping_marked": {"flaps": 3},
    "round_opened": {
        "round": 1,
        "cause": ev.Cause.LADDER,
        "rung": 1,
        "targets": (Target("ana", 1, (Way("email"), Way("sms", 120))),),
        "posts": (Target("bo", 2, (Way("email"),)),),
        "levels": (1, 2),
        "fell_through": ((1, 2),),
        "unverified": (3,),
    },
    "acknowledged": {"person": "ana", "rounds": (1, 2), "taken": True},
    "acknowledgement_voided": {"person": "ana"},
    "severity_changed": {
        "was": Severity.LOW,
        "severity": Severity.CRITICAL,
        "raised": True,
        "rung": 0,
        "resolution_rung": 0,
        "why": "all",
    },
    "escalated": {"level": 3, "why": "beyond me"},
    "role_offered": {"role": Role.COMMANDER, "person": "bo", "round": 2, "why": "shift"},
    "role_assigned": {"role": Role.SME, "person": "bo", "was": "ana", "acting": True},
    "declined": {"person": "ana", "role": Role.COMMANDER, "why": "train"},
    "noted": {"text": "hello\nworld"},
    "pages_reported": {"results": (PageResult("pg-1", "accepted"),)},
    "level_unreachable": {"round": 1, "level": 2},
    "resolved": {"why": "restarted"},
    "close_proposed": {"closed_as": "duplicate", "why": "same"},
    "closed": {"closed_as": "duplicate", "why": "same", "cosigner": "bo"},
    "reopened": {"why": "", "by_alert": True},
}


def test_there_is_an_example_of_every_event():
    assert set(EXAMPLES) == set(EVENTS) == {event_name(kind) for kind in ev.Event.__subclasses__()}


@pytest.mark.parametrize("name", EXAMPLES)
@pytest.mark.parametrize("actor", [SYSTEM, ANA])
def test_an_event_is_read_as_it_was_written(name, actor):
    event = EVENTS[name](at=AT, actor=actor, **EXAMPLES[name])
    body, texts = encode_event(event, "INC-1", 7)
    assert decode_event(body, {text.id: text.text for text in texts}) == event


@pytest.mark.parametrize("name", EXAMPLES)
def test_a_body_is_sorted_json_without_spaces_floats_or_words(name):
    """ARCHITECTURE.md *Events*: {incident, seq, at, event, v, by, data}."""
    body, texts = encode_event(EVENTS[name](at=AT, actor=ANA, **EXAMPLES[name]), "INC-1", 7)

    def no_floats(text):
        raise AssertionError(text)

    link = json.loads(body, parse_float=no_floats)
    assert list(link) == ["at", "by", "data", "event", "incident", "seq", "v"]
    assert (link["incident"], link["seq"], link["event"], link["v"], link["by"]) == ("INC-1", 7, name, 1, "person:ana")
    assert (link["data"]["authenticated_by"], link["data"]["claimed"]) == ("session", True)
    assert body == json.dumps(link, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    for text in texts:
        assert link["data"][text.id.partition(".")[2]] == {"text": text.id, "sha256": text_hash(text.salt, text.text)}
        assert text.text.encode() not in body
    assert {text.id.partition(".")[2] for text in texts} == {
        field for field in EVENTS[name].texts if EXAMPLES[name].get(field)
    }


def test_bytes_that_were_written_once_are_read_for_ever():
    """Exactly as the first release stored it; this must never change."""
    body = (
        b'{"at":"2026-11-23T12:00:00.123456Z","by":"person:ana","data":{"authenticated_by":"token","level":3,'
        b'"why":{"sha256":"00","text":"4.why"}},"event":"escalated","incident":"INC-1","seq":4,"v":1}'
    )
    assert decode_event(body, {"4.why": "beyond me"}) == ev.Escalated(
        at=AT, actor=Actor("person:ana", "token"), level=3, why="beyond me"
    )


def test_a_missing_text_was_redacted():
    body, _texts = encode_event(ev.Noted(at=AT, actor=ANA, text="secret"), "INC-1", 3)
    assert decode_event(body, {}).text == REDACTED


def test_facts_a_newer_release_added_are_passed_over():
    body, _texts = encode_event(ev.LevelUnreachable(at=AT, actor=SYSTEM, round=1, level=2), "INC-1", 3)
    link = json.loads(body)
    link["data"]["mood"] = "grim"
    assert decode_event(json.dumps(link).encode(), {}) == ev.LevelUnreachable(at=AT, actor=SYSTEM, round=1, level=2)


def test_a_link_is_the_hash_of_the_one_before_and_the_body():
    assert bytes(32) == GENESIS
    assert link_hash(GENESIS, b"body") == hashlib.sha256(bytes(32) + b"body").digest()


def test_equal_words_are_salted_differently():
    event = ev.Noted(at=AT, actor=ANA, text="yes")
    assert encode_event(event, "INC-1", 3)[0] != encode_event(event, "INC-1", 3)[0]


def test_a_state_is_read_as_it_was_written():
    happened = [
        EVENTS[name](at=AT + timedelta(seconds=number), actor=ANA, **EXAMPLES[name])
        for number, name in enumerate(EXAMPLES)
    ]
    for length in range(1, len(happened) + 1):
        state = fold(happened[:length])
        assert decode_state(encode_state(state)) == state


@given(st.datetimes(datetime(1970, 1, 1), datetime(9000, 1, 1), timezones=st.just(UTC)))  # noqa: DTZ001 - see timezones
def test_instants_keep_every_microsecond(at):
    assert instant(micros(at)) == at
    assert optional_instant(optional_micros(at)) == at


def test_never_stays_never():
    assert optional_micros(None) is None
    assert optional_instant(None) is None
