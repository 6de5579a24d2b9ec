"""What it costs to have around: time from start to the first accepted alert, idle memory, and `tocsin --help`.

Memory is the proportional set size of the process and its children, read after a few idle seconds. Each figure is the
median of the runs, the systems in turns. The home is laid out beforehand, as it is when a machine boots.
"""

from __future__ import annotations

import contextlib
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import report, systems
from benchmarks.load import Connection
from benchmarks.payloads import Door, Writer
from tocsin.demo.children import Child, ChildError, free_port
from tocsin.demo.tocsin_server import TocsinServer

BARS = {"start_s": 2.0, "idle_pss_mb": 120.0, "help_s": 0.3}
START_WITHIN = 30.0
ASK_AGAIN_AFTER = 0.005


def pss_bytes(pid: int) -> int:
    """Proportional set size of a process and all its descendants."""
    rollup = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii")
    own = next(int(line.split()[1]) * 1024 for line in rollup.splitlines() if line.startswith("Pss:"))
    children = [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in _words(task / "children")]
    return own + sum(pss_bytes(child) for child in children)


def _words(path: Path) -> list[str]:
    return path.read_text(encoding="ascii").split()


def first_accepted(door: Door, child: Child, since: float) -> float:
    """Seconds from `since` (on `time.perf_counter`) until the system accepted an alert.

    Raises:
        ChildError: it ended, or accepted none within `START_WITHIN` seconds.
    """
    request = Writer(door, "start").request(1, [1])
    while time.perf_counter() - since < START_WITHIN:
        with contextlib.suppress(OSError):
            connection = Connection(door.port)
            with contextlib.closing(connection):
                if 200 <= connection.ask(request) < 300:
                    return time.perf_counter() - since
        if child.process.poll() is not None:
            raise ChildError(f"It ended with {child.process.returncode}.\n{child.last_words()}")
        time.sleep(ASK_AGAIN_AFTER)
    raise ChildError(f"It accepted no alert within {START_WITHIN:g} s.\n{child.last_words()}")


def starts_of_tocsin(server: TocsinServer) -> Iterator[tuple[Child, Door]]:
    """Start the server again and again on the same home."""
    server.start()
    server.stop()
    while True:
        server.launch()
        if server.process is None:
            raise ChildError("The server was not launched.")
        yield server.process, systems.tocsin_door(server, webhook=True)


def starts_of_alertmanager(folder: Path) -> Iterator[tuple[Child, Door]]:
    """Start Debian's Alertmanager again and again on the same folder."""
    while True:
        port = free_port()
        argv = systems.alertmanager_argv(folder, port)
        yield Child(argv, log=folder / "log"), Door(port, "/api/v2/alerts")


def one_start(starts: Iterator[tuple[Child, Door]], idle: float) -> tuple[float, float]:
    """Start once. Returns seconds to the first accepted alert, and MB of memory after `idle` seconds."""
    began = time.perf_counter()
    child, door = next(starts)
    with child:
        taken = first_accepted(door, child, began)
        time.sleep(idle)
        return taken, pss_bytes(child.pid) / 1e6


def help_seconds(repeats: int) -> list[float]:
    """Wall time of `tocsin --help`, each run in a process of its own."""
    beside = shutil.which("tocsin", path=str(Path(sys.executable).parent))
    argv = [beside, "--help"] if beside else [sys.executable, "-m", "tocsin", "--help"]
    seconds = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        subprocess.run(argv, stdout=subprocess.DEVNULL, check=True, timeout=60)
        seconds.append(time.perf_counter() - began)
    return seconds[1:]  # the first one warms the disk's cache


def tell(system: str, figures: dict[str, list[float]], database: str | None) -> None:
    """Print one system's medians."""
    medians = {name: round(statistics.median(values), 3) for name, values in figures.items()}
    facts: dict[str, object] = {**medians, "runs": len(next(iter(figures.values())))}
    if database:
        facts |= {"database": database, "bars": BARS, "met": all(medians[name] <= bar for name, bar in BARS.items())}
    report.tell("footprint", system=system, **facts)


def main() -> None:
    parser = report.options(__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="starts per system (default 5)")
    parser.add_argument("--idle", type=float, default=2.0, help="idle seconds before memory is read (default 2)")
    chosen = parser.parse_args()
    if chosen.peer_url:
        parser.error("a running peer cannot be started; use --with-alertmanager")
    figures: dict[str, dict[str, list[float]]] = {}
    with contextlib.ExitStack() as running:
        starts: dict[str, Iterator[tuple[Child, Door]]] = {}
        if not chosen.only_peer:
            home, sink = running.enter_context(systems.tocsin_home(chosen.database_url))
            starts["tocsin"] = starts_of_tocsin(TocsinServer(home, service=systems.SERVICE, sink=sink))
        if chosen.with_alertmanager:
            folder = running.enter_context(systems.temporary_folder())
            starts["peer"] = starts_of_alertmanager(folder)
        for name in list(starts) * chosen.repeats:
            taken, memory = one_start(starts[name], chosen.idle)
            figures.setdefault(name, {}).setdefault("start_s", []).append(taken)
            figures[name].setdefault("idle_pss_mb", []).append(memory)
    if "tocsin" in figures:
        figures["tocsin"]["help_s"] = help_seconds(chosen.repeats)
    for name, measured in figures.items():
        tell(name, measured, report.database_name(chosen.database_url) if name == "tocsin" else None)


if __name__ == "__main__":
    main()
