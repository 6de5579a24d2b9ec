"""Who is asking: reads a request's token or cookie, and lets it pass its route's rule or not."""

from __future__ import annotations

from urllib.parse import unquote, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import HTTPConnection
from starlette.types import Scope

from tocsin.application.access import Principal, UnknownError, authenticate, principal_of_session
from tocsin.application.app import Application
from tocsin.domain.errors import ForbiddenError, InvalidError
from tocsin.web.policy import By, Rule

COOKIE = "tocsin_session"
AS_HEADER = "tocsin-as"
"""Names the person for whom a token's holder acts; good for the record, never for a signature."""

_LONGEST_NAME = 64


class Doorman:
    """Holds the rules for one application.

    Args:
        app: knows tokens and sessions.
    """

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, rule: Rule, scope: Scope) -> None:
        """Let a request pass, and note who it is in its scope; nobody where nobody needs to be known.

        Raises:
            UnknownError: nobody knows who is asking (401).
            ForbiddenError: they may not do this, or it came from somebody else's page (403).
        """
        asking = HTTPConnection(scope)
        if "\0" in scope["path"] or b"%00" in scope["query_string"]:
            raise InvalidError("The address holds a NUL character, which nothing here has in its name.")
        if rule.own_origin and not (rule.scripts and came_from_no_page(asking)):
            await self._own_origin(asking)
        if rule.by in {By.NOBODY, By.LINK, By.KEY, By.SIGNATURE}:
            return
        principal = await (self._bearer(asking) if rule.by is By.TOKEN else self._session(asking))
        scope["tocsin.principal"] = principal  # before it is judged: the page that refuses says who was refused
        require(rule, principal, asking.path_params.get("incident", ""))

    async def _own_origin(self, asking: HTTPConnection) -> None:
        """Let a form pass that one of our own pages sent; others could be somebody else's in the reader's name (CSRF).

        A proxy may have put its own name in place of the one that the reader's browser knows.
        """
        if came_from(asking, asking.headers.get("host", "")):
            return
        if came_from(asking, urlsplit(await run_in_threadpool(base_url, self._app)).netloc):
            return
        raise ForbiddenError(
            "This form did not come from one of Tocsin's own pages, so nothing was done. "
            "Open the page here and send it from there."
        )

    async def _bearer(self, asking: HTTPConnection) -> Principal:
        scheme, _, token = asking.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise UnknownError("This needs an API token: send it as 'Authorization: Bearer TOKEN'.")
        principal = await run_in_threadpool(authenticate, self._app, token.strip())
        named = unquote(asking.headers.get(AS_HEADER, "")).strip()
        if not named:
            return principal
        if len(named) > _LONGEST_NAME or not named.isprintable():
            raise InvalidError("The header Tocsin-As names one person by id, such as ana.")
        return principal.acting_as(named)

    async def _session(self, asking: HTTPConnection) -> Principal:
        value = asking.cookies.get(COOKIE, "")
        principal = await run_in_threadpool(principal_of_session, self._app, value) if value else None
        if principal is None:
            raise UnknownError("You are not signed in, or your session has ended. Sign in and try again.")
        return principal


def base_url(app: Application) -> str:
    """How people reach the pages, by the procedures in force or the settings."""
    return app.database.read(lambda tx: app.base_url(app.shelf.active(tx)))


def require(rule: Rule, principal: Principal, incident: str) -> None:
    """Let somebody pass who has the access a rule asks for, within what their session reaches.

    Args:
        rule: of the route.
        principal: who asks.
        incident: the incident in the path; empty when there is none.

    Raises:
        ForbiddenError: they do not have it.
    """
    if principal.incident_id and not (rule.scoped and incident == principal.incident_id):
        raise ForbiddenError(
            f"You came by an acknowledge link, which opens {principal.incident_id} and nothing else. "
            "Sign in with a token to see the rest."
        )
    if rule.access is not None and not principal.access.includes(rule.access):
        raise ForbiddenError(
            f"This needs the role {rule.access}, and yours is {principal.access}. Ask an admin for such a token. "
            "Nothing was changed."
        )


def came_from_no_page(asking: HTTPConnection) -> bool:
    """Whether a request names no page as its origin, as those of programs do; every browser names one with a form."""
    return not any(name in asking.headers for name in ("origin", "referer", "sec-fetch-site"))


def came_from(asking: HTTPConnection, host: str) -> bool:
    """Whether a page of this host sent the request, as far as its browser says.

    Args:
        asking: the request.
        host: name and port, as in a Host header.
    """
    site = asking.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = asking.headers.get("origin") or asking.headers.get("referer") or ""
    return bool(host) and urlsplit(origin).netloc == host
