"""The delivery promise, over a few hundred fates: docs/delivery-promise.md, docs/simulation.md."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.simulation.run import made_smaller, simulate, told
from tests.simulation.world import CRASH_POINTS

SEEDS, CHUNK = 200, 25


@pytest.mark.parametrize("start", range(0, SEEDS, CHUNK))
def test_whatever_goes_wrong_every_promise_is_kept(start):
    counts: Counter[str] = Counter()
    broken = []
    for seed in range(start, start + CHUNK):
        result = simulate(seed)
        counts += result.counts
        if result.broken:
            broken.append(told(made_smaller(result)))

    assert not broken, "\n\n".join(broken)
    never_crashed = [point for point in CRASH_POINTS if not counts[f"crashes at {point}"]]
    assert not never_crashed, "a promise that was not tried proves nothing"
    assert all(counts[fate] for fate in ("leases run out", "lost commits", "lost replies", "duplicates", "deeds"))


def test_without_faults_nothing_is_sent_twice():
    results = [simulate(seed, frozenset()) for seed in range(SEEDS, SEEDS + 10)]

    assert not [told(result) for result in results if result.broken]
    assert sum(result.counts["messages taken"] for result in results) > 100
    assert not any(result.counts["duplicates"] or result.counts["leases run out"] for result in results)
