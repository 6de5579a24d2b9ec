"""Many seeds, in as many processes as are wanted; and how soon planted bugs are noticed."""

from __future__ import annotations

import multiprocessing
import time
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from typing import TypeVar

import pytest

from tests.simulation.planted import BUGS
from tests.simulation.run import made_smaller, simulate, told
from tests.simulation.world import FAULTS

CHUNK = 25
WITHIN_SEEDS = 5000
ALL = frozenset(FAULTS)

A = TypeVar("A")
B = TypeVar("B")


@dataclass(slots=True)
class Sweep:
    """What came of many seeds.

    Args:
        seeds: how many.
        counts: figures of all of them.
        virtual: how much time passed in them.
        broken: each broken promise, told.
    """

    seeds: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    virtual: timedelta = timedelta()
    broken: list[str] = field(default_factory=list)

    def add(self, other: Sweep) -> None:
        """Take in what came of some more."""
        self.seeds += other.seeds
        self.counts.update(other.counts)
        self.virtual += other.virtual
        self.broken += other.broken

    @property
    def crashes(self) -> int:
        """Processes that ended, at a named point or anywhere else."""
        return sum(count for what, count in self.counts.items() if what.startswith("crashes at") or what == "kills")

    def __str__(self) -> str:
        days = self.virtual / timedelta(days=1)
        return (
            f"{self.seeds} seeds, {days:.1f} virtual days ({days / 365.25:.2f} years), {self.crashes} crashes, "
            f"{self.counts['lease expiries']} lease expiries, {len(self.broken)} violations"
        )


def some(seeds: Iterable[int], faults: frozenset[str] = ALL) -> Sweep:
    """Run these, here and now."""
    result = Sweep()
    for seed in seeds:
        one = simulate(seed, faults)
        result.add(Sweep(1, one.counts, one.virtual, [told(made_smaller(one))] if one.broken else []))
    return result


def sweep(start: int, seeds: int, jobs: int = 1, faults: frozenset[str] = ALL) -> Generator[Sweep]:
    """Run seeds, a chunk after the other; what came of each chunk, in order."""
    chunks = [range(at, min(at + CHUNK, start + seeds)) for at in range(start, start + seeds, CHUNK)]
    return _in_order(jobs, partial(some, faults=faults), chunks)


@dataclass(frozen=True, slots=True)
class Caught:
    """How soon a planted bug was noticed.

    Args:
        bug: its name.
        seed: the seed that noticed it; None when none of them did.
        broken: the promise it broke.
        expected: whether that is one that it should have broken.
        took_s: real seconds.
    """

    bug: str
    seed: int | None
    broken: str
    expected: bool
    took_s: float

    def __str__(self) -> str:
        if self.seed is None:
            return f"{self.bug}: not noticed"
        return f"{self.bug}: seed {self.seed}: {self.broken}" + ("" if self.expected else " (not what was expected)")


def catch(bug: str, within: int = WITHIN_SEEDS) -> Caught:
    """Plant a bug and run seeds until one of them breaks a promise."""
    began = time.perf_counter()
    with pytest.MonkeyPatch.context() as patch:
        BUGS[bug].plant(patch)
        for seed in range(within):
            broken = simulate(seed).broken
            if broken:
                return Caught(bug, seed, broken, BUGS[bug].is_noticed_by(broken), time.perf_counter() - began)
    return Caught(bug, None, "", expected=False, took_s=time.perf_counter() - began)


def catch_all(within: int = WITHIN_SEEDS, jobs: int = 1) -> Iterator[Caught]:
    """Plant every bug there is, one after the other."""
    return _in_order(jobs, partial(catch, within=within), list(BUGS))


def _in_order(jobs: int, do: Callable[[A], B], work: Sequence[A]) -> Generator[B]:
    """A `map` over processes, or here when one is enough."""
    if jobs == 1:
        yield from map(do, work)
        return
    pool = ProcessPoolExecutor(jobs, multiprocessing.get_context("spawn"))
    try:
        yield from pool.map(do, work)
    finally:  # whoever has seen enough does not wait for the rest
        pool.shutdown(cancel_futures=True)
