"""A bug that is planted is found, and what is found can be seen again."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.planted import BUGS, claims_without_lease
from tests.simulation.run import Result, made_smaller, simulate, told

ROOT = Path(__file__).parents[2]
SEEDS = range(200)


def first_broken() -> Result | None:
    return next((result for seed in SEEDS if (result := simulate(seed)).broken), None)


@pytest.mark.parametrize("bug", BUGS)
def test_a_planted_bug_is_found_within_200_seeds(bug, monkeypatch):
    plant, expected = BUGS[bug]
    plant(monkeypatch)

    found = first_broken()

    assert found is not None, f"nobody noticed: {bug}"
    assert re.search(expected, found.broken), told(found)
    print(f"{bug}: seed {found.seed}: {found.broken}")


def test_a_broken_promise_is_told_with_its_replay_and_the_least_that_leads_to_it(monkeypatch):
    claims_without_lease(monkeypatch)
    found = first_broken()
    assert found is not None

    smaller = made_smaller(found)
    said = told(smaller).splitlines()

    assert smaller.faults < found.faults
    assert simulate(smaller.seed, smaller.faults).broken == found.broken
    assert said[1].strip() == smaller.replay
    assert 2 < len(said) <= 62


def test_a_seed_tells_the_same_story_in_every_process():
    def story(hash_seed: str) -> str:
        told_it = subprocess.run(
            [sys.executable, "-m", "tests.simulation", "--seeds", "1", "--start", "3", "--trace"],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT / "src")},
            capture_output=True,
            text=True,
            check=True,
        )
        return told_it.stdout.rpartition(" in ")[0]

    first = story("1")

    assert "RoundOpened" in first
    assert first == story("2")
