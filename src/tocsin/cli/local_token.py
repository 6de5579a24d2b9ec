"""The token with which this home's command line talks to this home's server; it never leaves the home."""

from __future__ import annotations

import os
from pathlib import Path

from tocsin.application.access import OPERATOR, UnknownError, authenticate
from tocsin.application.administration import Grant, token_create
from tocsin.application.app import Application
from tocsin.application.operations import Access
from tocsin.cli.local_backend import people, system_user
from tocsin.domain.events import SYSTEM
from tocsin.settings import Settings

_NAME = "command line of this home"


def local_token(app: Application, settings: Settings) -> str:
    """The admin token kept in `run/token` (0600); a new one when there is none or it was revoked.

    Whoever can read it can read the database beside it as well. It acts as the person named like the system's user who
    serves, if the procedures know one.

    Args:
        app: whose token it is.
        settings: where the home is.
    """
    path = settings.home / "run" / "token"
    user = system_user()
    person = user if user in people(app) else ""
    try:
        kept = path.read_text(encoding="utf-8").strip()
        if authenticate(app, kept).actor.person == (person or OPERATOR):
            return kept
    except (OSError, UnicodeDecodeError, UnknownError):
        pass  # none yet, or one that is good for nothing: a new one is made
    token = str(token_create(app, SYSTEM, Grant(Access.ADMIN, person, _NAME))["token"])
    _keep(path, token)
    return token


def _keep(path: Path, token: str) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(token + "\n")
