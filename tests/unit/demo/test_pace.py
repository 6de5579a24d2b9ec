"""Shortened waits."""

from __future__ import annotations

from datetime import timedelta

from tocsin.demo.pace import FAST, ORDINARY, shorten
from tocsin.domain.severity import Severity
from tocsin.procedures import packs
from tocsin.procedures.loader import load


def test_the_pace_says_what_five_minutes_become():
    assert str(ORDINARY) == "60×: 5 min is 5 s here"
    assert str(FAST) == "150×: 5 min is 2 s here"


def test_no_wait_becomes_shorter_than_procedures_can_say():
    assert ORDINARY.of(timedelta(seconds=20)) == timedelta(seconds=1)


def test_only_the_ladder_that_waits_for_an_answer_is_shortened(tmp_path):
    packs.lay_out("claudex-windows", tmp_path, packs.defaults())
    before = load(tmp_path).policy.timings
    comments = [line for line in (tmp_path / "procedures.yaml").read_text().splitlines() if line.startswith("#")]
    shorten(tmp_path, ORDINARY)
    after = load(tmp_path).policy.timings

    critical = after[Severity.CRITICAL]
    assert [rung.after for rung in critical.unacknowledged] == [timedelta(seconds=s) for s in (0, 5, 10)]
    assert critical.repeat_every == timedelta(seconds=10)
    for severity, rules in before.items():
        assert after[severity].acknowledged == rules.acknowledged
        assert (after[severity].stale_after, after[severity].void_after) == (rules.stale_after, rules.void_after)
    assert after[Severity.LOW].unacknowledged == before[Severity.LOW].unacknowledged, "business days stay what they are"
    kept = (tmp_path / "procedures.yaml").read_text().splitlines()
    assert [line for line in kept if line.startswith("#")] == comments
