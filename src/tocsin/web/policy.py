"""★ Who may come in, and where: one visible table from route to rule, and the guard that holds it.

Operations carry the access they need, and their routes follow it; every other route is listed here. `guard` puts itself
in front of every route of the application and refuses to start when one has no rule.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum

from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tocsin.application.operations import Access, Operation

API = "/api/v1"


class By(StrEnum):
    """How a route knows who is asking."""

    NOBODY = "nobody"
    """Open to everyone who reaches the port."""
    KEY = "key"
    """An integration's key; it can only write."""
    SIGNATURE = "signature"
    """A provider's signature over the address and all that is posted; about one page, or from one number."""
    LINK = "link"
    """The signed token of an acknowledge link; it acts as one person for one round."""
    TOKEN = "token"  # noqa: S105 - the name of a way in, not a secret
    """An API token, as bearer."""
    SESSION = "session"
    """The browser's cookie; what changes something must also come from our own pages (Origin)."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a route asks of whoever comes.

    Args:
        by: how they are known.
        access: the least they need; None where `by` alone decides.
        own_origin: whether the request must come from our own pages.
        scripts: whether `own_origin` lets pass what no page sent: a program that says of no page that it comes from it.
        scoped: whether a session that was opened by a link, for one incident, is enough within that incident.
    """

    by: By
    access: Access | None = None
    own_origin: bool = False
    scripts: bool = False
    scoped: bool = False


OPEN = Rule(By.NOBODY)
SIGN_IN = Rule(By.NOBODY, own_origin=True, scripts=True)
"""No cookie counts here, so a program may sign in; another site's page may not sign its reader in as somebody else."""
OWN_FORM = Rule(By.NOBODY, own_origin=True)
SEE = Rule(By.SESSION, Access.VIEWER)
SEE_INCIDENT = Rule(By.SESSION, Access.VIEWER, scoped=True)
ADMIN = Rule(By.SESSION, Access.ADMIN)

RULES: Mapping[str, Rule] = {
    # Health, for machines
    "GET /healthz": OPEN,
    "GET /readyz": OPEN,
    "GET /metrics": OPEN,
    # What the API is, without what it holds
    "GET /api/v1/openapi.json": OPEN,
    "GET /api/v1/docs": OPEN,
    "GET /api/v1/docs/files": OPEN,
    "GET /static": OPEN,
    # Doors
    "POST /ingest/{key}/{source}": Rule(By.KEY),
    "POST /ingest/{key}/prometheus/api/v2/alerts": Rule(By.KEY),
    "POST /api/v2/alerts": Rule(By.KEY),
    # Providers that call back
    "POST /callbacks/twilio/status/{page}": Rule(By.SIGNATURE),
    "POST /callbacks/twilio/keys/{page}": Rule(By.SIGNATURE),
    "POST /callbacks/twilio/reply": Rule(By.SIGNATURE),
    # Coming and going
    "GET /login": OPEN,
    "POST /login": SIGN_IN,
    "POST /logout": OWN_FORM,
    "GET /a/{token}": Rule(By.LINK),
    "POST /a/{token}": Rule(By.LINK),
    # Pages
    "GET /": SEE,
    "GET /events": SEE,
    "GET /oncall": SEE,
    "GET /incidents/{incident}": SEE_INCIDENT,
    "GET /incidents/{incident}/events": SEE_INCIDENT,
    "GET /settings": ADMIN,
}
"""Every route that is neither an operation of the API nor a form that calls one: "METHOD path" → rule."""


def api_rule(operation: Operation) -> tuple[str, Rule]:
    """The route of an operation in the API, with its rule."""
    return f"{operation.method} {API}{operation.path}", Rule(By.TOKEN, operation.access)


def form_rule(path: str, operation: Operation) -> tuple[str, Rule]:
    """The route of a page's form that calls an operation, with its rule.

    A link's session reaches into one incident, so a form that is scoped has the incident in its path.
    """
    scoped = "{incident}" in path
    return f"POST {path}", Rule(By.SESSION, operation.access, own_origin=True, scoped=scoped)


class UnguardedRouteError(Exception):
    """A route of the application has no rule: add it to RULES, or make it an operation."""


Keeper = Callable[[Rule, Scope], Awaitable[None]]
"""Lets a request pass a rule, having noted who it is at `scope["tocsin.principal"]`, or raises a `TocsinError`."""


class Guard:
    """Stands in front of one route: whoever does not pass its rule never reaches the handler.

    Args:
        app: the route's handler.
        rules: by method.
        keeper: which lets requests pass.
    """

    def __init__(self, app: ASGIApp, rules: Mapping[str, Rule], keeper: Keeper) -> None:
        self._app = app
        self._rules = rules
        self._keeper = keeper

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Ask, then hand on."""
        rule = self._rules["GET" if scope["method"] == "HEAD" else scope["method"]]
        scope["tocsin.rule"] = rule
        await self._keeper(rule, scope)
        await self._app(scope, receive, send)


def guard(routes: Iterable[BaseRoute], rules: Mapping[str, Rule], keeper: Keeper) -> None:
    """Put a guard in front of every route.

    Args:
        routes: all of the application's.
        rules: "METHOD path" → rule.
        keeper: see `Guard`.

    Raises:
        UnguardedRouteError: a route has no rule.
    """
    for route in routes:
        if not isinstance(route, Route | Mount):
            raise UnguardedRouteError(f"{route!r} is neither a route nor a mount, and cannot be guarded.")
        found = {method: rules.get(f"{method} {route.path}") for method in methods_of(route)}
        missing = [f"{method} {route.path}" for method, rule in found.items() if rule is None]
        if missing:
            raise UnguardedRouteError(f"No rule says who may use {', '.join(missing)}; add it to web/policy.py.")
        route.app = Guard(route.app, {method: rule for method, rule in found.items() if rule is not None}, keeper)


def methods_of(route: Route | Mount) -> Iterator[str]:
    """The methods of a route; HEAD follows GET, and a mount only has files to read."""
    methods = route.methods if isinstance(route, Route) else None
    yield from sorted((methods or {"GET"}) - {"HEAD"})
