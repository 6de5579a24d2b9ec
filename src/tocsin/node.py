"""A running node: the application with its intake and engine, started and stopped in order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tocsin.application.app import Application
from tocsin.application.intake import Intake
from tocsin.bootstrap import Switchboard, open_application
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
    """

    app: Application
    intake: Intake
    engine: Engine
    watcher: Watcher | None


@contextmanager
def running(settings: Settings, listening_url: str = "") -> Iterator[Node]:
    """Run a node until the block ends; then refuse new work, finish what is being sent, and let go.

    Args:
        settings: where the home and the database are; on SQLite the caller holds the home's lock.
        listening_url: how programs on this machine reach this node; empty when it does not listen.

    Raises:
        UnavailableError: the database is out of reach, or a newer release wrote it.
    """
    with open_application(settings, listening_url) as app:
        watcher = Watcher(app, settings.procedures) if settings.is_sqlite else None
        switchboard = Switchboard(settings.environment, settings.public_url)
        node = Node(app, Intake(app), Engine(app, switchboard), watcher)
        node.intake.start()
        node.engine.start()
        if watcher:
            watcher.start()
        try:
            yield node
        finally:
            if watcher:
                watcher.stop()
            node.intake.stop()
            node.engine.stop()
