"""How a driver tells what it saw: one JSON object per line on stdout, the last one a summary; progress on stderr."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time

_BEGAN = time.monotonic()
LOAD_BEFORE = round(os.getloadavg()[0], 2)
"""What else the machine was doing when the driver started: processes that wanted a core, over the last minute."""


def options(about: str | None) -> argparse.ArgumentParser:
    """The options every driver has; from here on one that is asked to end lets go of what it started.

    Args:
        about: its module's docstring.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("Ended before it was done."))
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--database-url", help="a PostgreSQL whose user may create databases; without it, where one is needed, our own"
    )
    return parser


def tell(driver: str, **facts: object) -> None:
    """Print one result."""
    print(json.dumps({"driver": driver} | facts), flush=True)


def conclude(driver: str, claim: str, *, holds: bool, **figures: object) -> int:
    """Print the summary, a driver's last line.

    Args:
        driver: its name.
        claim: one sentence of what was tested.
        holds: whether every bar was met.
        figures: what was measured.

    Returns:
        The exit code: 0 only when the claim holds.
    """
    seconds = round(time.monotonic() - _BEGAN, 1)
    tell(driver, claim=claim, holds=holds, **figures, load_before=LOAD_BEFORE, seconds=seconds)
    return 0 if holds else 1


def progress(line: str) -> None:
    """Say to whoever watches how far it is."""
    print(f"{time.monotonic() - _BEGAN:6.1f} s  {line}", file=sys.stderr, flush=True)
