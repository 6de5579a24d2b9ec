"""★ "Tocsin is degraded": what people hear when the node cannot do its own work, by mail that needs no database.

Two alarms: one for what keeps pages from going out, and a quieter one for what somebody should look at although pages
do go out (a row that cannot be read, a clock that was set, a provider that refuses). Each node mails for itself.
"""

from __future__ import annotations

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta

from tocsin.application.alarm import Alarm
from tocsin.application.app import Application
from tocsin.application.looks import readiness
from tocsin.application.set_aside import SET_ASIDE
from tocsin.domain.errors import TocsinError
from tocsin.emergency import DEGRADED, Post, Roster, Trouble, begin, keep, kept, read_roster
from tocsin.settings import Settings

LOOK_EVERY_S = 1.0
ROSTER_EVERY_S = 60.0
AGAIN_WHEN_UNSENT_S = 30.0
STOP_WITHIN_S = 10.0
NOTES_RARER = 6
"""What does not keep pages from going out is said again this much more rarely."""
CLOCK_STEP_S = 5.0
log = logging.getLogger("tocsin.degraded")

Said = Callable[[], Iterable[str]]


def database_troubles(app: Application) -> Iterator[str]:
    """What `/readyz` reads in the database: whether it answers, and whether what is due is being done."""
    try:
        facts = readiness(app)
    except TocsinError as error:
        yield error.detail
        return
    if not facts["ready"]:
        yield f"The engine is {facts['engine_lag_seconds']} s behind: what is due is not being sent."


def notes(app: Application) -> Iterator[str]:
    """What somebody should look at although pages go out."""
    step = app.database.clock_step().total_seconds()
    if abs(step) > CLOCK_STEP_S:
        yield (
            f"The clock of this machine was set {'forward' if step > 0 else 'back'} by {abs(step):.0f} s. Tocsin does "
            "not follow: ladders stay on time. Set it right; a restart takes the new time as it is."
        )
    yield from SET_ASIDE.warnings()
    yield from app.providers.warnings()


@dataclass(slots=True)
class _Bell:
    """One alarm, and what it is about."""

    title: str
    said: Said
    rarer: int = 1
    alarm: Alarm = field(default_factory=Alarm)
    thread: str = ""


class Watchman:
    """Looks at the node each second, and tells people when it has been in trouble for long.

    Args:
        app: the application.
        settings: the home, and where references are looked up.
        troubles: what keeps pages from going out, as sentences.
    """

    def __init__(self, app: Application, settings: Settings, troubles: Said) -> None:
        self._app = app
        self._settings = settings
        self._post = Post(settings.environment, settings.public_url)
        self._roster: Roster | None = None
        self._roster_at = 0.0
        self._not_before = 0.0
        self._bells = (
            _Bell(DEGRADED, troubles, alarm=begin(settings.home)),
            _Bell("Tocsin needs a look", lambda: notes(app), NOTES_RARER),
        )
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tocsin-watchman", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._stopping.set()
        self._thread.join(STOP_WITHIN_S)
        self._post.close()

    @property
    def is_alive(self) -> bool:
        """Whether it looks."""
        return self._thread.is_alive()

    def _run(self) -> None:
        """★ The error boundary of the watch: whatever goes wrong in a look, the next one comes."""
        while not self._stopping.wait(LOOK_EVERY_S):
            try:
                self.look()
            except Exception:
                log.exception("The watch over this node met an error and goes on.")

    def look(self) -> None:
        """Look once, and tell people what is to be told."""
        self._refresh()
        roster = self._roster or kept(self._settings.home)
        if roster is None or time.monotonic() < self._not_before:
            return
        for bell in self._bells:
            self._ask(bell, roster)

    def _refresh(self) -> None:
        if time.monotonic() < self._roster_at:
            return
        self._roster_at = time.monotonic() + ROSTER_EVERY_S
        try:
            self._roster = read_roster(self._app)
        except TocsinError as error:
            log.debug("The roster of before goes on to hold: %s", error.detail)
        else:
            keep(self._roster, self._settings.home)

    def _ask(self, bell: _Bell, roster: Roster) -> None:
        wrong = list(bell.said())
        now, rule = time.monotonic(), roster.site.degraded
        before = bell.alarm
        after, word = before.look(now, wrong=bool(wrong), after=rule.after, every=rule.every * bell.rarer)
        if word is not None:
            bell.thread = bell.thread or f"tocsin-{secrets.token_hex(6)}"
            since = now if before.since is None else before.since
            trouble = Trouble(bell.title, bell.thread, word, tuple(wrong), timedelta(seconds=now - since))
            if not self._post.tell(trouble, roster, self._settings.home):
                self._not_before = now + AGAIN_WHEN_UNSENT_S
                after = replace(before, since=since)
        if after.since is None:
            bell.thread = ""
        bell.alarm = after
