"""The table in docs/delivery-promise.md: the process dies at each named point, and what the table says happens."""

from __future__ import annotations

import pytest

from reliability.sweep import POINTS, sweep


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_death_at_any_point_loses_nothing_and_repeats_one_page_at_the_most(database, request):
    """ARCHITECTURE.md *The delivery promise*: crash → outcome. `python -m reliability.sweep` does more of it."""
    url = request.getfixturevalue("postgres_database") if database == "postgresql" else None

    swept = sweep(url, POINTS, (1,), loaded=False)

    print(f"{len(swept.deaths)} deaths, {len(swept.books.pages)} pages, {len(swept.twice)} duplicates")
    assert swept.faults == []
    assert swept.most_at_once <= 1
    before_commit, after_commit = (f"decide.{when}_commit-0-0" for when in ("before", "after"))
    assert before_commit not in swept.books.titles, "nothing was decided"
    assert after_commit in swept.books.titles, "it was decided, though nobody heard so"
