"""`python -m reliability.planted`: is the simulator itself any good? Bugs are planted, and it has to notice each.

Prints a line for each bug, then the summary.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time

from tests.simulation.planted import BUGS
from tests.simulation.sweep import WITHIN_SEEDS, catch_all

DRIVER = "planted"
CLAIM = "The simulator notices when the code is wrong: each bug that is planted is caught."


def main() -> int:
    """Plant every bug; 0 when all of them were caught."""
    asked = argparse.ArgumentParser(prog="python -m reliability.planted", description=__doc__)
    asked.add_argument("--seeds", type=int, default=WITHIN_SEEDS, help="in which each is to be noticed")
    asked.add_argument("--jobs", type=int, default=len(os.sched_getaffinity(0)), help="in how many processes")
    asked.add_argument("--database-url", help="not used: the simulator brings its own database")
    options = asked.parse_args()
    began, seeds = time.perf_counter(), []
    for caught in catch_all(options.seeds, options.jobs):
        line = {"driver": DRIVER, "bug": caught.bug, "seed": caught.seed, "broken": caught.broken}
        print(json.dumps({**line, "expected": caught.expected, "seconds": round(caught.took_s, 1)}), flush=True)
        if caught.seed is not None:
            seeds.append(caught.seed)
    holds = len(seeds) == len(BUGS)
    summary = {"planted": len(BUGS), "caught": len(seeds), "latest_seed": max(seeds, default=None)}
    took_s = round(time.perf_counter() - began, 1)
    print(json.dumps({"driver": DRIVER, "claim": CLAIM, "holds": holds, **summary, "seconds": took_s}))
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
