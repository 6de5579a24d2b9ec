"""Who is asking: API tokens, browser sessions, and sessions an acknowledge link opens for one incident."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import timedelta

from tocsin.application.app import Application
from tocsin.application.operations import Access
from tocsin.application.ports import Transaction
from tocsin.application.records import Page, Session, Token
from tocsin.domain.errors import ForbiddenError
from tocsin.domain.events import Actor

SESSION_LIFE = timedelta(days=7)
LINK_SESSION_LIFE = timedelta(hours=12)
OPERATOR = "operator"
_PREFIX = "tcs_"


class UnknownError(ForbiddenError):
    """Nobody knows who is asking (HTTP 401)."""


@dataclass(frozen=True, slots=True)
class Principal:
    """Somebody who was recognised.

    Args:
        actor: goes onto the timeline.
        access: what they may do.
        incident_id: the only incident they may see and touch; empty for all.
    """

    actor: Actor
    access: Access
    incident_id: str = ""

    def acting_as(self, person: str) -> Principal:
        """The same access in another person's name; only a claim, and marked as one on the timeline."""
        actor = Actor(f"person:{person}", self.actor.authenticated_by, claimed=True)
        return Principal(actor, self.access, self.incident_id)


def _hash(secret: str) -> bytes:
    """Tokens have 256 random bits, so one round of SHA-256 keeps them."""
    return hashlib.sha256(secret.encode()).digest()


def new_token(app: Application, access: Access, person: str, name: str) -> tuple[str, Token]:
    """A fresh token: the secret, shown once, and what is stored of it."""
    secret = _PREFIX + secrets.token_urlsafe(32)
    token = Token(
        id=f"tok-{secrets.token_hex(4)}",
        hash=_hash(secret),
        role=access.value,
        person=person,
        name=name or person or access.value,
        created_at=app.database.now(),
    )
    return secret, token


def authenticate(app: Application, secret: str) -> Principal:
    """Who holds a token.

    Raises:
        UnknownError: there is no such token, or it was revoked.
    """
    token = app.database.read(lambda tx: tx.accounts.token(_hash(secret)))
    if token is None:
        raise UnknownError(
            "This token is not known here, or it was revoked. Ask an admin for one: tocsin tokens create."
        )
    return Principal(Actor(f"person:{token.person or OPERATOR}", "token"), Access(token.role))


def open_session(app: Application, secret: str) -> str:
    """Exchange a token for a session; the value of its cookie.

    Raises:
        UnknownError: as `authenticate`.
    """

    def work(transaction: Transaction) -> str:
        token = transaction.accounts.token(_hash(secret))
        if token is None:
            raise UnknownError("This token is not known here, or it was revoked.")
        value, now = secrets.token_urlsafe(32), app.database.now()
        person = token.person or OPERATOR
        transaction.accounts.add_session(
            Session(_hash(value), token.role, person, "", token.id, now, now + SESSION_LIFE)
        )
        return value

    return app.database.transact(work)


def open_link_session(app: Application, page: Page) -> str:
    """A session for the page's person and incident only; the value of its cookie."""
    value, now = secrets.token_urlsafe(32), app.database.now()
    session = Session(
        _hash(value), Access.RESPONDER.value, page.person, page.incident_id, "", now, now + LINK_SESSION_LIFE
    )
    app.database.transact(lambda tx: tx.accounts.add_session(session))
    return value


def principal_of_session(app: Application, value: str) -> Principal | None:
    """Who a cookie belongs to; None when it expired or is not ours."""
    now = app.database.now()
    session = app.database.read(lambda tx: tx.accounts.session(_hash(value), now))
    if session is None:
        return None
    how = "link" if session.incident_id else "session"
    return Principal(Actor(f"person:{session.person}", how), Access(session.role), session.incident_id)


def close_session(app: Application, value: str) -> None:
    """Log out."""
    app.database.transact(lambda tx: tx.accounts.end_session(_hash(value)))
