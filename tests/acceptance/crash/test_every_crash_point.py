"""The table in docs/delivery-promise.md: the process dies at each named point, and what the table says happens."""

from __future__ import annotations

import pytest

from reliability.sweep import POINTS, sweep
from tocsin.engine import WORKERS


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_death_at_any_point_loses_nothing_and_repeats_what_was_on_the_wire_at_the_most(database, request):
    """ARCHITECTURE.md *The delivery promise*: crash → outcome. `python -m reliability.sweep` does more of it."""
    url = request.getfixturevalue("postgres_database") if database == "postgresql" else None

    swept = sweep(url, POINTS, (1,), loaded=True)

    print(f"{len(swept.deaths)} deaths, {len(swept.books.pages)} pages, {len(swept.twice)} duplicates")
    assert swept.faults == []
    assert swept.most_at_once <= WORKERS
