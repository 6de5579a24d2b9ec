"""Acknowledge links: `/a/{page_id}.{HMAC}` acts as the page's person for its round; the signature is the secret."""

from __future__ import annotations

import base64
import hashlib
import hmac

from tocsin.application.app import Application
from tocsin.application.records import Page
from tocsin.domain.errors import NotFoundError

_BYTES = 18
_DIGITS = 6


def link_token(app: Application, page_id: str) -> str:
    """The token of a page's link."""
    signature = hmac.new(app.link_key, page_id.encode(), hashlib.sha256).digest()[:_BYTES]
    return f"{page_id}.{base64.urlsafe_b64encode(signature).decode()}"


def link(app: Application, base_url: str, page_id: str) -> str:
    """The address that goes into a page."""
    return f"{base_url}/a/{link_token(app, page_id)}"


def answer_code(app: Application, page_id: str) -> str:
    """The digits that a text reply names; theirs are the same person and round as the link's."""
    digest = hmac.new(app.link_key, b"code\x1f" + page_id.encode(), hashlib.sha256).digest()
    return f"{int.from_bytes(digest[:8], 'big') % 10**_DIGITS:0{_DIGITS}}"


def read_link(app: Application, token: str) -> Page:
    """The page a link was sent with.

    Args:
        app: the application.
        token: the part of the address after `/a/`.

    Raises:
        NotFoundError: the signature is not ours, or the page is gone.
    """
    page_id, _, _signature = token.partition(".")
    genuine = hmac.compare_digest(token.encode(), link_token(app, page_id).encode())
    page = app.database.read(lambda tx: tx.pages.get(page_id)) if genuine else None
    if page is None:
        raise NotFoundError("This link is not one of ours, or not whole. Open the newest message, or sign in.")
    return page
