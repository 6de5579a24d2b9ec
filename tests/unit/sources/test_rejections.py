"""A bad alert is named and refused, and its siblings are kept (RULES.md: a refused payload is a lost page)."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tocsin.domain.errors import InvalidError
from tocsin.sources import REGISTRY, Parsed

GOOD = b'{"labels":{"alertname":"Good"},"startsAt":"2026-11-22T21:42:14.632Z"}'
WRAPPED: dict[str, Callable[[bytes], bytes]] = {
    "alertmanager": lambda alerts: b'{"version":"4","alerts":[' + alerts + b"]}",
    "prometheus": lambda alerts: b"[" + alerts + b"]",
}


def labelled(labels, **more) -> bytes:
    return json.dumps({"labels": labels, **more}).encode()


DEEP = b"[" * 5_000 + b"]" * 5_000
BAD = {
    "number as label": (labelled({"severity": 3}), 'label "severity" is a number (3)'),
    "truth value as label": (labelled({"up": False}), 'label "up" is a truth value (false)'),
    "null as label": (labelled({"up": None}), 'label "up" is missing'),
    "object as label": (labelled({"up": {"a": 1}}), 'label "up" is an object ({"a": 1})'),
    "empty name": (labelled({"": "x"}), "empty name"),
    "long name": (labelled({"n" * 257: "x"}), "257 characters; at most 256"),
    "long value": (labelled({"v": "x" * 4097}), 'label "v" has 4097 characters; at most 4096'),
    "no labels": (b"{}", "labels are missing"),
    "empty labels": (labelled({}), "labels are empty"),
    "labels as text": (labelled("up"), 'labels are "up"'),
    "too many labels": (labelled({f"l{n}": "" for n in range(65)}), "65 labels; at most 64"),
    "number as annotation": (labelled({"a": "b"}, annotations={"value": 0.5}), 'annotation "value" is a number (0.5)'),
    "annotations as list": (labelled({"a": "b"}, annotations=[1]), "annotations are a list"),
    "heavy annotations": (labelled({"a": "b"}, annotations={"text": "x" * 65_536}), "65540 characters together"),
    "number as link": (labelled({"a": "b"}, generatorURL=5), "generatorURL is a number (5)"),
    "no time": (labelled({"a": "b"}, startsAt="yesterday"), 'startsAt is "yesterday"; it is an RFC 3339 time'),
    "time without zone": (labelled({"a": "b"}, endsAt="2026-11-22T21:42:14"), "endsAt is"),
    "time as number": (labelled({"a": "b"}, startsAt=1764000000), "startsAt is a number (1764000000)"),
    "year 10000": (labelled({"a": "b"}, startsAt="10000-01-01T00:00:00Z"), "startsAt is"),
    "year 1969": (labelled({"a": "b"}, startsAt="1969-12-31T23:59:59Z"), "outside the years 1970 to 9999"),
    "year 10000 in UTC": (labelled({"a": "b"}, endsAt="9999-12-31T23:59:59-10:00"), "outside the years"),
    "NUL in a label": (labelled({"a": "x\0"}), 'label "a" holds a NUL'),
    "NUL in a label's name": (labelled({"\0": "x"}), "holds a NUL"),
    "NUL in an annotation": (labelled({"a": "b"}, annotations={"s": "\0"}), 'annotation "s" holds a NUL'),
    "NUL in the link": (labelled({"a": "b"}, generatorURL="\0"), "generatorURL holds a NUL"),
    "raw NUL": (b'{"labels":{"a":"\x00"}}', "not valid JSON"),
    "half a surrogate pair": (b'{"labels":{"a":"\\ud800"}}', "surrogate"),
    "the other half first": (b'{"labels":{"a":"\\udc00\\ud800 "}}', "surrogate"),
    "no UTF-8": (b'{"labels":{"a":"\xff"}}', "not UTF-8"),
    "an encoded surrogate": (b'{"labels":{"a":"\xed\xa0\x80"}}', "not UTF-8"),
    "nested too deep": (b'{"labels":{"a":' + DEEP + b"}}", "nested too deep"),
    "nested too deep and otherwise wrong": (b'{"labels":3,"x":' + DEEP + b"}", "nested too deep"),
    "broken inside": (b'{"labels":{"a":nul}}', "not valid JSON"),
    "a number": (b"3", "The alert is a number (3)"),
    "a text": (b'"down"', 'The alert is "down"'),
    "a long text": (b'"' + b"x" * 500 + b'"', "xxx…;"),
    "null": (b"null", "The alert is missing"),
    "a list": (b"[1, 2]", "The alert is a list ([1, 2])"),
    "an empty list": (b"[]", "The alert is empty"),
}


@pytest.mark.parametrize("source", sorted(REGISTRY))
@pytest.mark.parametrize("kind", BAD)
def test_a_bad_alert_is_refused_by_name_and_its_siblings_are_kept(source, kind):
    alert, because = BAD[kind]
    parsed = REGISTRY[source](WRAPPED[source](b" , ".join([GOOD, alert, GOOD])))
    assert [signal.name for signal in parsed.signals] == ["Good", "Good"]
    (rejection,) = parsed.rejected
    assert rejection.index == 1
    assert because in rejection.detail
    assert rejection.detail.endswith(".")
    assert len(rejection.detail) < 400


def test_every_source_is_held_to_these_rules():
    assert sorted(WRAPPED) == sorted(REGISTRY)


@pytest.mark.parametrize("source", sorted(REGISTRY))
def test_a_payload_of_nothing_but_bad_alerts_answers_each_of_them(source):
    parsed = REGISTRY[source](WRAPPED[source](b'{"labels":{}},7'))
    assert parsed.signals == ()
    assert [rejection.index for rejection in parsed.rejected] == [0, 1]


@pytest.mark.parametrize("source", sorted(REGISTRY))
@pytest.mark.parametrize(
    "alert",
    [
        labelled({f"l{n}": "x" for n in range(64)}),
        labelled({"n" * 256: "v" * 4096}),
        labelled({"a": "b"}, annotations={"text": "x" * 65_532}),
        labelled({"a": "b"}, annotations=None, generatorURL=None, startsAt=None, endsAt=None),
        labelled({"a": "a backslash and then letters: \\u0000"}),
        labelled({"a": "😀 é \u2028"}),
        b'{"labels":{"a":"\\ud83d\\ude00"}}',
        labelled({"a": "b"}, startsAt="1970-01-01T00:00:00Z", endsAt="9999-12-31T23:59:59Z"),
    ],
)
def test_what_is_just_within_the_limits_is_taken_alone_and_beside_a_bad_one(source, alert):
    parse, wrapped = REGISTRY[source], WRAPPED[source]
    alone = parse(wrapped(alert))
    assert (len(alone.signals), alone.rejected) == (1, ())
    assert parse(wrapped(alert + b",5")).signals == alone.signals
    assert parse(wrapped(alert + b',{"labels":"\\ud800"}')).signals == alone.signals


def answers(source: str, body: bytes) -> Parsed | None:
    try:
        return REGISTRY[source](body)
    except InvalidError:
        return None


def check_storable(parsed: Parsed | None) -> None:
    for signal in parsed.signals if parsed else ():
        assert signal.labels
        for text in (*signal.labels, *signal.labels.values(), *signal.annotations.values(), signal.link):
            assert "\0" not in text
            text.encode()  # raises for half a surrogate pair


sources = st.sampled_from(sorted(REGISTRY))
texts = st.text(st.characters(codec=None), max_size=5)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
alerts = st.fixed_dictionaries(
    {"labels": st.dictionaries(texts, texts | json_values, max_size=3) | json_values},
    optional={
        "status": st.sampled_from(["firing", "resolved"]) | json_values,
        "annotations": st.dictionaries(texts, texts) | json_values,
        "startsAt": st.datetimes().map(lambda at: at.isoformat() + "Z") | json_values,
        "endsAt": st.sampled_from(["0001-01-01T00:00:00Z", "2026-11-22T21:42:59.1202426+99:99"]) | json_values,
        "generatorURL": texts | json_values,
    },
)


@given(sources, st.binary())
def test_any_bytes_at_all_are_read_or_refused(source, body):
    check_storable(answers(source, body))


@given(sources, st.lists(alerts | json_values, max_size=4))
@example("prometheus", [{"labels": {"a": "\ud800"}}, {"labels": {"a": "\0"}}])
def test_any_alerts_are_each_taken_or_refused_and_none_is_forgotten(source, some):
    parsed = answers(source, WRAPPED[source](b",".join(json.dumps(one).encode() for one in some)))
    check_storable(parsed)
    assert parsed is not None
    assert len(parsed.signals) + len(parsed.rejected) == len(some)


@given(sources, st.binary(min_size=1, max_size=4), st.data())
def test_a_sound_payload_with_some_bytes_overwritten_is_read_or_refused(source, noise, data):
    body = bytearray(WRAPPED[source](GOOD + b"," + GOOD))
    place = data.draw(st.integers(0, len(body) - 1))
    body[place : place + len(noise)] = noise
    check_storable(answers(source, bytes(body)))
