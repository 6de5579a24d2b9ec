"""On one machine the procedures directory is watched: a valid change takes effect, a broken one changes nothing.

The last good version stays in force while somebody edits; what is wrong is logged once, with file, line and column, and
shown by `/readyz` and `tocsin doctor`.
"""

from __future__ import annotations

import hashlib
import json
import logging
import threading
from pathlib import Path

from tocsin.application.administration import NewProcedures, procedures_apply
from tocsin.application.app import Application
from tocsin.domain.errors import ProceduresError, UnavailableError
from tocsin.domain.events import SYSTEM

LOOK_EVERY_S = 1.0
STOP_WITHIN_S = 10.0
_SEEN = "watched-procedures"
log = logging.getLogger("tocsin.procedures")


class Watcher:
    """Looks at a procedures directory every second.

    Args:
        app: where a changed directory is applied.
        directory: the procedures.
    """

    def __init__(self, app: Application, directory: Path) -> None:
        self._app = app
        self._directory = directory
        self._judged = ""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tocsin-watcher", daemon=True)
        self.faults: tuple[str, ...] = ()

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
        self._thread.join(STOP_WITHIN_S)

    @property
    def is_alive(self) -> bool:
        """Whether it looks."""
        return self._thread.is_alive()

    def _run(self) -> None:
        """★ The error boundary of looking: whatever somebody wrote into the directory, the next look comes."""
        while not self._stopping.wait(LOOK_EVERY_S):
            try:
                self.look()
            except UnavailableError as error:
                log.warning("The procedures directory could not be compared with the database: %s", error.detail)
            except Exception as error:  # noqa: BLE001 - shown on /readyz and logged once, with its traceback
                self._in_trouble(error)

    def _in_trouble(self, error: Exception) -> None:
        fault = f"{self._directory} could not be read as procedures: {error!r}. It is tried again."
        if self.faults != (fault,):
            log.error("The procedures cannot be watched.", exc_info=error)
        self.faults = (fault,)

    def look(self) -> None:
        """Apply the directory if it was changed since it was last applied and is valid.

        Raises:
            UnavailableError: the database is out of reach; the next look tries again.
        """
        appearance = self._appearance()
        if appearance == self._judged:
            return
        kept = json.loads(self._app.database.read(lambda tx: tx.accounts.get(_SEEN)) or b"{}")
        if appearance != kept.get("appearance"):
            self._apply(appearance, kept.get("version"))
        else:
            self.faults = ()
        self._judged = appearance

    def _appearance(self) -> str:
        """Changes whenever a file of the directory does: names, sizes and times, not contents."""
        try:
            files = sorted(path for path in self._directory.rglob("*") if path.is_file())
            stats = [(str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in files]
        except OSError:
            return ""
        return hashlib.sha256(json.dumps(stats).encode()).hexdigest()

    def _apply(self, appearance: str, seen: str | None) -> None:
        # YAML and its checks are loaded only when there is something to read: a server that starts needs neither.
        from tocsin.procedures.loader import document  # noqa: PLC0415

        try:
            found = document(self._directory)
        except ProceduresError as error:
            self.faults = error.faults
            for fault in error.faults:
                log.warning("The procedures are not valid, the last good version stays in force: %s", fault)
            return
        self.faults = ()
        if found.version != seen:
            changed = procedures_apply(self._app, SYSTEM, NewProcedures(found.data, found.version))
            if changed["before"] != found.version:
                log.info("The procedures were changed: version %s is in force.", found.version[:12])
        note = json.dumps({"appearance": appearance, "version": found.version}).encode()
        self._app.database.transact(lambda tx: tx.accounts.put(_SEEN, note))
