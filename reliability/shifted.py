"""`tocsin` in a process that is told another time by its system: `python -m reliability.shifted FILE serve …`.

FILE has the seconds by which the system's clock is off, read at every look, so whoever writes it sets the clock. Real
are the process, its threads, its ladders, and the clock that time comes from (`db.clock`); the kernel's is not set.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from tocsin import bootstrap
from tocsin.__main__ import main
from tocsin.db.clock import SteadyClock


def told_by(file: Path) -> Callable[[], datetime]:
    """The system's time, off by what a file says."""

    def now() -> datetime:
        return datetime.now(UTC) + timedelta(seconds=float(file.read_text() or 0))

    return now


if __name__ == "__main__":
    system = told_by(Path(sys.argv.pop(1)))
    vars(bootstrap)["SteadyClock"] = partial(SteadyClock, system=system)
    main()
