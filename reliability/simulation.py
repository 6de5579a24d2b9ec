"""`python -m reliability.simulation --seeds 20000`: the simulator, over as many fates as there is time for.

Prints a line for each thousand seeds, then the summary; docs/simulation.md says what a seed is and what it must keep.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from datetime import timedelta

from tests.simulation.sweep import Sweep, sweep

DRIVER = "simulation"
CLAIM = "Whatever goes wrong, every promise is kept: the real rules, use cases and SQL on a virtual clock."
EACH = 1000


def main() -> int:
    """Run what was asked for; 0 when no promise was broken."""
    asked = argparse.ArgumentParser(prog="python -m reliability.simulation", description=__doc__)
    asked.add_argument("--seeds", type=int, default=2000, help="how many seeds")
    asked.add_argument("--start", type=int, default=0, help="the first seed")
    asked.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="in how many processes")
    asked.add_argument("--database-url", help="not used: the simulator brings its own database")
    options = asked.parse_args()
    began, total = time.perf_counter(), Sweep()
    for part in sweep(options.start, options.seeds, options.jobs):
        total.add(part)
        for broken in part.broken:
            print(broken, file=sys.stderr, flush=True)
        if total.seeds % EACH == 0 and total.seeds < options.seeds:
            print(json.dumps({"driver": DRIVER, **figures(total)}), flush=True)
    holds = not total.broken
    took_s = round(time.perf_counter() - began, 1)
    print(json.dumps({"driver": DRIVER, "claim": CLAIM, "holds": holds, **figures(total), "seconds": took_s}))
    return 0 if holds else 1


def figures(total: Sweep) -> dict[str, object]:
    """What is kept of so many seeds."""
    days = total.virtual / timedelta(days=1)
    return {
        "seeds": total.seeds,
        "virtual_days": round(days, 1),
        "virtual_years": round(days / 365.25, 2),
        "crashes": total.crashes,
        "lease_expiries": total.counts["lease expiries"],
        "clock_jumps": total.counts["clock jumps"],
        "pages_sent": total.counts["sends"],
        "violations": len(total.broken),
    }


if __name__ == "__main__":
    sys.exit(main())
