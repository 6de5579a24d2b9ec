"""Runs the drivers, keeps their figures, and writes docs/reliability.md: `python -m reliability`.

A driver that fails or takes too long is told as such, and the rest goes on. With `--only`, the other figures stay as
they are; with `--render`, nothing runs and the page is drawn anew from the figures that are kept.
"""

from __future__ import annotations

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from reliability import page, runs
from reliability.drivers import DRIVERS, Driver
from reliability.evidence import Verdict, findings


def main() -> int:
    chosen = _options()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what runs is ended, too
    figures = dict(page.read())
    folder = Path(tempfile.mkdtemp(prefix="tocsin-reliability-"))
    unfinished = False
    for driver in () if chosen.render else _asked(chosen.only):
        if not runs.exists(driver):
            print(f"{driver.name:18} is not there", flush=True)
            continue
        print(f"{driver.name:18} …", end="", flush=True)
        figures[driver.name] = runs.run(driver, quick=chosen.quick, log=folder / f"{driver.name}.log")
        print(_told(driver, figures), flush=True)
        unfinished |= figures[driver.name]["ended"] != "finished"
        page.write(figures)
    known = {driver.name for driver in DRIVERS}
    page.write({name: figure for name, figure in figures.items() if name in known})
    if chosen.keep or unfinished:
        print(f"What the drivers said beside their figures: {folder}")
    else:
        shutil.rmtree(folder)
    return 0 if all(each.verdict is Verdict.HELD for each in findings(figures)) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m reliability", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", metavar="NAME,…", help=f"some of: {', '.join(d.name for d in DRIVERS)}")
    parser.add_argument("--quick", action="store_true", help="short runs; the page says so")
    parser.add_argument("--keep", action="store_true", help="keep what the drivers say beside their figures")
    parser.add_argument("--render", action="store_true", help="run nothing, draw the page from the kept figures")
    chosen = parser.parse_args()
    unknown = set(filter(None, chosen.only.split(","))) - {driver.name for driver in DRIVERS}
    if unknown:
        parser.error(f"there is no driver named {', '.join(sorted(unknown))}")
    return chosen


def _asked(only: str) -> Sequence[Driver]:
    names = set(filter(None, only.split(",")))
    return [driver for driver in DRIVERS if driver.name in names or not (names or driver.long)]


def _told(driver: Driver, figures: dict[str, runs.Run]) -> str:
    run = figures[driver.name]
    said = "".join(f"\n    {each.verdict}: {each.seen}" for each in findings(figures, [driver]))
    return f" {run['ended']} after {run['seconds']:.0f} s{said}"


if __name__ == "__main__":
    sys.exit(main())
