"""The delivery promise, over two thousand fates: docs/delivery-promise.md, docs/simulation.md."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.simulation.run import made_smaller, simulate, told
from tests.simulation.world import CRASH_POINTS

ROOT = Path(__file__).parents[2]
SEEDS = int(os.environ.get("TOCSIN_TEST_SEEDS", "2000"))
PARTS = 16
HERE = 25
"""Seeds that are run in this process, where the coverage of what they reach is measured; it makes them slow."""


@pytest.mark.parametrize("part", range(PARTS))
def test_whatever_goes_wrong_every_promise_is_kept(part):
    """`TOCSIN_TEST_SEEDS=20000` tries more; these seeds follow those of the next test."""
    first, end = (SEEDS * one // PARTS for one in (part, part + 1))
    if first == end:
        pytest.skip("fewer seeds than parts")
    run = subprocess.run(
        [sys.executable, "-m", "tests.simulation", "--start", str(HERE + first), "--seeds", str(end - first)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT / "src")},
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert re.match(rf"{end - first} seeds, .* 0 violations", run.stdout.splitlines()[0])


def test_every_crash_point_and_every_kind_of_trouble_is_met():
    counts: Counter[str] = Counter()
    broken = []
    for seed in range(HERE):
        result = simulate(seed)
        counts += result.counts
        if result.broken:
            broken.append(told(made_smaller(result)))

    assert not broken, "\n\n".join(broken)
    never_crashed = [point for point in CRASH_POINTS if not counts[f"crashes at {point}"]]
    assert not never_crashed, "a promise that was not tried proves nothing"
    fates = (
        "lease expiries",
        "lost commits",
        "ambiguous replies",
        "duplicates",
        "deeds",
        "clock jumps",
        "bundles taken",
    )
    assert all(counts[fate] for fate in (*fates, "words of providers", "words that never came")), counts


def test_the_crash_points_are_those_of_the_code():
    passed = {
        point
        for path in (ROOT / "src" / "tocsin").rglob("*.py")
        for point in re.findall(r'\.crash\("([^"]+)"\)', path.read_text(encoding="utf-8"))
    }
    assert passed == set(CRASH_POINTS)


def test_without_faults_nothing_is_sent_twice():
    results = [simulate(seed, frozenset()) for seed in range(10)]

    assert not [told(result) for result in results if result.broken]
    assert sum(result.counts["messages taken"] for result in results) > 100
    assert not any(result.counts["duplicates"] or result.counts["lease expiries"] for result in results)
