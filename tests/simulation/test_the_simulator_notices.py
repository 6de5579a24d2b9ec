"""A bug that is planted is found, and what is found can be seen again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.simulation.planted import BUGS
from tests.simulation.run import Result, made_smaller, simulate, told
from tests.simulation.sweep import catch

ROOT = Path(__file__).parents[2]


def first_broken() -> Result | None:
    return next((result for seed in range(200) if (result := simulate(seed)).broken), None)


@pytest.mark.parametrize("bug", ["no-fence", "fail-on-expired-lease", "timer-in-memory", "ack-not-rechecked"])
def test_a_planted_bug_is_found(bug):
    """All of them: `python -m tests.simulation --planted`, which `make simulate` does."""
    found = catch(bug, within=200)

    assert found.seed is not None, f"nobody noticed: {bug}"
    assert found.expected, found


def test_there_are_twenty_bugs_and_more_each_with_a_flag_and_a_word_on_what_it_is():
    assert len(BUGS) >= 20
    assert [name for name, bug in BUGS.items() if not bug.plant.__doc__ or " " in name] == []


def test_a_broken_promise_is_told_with_its_replay_and_the_least_that_leads_to_it(monkeypatch):
    BUGS["no-lease"].plant(monkeypatch)
    found = first_broken()
    assert found is not None

    smaller = made_smaller(found)
    said = told(smaller).splitlines()

    assert smaller.faults < found.faults
    assert simulate(smaller.seed, smaller.faults).broken == found.broken
    assert said[1].strip() == smaller.replay
    assert 2 < len(said) <= 62


def test_a_seed_tells_the_same_story_in_every_process_and_after_any_other():
    def story(hash_seed: str) -> list[str]:
        told_it = subprocess.run(
            [sys.executable, "-m", "tests.simulation", "--seeds", "1", "--start", "3", "--trace"],
            cwd=ROOT,
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT / "src")},
            capture_output=True,
            text=True,
            check=True,
        )
        return told_it.stdout.splitlines()

    first = story("1")
    simulate(2)

    assert any("RoundOpened" in line for line in first)
    assert first == story("2")
    assert first[:-1] == simulate(3).story()
