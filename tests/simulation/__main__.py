"""`python -m tests.simulation --seeds N --start S`: run seeds, print figures, and for a broken promise its trace."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from datetime import timedelta

from tests.simulation.run import made_smaller, simulate, told
from tests.simulation.world import FAULTS


def main() -> int:
    """Run what was asked for; 1 when a promise was broken."""
    asked = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    asked.add_argument("--seeds", type=int, default=200, help="how many seeds")
    asked.add_argument("--start", type=int, default=0, help="the first seed")
    asked.add_argument("--without", default="", help=f"faults to leave out, comma-separated: {', '.join(FAULTS)}")
    asked.add_argument("--trace", action="store_true", help="print everything that happens")
    options = asked.parse_args()
    faults = frozenset(FAULTS) - set(options.without.split(","))
    counts: Counter[str] = Counter()
    virtual, took_s, broken = timedelta(), 0.0, 0
    for seed in range(options.start, options.start + options.seeds):
        result = simulate(seed, faults)
        counts, virtual, took_s = counts + result.counts, virtual + result.virtual, took_s + result.took_s
        if options.trace:
            print("\n".join(result.trace))
        if result.broken:
            broken += 1
            print(told(result if options.seeds == 1 else made_smaller(result)))
    print(f"{options.seeds} seeds, {broken} broken, {virtual} of virtual time in {took_s:.1f} s")
    print(", ".join(f"{count} {what}" for what, count in sorted(counts.items())))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
