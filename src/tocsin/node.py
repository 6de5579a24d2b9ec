"""A running node: the application with its intake and engine, started and stopped in order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from tocsin.application import canary
from tocsin.application.app import Application
from tocsin.application.intake import Intake
from tocsin.application.set_aside import SET_ASIDE
from tocsin.bootstrap import Switchboard, open_application
from tocsin.canary import Canary, Perch
from tocsin.degraded import Watchman, database_troubles
from tocsin.domain.errors import UnavailableError
from tocsin.emergency import tell_of_failed_start
from tocsin.engine import Engine
from tocsin.settings import Settings
from tocsin.watching import Watcher


@dataclass(frozen=True, slots=True)
class Node:
    """What `serve` and `worker` run.

    Args:
        app: the application.
        intake: where doors hand in what senders brought.
        engine: ticks and sends.
        watcher: looks at the procedures directory; None on PostgreSQL, where `tocsin apply` is the only way.
        canary: proves the whole path; None for a process that is to die at a crash point, which must be an alert's.
        watchmen: those who tell people that this node is in trouble; at most one.
    """

    app: Application
    intake: Intake
    engine: Engine
    watcher: Watcher | None
    canary: Canary | None
    watchmen: list[Watchman] = field(default_factory=list)

    def troubles(self) -> Iterator[str]:
        """What keeps pages from going out, beside what the database shows, as sentences."""
        yield from self.engine.troubles()
        if not (self.intake.is_alive or self.intake.closing):
            yield "The intake does not run, so no alert is stored: start the server again."
        if self.watcher is not None and not self.watcher.is_alive:
            yield "The procedures directory is not watched any more: start the server again."
        if not all(watchman.is_alive for watchman in self.watchmen):
            yield "The watch over this node does not run, so nobody is told by mail of its troubles: start it again."

    def all_troubles(self) -> Iterator[str]:
        """The same with what the database shows and what became of the canaries: what people are told of by mail."""
        yield from self.troubles()
        yield from database_troubles(self.app)
        yield from self.app.flights.troubles()
        yield from SET_ASIDE.troubles()


@contextmanager
def running(settings: Settings, listening_url: str = "") -> Iterator[Node]:
    """Run a node until the block ends; then refuse new work, finish what is being sent, and let go.

    Args:
        settings: where the home and the database are; on SQLite the caller holds the home's lock.
        listening_url: how programs on this machine reach this node; empty when it does not listen.

    Raises:
        UnavailableError: the database is out of reach, or a newer release wrote it.
    """
    with ExitStack() as until:
        try:
            app = until.enter_context(open_application(settings, listening_url))
        except UnavailableError as error:
            tell_of_failed_start(settings, error.detail)
            raise
        node = _node(settings, app)
        for part in (node.engine, node.intake, node.watcher, node.canary, *node.watchmen):
            if part is not None:
                part.start()
                until.callback(part.stop)
        yield node


def _node(settings: Settings, app: Application) -> Node:
    sender = canary.sender()
    switchboard = Switchboard(settings.environment, settings.public_url, {canary.channel_of(app.node): Perch()})
    engine = Engine(app, switchboard)
    node = Node(
        app,
        Intake(app, [sender]),
        engine,
        Watcher(app, settings.procedures) if settings.is_sqlite else None,
        None if settings.crash_at else Canary(app, sender, engine.pulse),
    )
    node.watchmen.append(Watchman(app, settings, node.all_troubles))
    return node
