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


@dataclass(frozen=True, slots=True)
class Node:
    """What `serve` and `worker` run.

    Args:
        app: the application.
        intake: where doors hand in what senders brought.
        engine: ticks and sends.
    """

    app: Application
    intake: Intake
    engine: Engine


@contextmanager
def running(settings: Settings) -> Iterator[Node]:
    """Run a node until the block ends; then refuse new work, finish what is being sent, and let go.

    Args:
        settings: where the home and the database are; on SQLite the caller holds the home's lock.

    Raises:
        UnavailableError: the database is out of reach, or a newer release wrote it.
    """
    with open_application(settings) as app:
        node = Node(app, Intake(app), Engine(app, Switchboard(settings.environment, settings.public_url)))
        node.intake.start()
        node.engine.start()
        try:
            yield node
        finally:
            node.intake.stop()
            node.engine.stop()
