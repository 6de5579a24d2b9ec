"""`/a/{token}`: the acknowledge link. GET only shows, as mail scanners follow links; POST acts as the page's person."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.application.access import open_link_session, principal_of_session
from tocsin.application.app import Application
from tocsin.application.catalogue import OPERATIONS
from tocsin.application.links import read_link
from tocsin.application.records import Page
from tocsin.domain.errors import InvalidError, NotAllowedNowError, NotFoundError
from tocsin.domain.events import Actor
from tocsin.domain.procedures import Procedures
from tocsin.web.entrance import LINK_LIFE_S, Entrance
from tocsin.web.keeper import COOKIE
from tocsin.web.rendering import page

_PRIVATE = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}


class Links:
    """Acknowledge links of one application.

    Args:
        app: the application.
        entrance: sets the cookie of the session that a used link opens.
    """

    def __init__(self, app: Application, entrance: Entrance) -> None:
        self._app = app
        self._entrance = entrance

    async def show(self, request: Request) -> Response:
        """The incident in short, and one button; nothing happens by looking."""
        return await run_in_threadpool(self._page, request, "", 200)

    async def act(self, request: Request) -> Response:
        """Acknowledge as the page's person, and open the incident to them."""
        async with request.form(max_fields=5, max_files=0) as sent:
            seen = str(sent.get("round", ""))
        return await run_in_threadpool(self._act, request, seen)

    def _act(self, request: Request, seen: str) -> Response:
        try:
            sent_with = read_link(self._app, request.path_params["token"])
        except NotFoundError:
            return self._unknown(request)
        if seen and not (seen.isdecimal() and len(seen) < 10):  # noqa: PLR2004 - no incident has a billion rounds
            raise InvalidError("The field round is the number the form carries; nothing was changed.")
        actor = Actor(f"person:{sent_with.person}", "link")
        acknowledge = OPERATIONS["acknowledge"]
        try:
            asked = acknowledge.body(round=int(seen) if seen else sent_with.round)
            acknowledge.run(self._app, actor, asked, incident=sent_with.incident_id)
        except NotAllowedNowError as error:
            return self._page(request, error.detail, 409)
        response = RedirectResponse(f"/incidents/{sent_with.incident_id}", 303)
        if not self._signed_in(request):
            self._entrance.set_cookie(response, open_link_session(self._app, sent_with), LINK_LIFE_S)
        return response

    def _signed_in(self, request: Request) -> bool:
        """Whether the browser has a session that opens more than a link's; it is not taken away."""
        value = request.cookies.get(COOKIE, "")
        principal = principal_of_session(self._app, value) if value else None
        return principal is not None and not principal.incident_id

    def _page(self, request: Request, notice: str, status: int) -> Response:
        try:
            sent_with = read_link(self._app, request.path_params["token"])
        except NotFoundError:
            return self._unknown(request)
        actor = Actor(f"person:{sent_with.person}", "link")
        where = {"incident": sent_with.incident_id}
        ahead = OPERATIONS["next"]
        context = {
            "incident": self._show(actor, where),
            "ahead": ahead.run(self._app, actor, ahead.body(), **where)["items"][:2],
            "notice": notice,
            **self._person(request, sent_with),
        }
        return page(request, "link.html", context, status=status, headers=_PRIVATE)

    def _show(self, actor: Actor, where: Mapping[str, str]) -> Mapping[str, Any]:
        show = OPERATIONS["show"]
        return show.run(self._app, actor, show.body(), **where)

    def _person(self, request: Request, sent_with: Page) -> dict[str, object]:
        procedures: Procedures = self._app.database.read(self._app.shelf.active)
        known = procedures.people.get(sent_with.person)
        request.scope["tocsin.zone"] = known.timezone if known else ""
        names = {person.id: person.name for person in procedures.people.values()}
        return {
            "now": self._app.database.now(),
            "me": sent_with.person,
            "name": names.get(sent_with.person, sent_with.person),
            "names": names,
        }

    def _unknown(self, request: Request) -> Response:
        return page(request, "link_unknown.html", {}, status=404, headers=_PRIVATE)
