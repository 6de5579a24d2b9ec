"""Carries commands out in this process, on the home itself, when no server runs in it."""

from __future__ import annotations

import getpass
from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

import msgspec

from tocsin.application.access import OPERATOR
from tocsin.application.app import Application
from tocsin.application.catalogue import OPERATIONS
from tocsin.bootstrap import open_application
from tocsin.cli.home_lock import HomeLock
from tocsin.domain.errors import InvalidError, UnavailableError
from tocsin.domain.events import Actor
from tocsin.settings import Settings


class LocalBackend:
    """The home, opened by this process.

    Args:
        settings: which home.
        person: who acts (`--as`); "" is whoever this is.
        lock: the home's lock, let go of by `close`; None where the database has no need of one.
    """

    def __init__(self, settings: Settings, person: str, *, lock: HomeLock | None) -> None:
        self.remark = (
            "No server runs in this home, so pages go out only when 'tocsin serve' does."
            if lock is not None
            else "No server was asked; pages go out as long as a node runs on this database."
        )
        with ExitStack() as stack:
            if lock is not None:
                stack.enter_context(lock)
            self._app: Application = stack.enter_context(open_application(settings))
            self._actor = _actor(self._app, person)
            self._stack = stack.pop_all()

    def call(self, operation: str, body: Mapping[str, Any], /, **path: str) -> dict[str, Any]:
        """Carry out one operation; see `Backend.call`."""
        wanted = OPERATIONS[operation]
        given = {name: value for name, value in body.items() if value is not None}
        try:
            facts = msgspec.convert(given, wanted.body)
        except msgspec.ValidationError as error:
            raise InvalidError(f"This cannot be asked for: {error}. Nothing was changed.") from error
        # Through JSON, so that an answer looks the same as a server's.
        answer = wanted.run(self._app, self._actor, facts, **path)
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(answer))
        return plain

    def close(self) -> None:
        """Close the database and let go of the lock."""
        self._stack.close()


def _actor(app: Application, person: str) -> Actor:
    known = people(app)
    if person:
        if known and person not in {*known, OPERATOR}:
            raise InvalidError(
                f"There is no person '{person}' in the procedures, so nothing was changed; "
                f"there are {', '.join(sorted(known))}."
            )
        return Actor(f"person:{person}", "local", claimed=True)
    user = system_user()
    return Actor(f"person:{user if user in known else OPERATOR}", "local")


def people(app: Application) -> frozenset[str]:
    """Short names of everybody the procedures in force know; nobody in a home without procedures yet."""
    try:
        return frozenset(app.database.read(app.shelf.active).people)
    except UnavailableError:
        return frozenset()


def system_user() -> str:
    """What the operating system calls whoever this is; "" when it does not know."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return ""
