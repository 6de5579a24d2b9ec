"""★ Everything that listens, put together: doors, API, pages, live updates, health; each route behind its rule."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

import tocsin
from tocsin.application.app import Application
from tocsin.application.asked import meant
from tocsin.application.catalogue import OPERATIONS
from tocsin.application.intake import Intake
from tocsin.web.api import add_operations
from tocsin.web.callbacks import PATHS, Callbacks
from tocsin.web.documentation import complete_schema, documentation_routes
from tocsin.web.edge import Edge
from tocsin.web.entrance import Entrance
from tocsin.web.forms import form_routes, form_rules
from tocsin.web.health import Health, Troubles, Warnings, nothing_wrong
from tocsin.web.hooks import Doors
from tocsin.web.keeper import Doorman
from tocsin.web.links import Links
from tocsin.web.live import OPEN_INCIDENTS, Live
from tocsin.web.pages import Pages
from tocsin.web.policy import API, RULES, api_rule, guard
from tocsin.web.refusals import add_refusals
from tocsin.web.rendering import STATIC

if TYPE_CHECKING:
    from starlette.responses import Response as Served

KEPT_S = 365 * 86400
"""Seconds a browser may keep a static file; its address changes with its content."""


@dataclass(frozen=True, slots=True)
class Web:
    """What a server runs, and what ends its streams.

    Args:
        asgi: the application.
        doors: its doors, for a server with a shorter way to them.
        live: its streams; close them when the server is to stop.
        routes: everything that is reachable through the rooms, for tests that walk every route.
    """

    asgi: Edge
    doors: Doors
    live: Live
    routes: tuple[BaseRoute, ...]


def create_app(
    app: Application, intake: Intake, troubles: Troubles = nothing_wrong, warnings: Warnings = nothing_wrong
) -> Web:
    """Put the web room together.

    Args:
        app: the application.
        intake: takes what the doors let in; started by the caller.
        troubles: what else `/readyz` reports, such as an engine that cannot work.
        warnings: what somebody should put right although pages go out; on `/readyz`, and for admins on the pages.

    Raises:
        UnguardedRouteError: a route has no rule in policy.py.
    """
    live = Live(app)
    rooms = FastAPI(
        title="Tocsin",
        version=tocsin.__version__,
        summary="An alert goes in, the right person is paged, and it climbs until someone answers.",
        openapi_url=f"{API}/openapi.json",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
    )
    add_refusals(rooms)
    add_operations(rooms, app, OPERATIONS.values())
    complete_schema(rooms)
    rooms.router.routes.extend(documentation_routes())
    rooms.router.routes.extend(page_routes(app, intake, live, troubles, warnings))
    rules = {**RULES, **form_rules(), **dict(map(api_rule, OPERATIONS.values()))}
    guard(rooms.router.routes, rules, Doorman(app))
    doors = Doors(intake)
    return Web(Edge(doors.find, rooms), doors, live, tuple(rooms.router.routes))


def page_routes(
    app: Application, intake: Intake, live: Live, troubles: Troubles, warnings: Warnings
) -> list[BaseRoute]:
    """Every route that is not an operation of the API."""
    pages = Pages(app, warnings)
    entrance = Entrance(app)
    links = Links(app)
    health = Health(app, intake, troubles, warnings)
    seen: list[tuple[str, Callable[[Request], Awaitable[Response]]]] = [
        ("/healthz", health.alive),
        ("/readyz", health.ready),
        ("/metrics", health.metrics),
        ("/", pages.incidents),
        ("/incidents/{incident}", pages.incident),
        ("/oncall", pages.oncall),
        ("/settings", pages.settings),
        ("/login", entrance.show),
        ("/a/{token}", links.show),
    ]
    callbacks = Callbacks(app)
    done = [
        ("/login", entrance.enter),
        ("/logout", entrance.leave),
        ("/a/{token}", links.act),
        *zip(PATHS, (callbacks.status, callbacks.keys, callbacks.reply), strict=True),
    ]
    return [
        *(Route(path, handler, methods=["GET"]) for path, handler in seen),
        *(Route(path, handler, methods=["POST"]) for path, handler in done),
        *form_routes(app, pages),
        Route("/events", Stream(app, live), methods=["GET"]),
        Route("/incidents/{incident}/events", Stream(app, live), methods=["GET"]),
        Mount("/static", Kept(directory=STATIC)),
    ]


class Stream:
    """The live stream of the incident in the path, or of the list."""

    def __init__(self, app: Application, live: Live) -> None:
        self._app = app
        self._live = live

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer until the reader leaves."""
        named = scope["path_params"].get("incident")
        subject = await run_in_threadpool(self._known, named) if named else OPEN_INCIDENTS
        await self._live.stream(subject, receive, send)

    def _known(self, named: str) -> str:
        return self._app.database.read(lambda tx: meant(tx, named))


class Kept(StaticFiles):
    """Static files that a browser need not ask for again."""

    async def get_response(self, path: str, scope: Scope) -> Served:
        """One file."""
        response = await super().get_response(path, scope)
        response.headers["Cache-Control"] = f"public, max-age={KEPT_S}, immutable"
        return response
