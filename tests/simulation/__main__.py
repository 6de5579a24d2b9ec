"""`python -m tests.simulation --seeds N --start S`: run seeds, print figures, and for a broken promise its trace."""

from __future__ import annotations

import argparse
import math
import sys
import time
from collections.abc import Generator

import pytest

from tests.simulation.planted import BUGS
from tests.simulation.run import simulate, told
from tests.simulation.sweep import WITHIN_SEEDS, Sweep, catch_all, sweep
from tests.simulation.world import FAULTS

SAY_EVERY = 250


def main() -> int:
    """Run what was asked for; 1 when a promise was broken, or a planted bug was not noticed."""
    asked = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    asked.add_argument("--seeds", type=int, default=200, help="how many seeds")
    asked.add_argument("--start", type=int, default=0, help="the first seed")
    asked.add_argument("--jobs", type=int, default=1, help="in how many processes")
    asked.add_argument("--minutes", type=float, default=math.inf, help="begin no more seeds after this long")
    asked.add_argument("--without", default="", help=f"faults to leave out, comma-separated: {', '.join(FAULTS)}")
    asked.add_argument("--trace", action="store_true", help="print everything that happens")
    asked.add_argument("--plant", choices=BUGS, metavar="NAME", help=f"a bug to plant first: {', '.join(BUGS)}")
    asked.add_argument("--planted", action="store_true", help="plant each bug in turn, and say which seed notices it")
    asked.add_argument("--within", type=int, default=WITHIN_SEEDS, help="seeds in which a planted bug is to be noticed")
    options = asked.parse_args()
    if options.planted:
        return _planted(options.within, options.jobs)
    faults = frozenset(FAULTS) - set(options.without.split(","))
    with pytest.MonkeyPatch.context() as patch:
        if options.plant:
            BUGS[options.plant].plant(patch)
        if options.seeds == 1:
            return _one(options.start, faults, options.plant or "", trace=options.trace)
        seeds = sweep(options.start, options.seeds, 1 if options.plant else options.jobs, faults)
        return _many(seeds, options.minutes * 60)


def _one(seed: int, faults: frozenset[str], plant: str, *, trace: bool) -> int:
    result = simulate(seed, faults)
    if trace:
        print("\n".join(result.story()))
    print(told(result, plant) or f"seed {seed}: every promise kept over {result.virtual} of virtual time")
    return 1 if result.broken else 0


def _many(parts: Generator[Sweep], within_s: float) -> int:
    began, total = time.perf_counter(), Sweep()
    for part in parts:
        total.add(part)
        for broken in part.broken:
            print(broken, flush=True)
        if total.seeds % SAY_EVERY == 0:
            print(f"{total} so far", file=sys.stderr, flush=True)
        if time.perf_counter() - began > within_s:
            print("The time is up; the seeds that follow were not run.")
            break
    parts.close()
    print(f"{total}, in {time.perf_counter() - began:.0f} s")
    print(", ".join(f"{count} {what}" for what, count in sorted(total.counts.items())))
    return 1 if total.broken else 0


def _planted(within: int, jobs: int) -> int:
    missed = 0
    for caught in catch_all(within, jobs):
        missed += caught.seed is None
        print(caught, flush=True)
    print(f"{len(BUGS) - missed} of {len(BUGS)} planted bugs noticed within {within} seeds")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
