"""Where Claudex keeps its files, and the jobs that work on those files alone."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from pathlib import Path

from tocsin.demo.claudex import config


@dataclass(frozen=True)
class Home:
    """The two directories of one user of Claudex, below `root` ($CLAUDEX_HOME, else the user's home)."""

    root: Path

    @property
    def config(self) -> Path:
        """The configuration in use."""
        return self.root / ".claudex" / "config.toml"

    @property
    def backup(self) -> Path:
        """A copy of the configuration as `--init` wrote it."""
        return self.root / ".claudex" / "config.toml.backup"

    @property
    def running(self) -> Path:
        """Process number and port of the running service; there only while it runs."""
        return self.root / ".claudex" / "run.json"

    @property
    def log(self) -> Path:
        """What the service did."""
        return self.root / ".claudex" / "claudex.log"

    @property
    def hooks_log(self) -> Path:
        """What went wrong; lines with ERROR in them."""
        return self.root / ".claude" / "hooks.log"

    @property
    def data(self) -> Path:
        """The data directory, with sessions below it."""
        return self.root / ".claude"

    @property
    def caches(self) -> tuple[Path, Path]:
        """The cache of requests, and the cache of downloads."""
        return self.root / ".claude" / "cache", self.root / ".claudex" / "cache"

    def lay_out(self) -> None:
        """Make the directories that are missing."""
        for directory in (self.root / ".claudex", self.data, *self.caches):
            directory.mkdir(parents=True, exist_ok=True)

    def note(self, path: Path, level: str, message: str) -> None:
        """Append one line to a log, made anew when somebody removed it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        now = time.time()
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now)) + f".{int(now % 1 * 1000):03d}Z"
        with path.open("a", encoding="utf-8") as log:
            log.write(f"{stamp} {level} {message}\n")


def of_environment() -> Home:
    """The home that $CLAUDEX_HOME names, else the user's."""
    return Home(Path(os.environ.get("CLAUDEX_HOME") or Path.home()))


def write_default_config(home: Home) -> None:
    """Write the default configuration, and a backup of it if there is none.

    Raises:
        FileExistsError: there is a configuration already; it is left as it is.
    """
    home.lay_out()
    with home.config.open("x", encoding="utf-8") as file:
        file.write(config.DEFAULT)
    if not home.backup.exists():
        home.backup.write_text(config.DEFAULT, encoding="utf-8")


def repair_sessions(home: Home) -> list[Path]:
    """Replace every session that is not valid JSON by an empty one; the broken one stays beside it as `.corrupt`.

    Returns:
        The sessions that were repaired.
    """
    repaired = []
    for session in sorted(home.data.rglob("session.json")):
        try:
            json.loads(session.read_bytes())
        except ValueError:
            session.replace(session.with_name("session.json.corrupt"))
            session.write_text('{"messages": []}\n', encoding="utf-8")
            repaired.append(session)
    return repaired
