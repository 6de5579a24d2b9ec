"""`/a/{token}`: the acknowledge link. GET only shows, as mail scanners follow links; POST acts as the page's person."""

from __future__ import annotations

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.application.access import open_link_session, principal_of_session
from tocsin.application.app import Application
from tocsin.application.catalogue import OPERATIONS
from tocsin.application.deliver import background
from tocsin.application.links import read_link
from tocsin.application.messages import why_you
from tocsin.application.ports import Transaction
from tocsin.application.records import Page
from tocsin.domain.errors import InvalidError, NotAllowedNowError, NotFoundError
from tocsin.domain.events import Actor
from tocsin.web.entrance import LINK_LIFE_S, set_cookie
from tocsin.web.keeper import COOKIE
from tocsin.web.rendering import page

_PRIVATE = {"Referrer-Policy": "no-referrer", "X-Robots-Tag": "noindex"}


class Links:
    """Acknowledge links of one application.

    Args:
        app: the application.
    """

    def __init__(self, app: Application) -> None:
        self._app = app

    async def show(self, request: Request) -> Response:
        """The incident in short, and one button; nothing happens by looking."""
        return await run_in_threadpool(self._page, request, "", 200)

    async def act(self, request: Request) -> Response:
        """Acknowledge as the page's person, and open the incident to them."""
        async with request.form(max_fields=5, max_files=0) as sent:
            seen = str(sent.get("round", ""))
        return await run_in_threadpool(self._act, request, seen)

    def _act(self, request: Request, seen: str) -> Response:
        sent_with = self._sent_with(request)
        if sent_with is None:
            return self._unknown(request)
        if seen and not (seen.isdecimal() and len(seen) < 10):  # noqa: PLR2004 - no incident has a billion rounds
            raise InvalidError("The field round is the number the form carries; nothing was changed.")
        acknowledge = OPERATIONS["acknowledge"]
        try:
            asked = acknowledge.body(round=int(seen) if seen else sent_with.round)
            acknowledge.run(self._app, _actor(sent_with), asked, incident=sent_with.incident_id)
        except NotAllowedNowError as error:
            return self._page(request, error.detail, 409)
        response = RedirectResponse(f"/incidents/{sent_with.incident_id}", 303)
        if not self._signed_in(request):
            set_cookie(self._app, response, open_link_session(self._app, sent_with), LINK_LIFE_S)
        return response

    def _sent_with(self, request: Request) -> Page | None:
        """The page whose link this is; None when it is nobody's, or that of a test page, which asks for nothing."""
        try:
            sent_with = read_link(self._app, request.path_params["token"])
        except NotFoundError:
            return None
        return sent_with if sent_with.incident_id else None

    def _signed_in(self, request: Request) -> bool:
        """Whether the browser has a session that opens more than a link's; it is not taken away."""
        value = request.cookies.get(COOKIE, "")
        principal = principal_of_session(self._app, value) if value else None
        return principal is not None and not principal.incident_id

    def _page(self, request: Request, notice: str, status: int) -> Response:
        sent_with = self._sent_with(request)
        if sent_with is None:
            return self._unknown(request)
        where = {"incident": sent_with.incident_id}
        show, ahead = OPERATIONS["show"], OPERATIONS["next"]
        context = {
            "now": self._app.database.now(),
            "incident": show.run(self._app, _actor(sent_with), show.body(), **where),
            "ahead": ahead.run(self._app, _actor(sent_with), ahead.body(), **where)["items"][:1],
            "notice": notice,
            **self._app.database.read(lambda tx: self._person(tx, request, sent_with)),
        }
        return page(request, "link.html", context, status=status, headers=_PRIVATE)

    def _person(self, transaction: Transaction, request: Request, sent_with: Page) -> dict[str, object]:
        """Who acts, and why they were told."""
        people = self._app.shelf.active(transaction).people
        person = people.get(sent_with.person)
        incident = transaction.incidents.load(sent_with.incident_id)
        why = ""
        if person is not None and incident is not None and incident.is_open:
            why = why_you(sent_with, person, background(self._app, transaction, incident, sent_with))
        request.scope["tocsin.zone"] = person.timezone if person else ""
        names = {person.id: person.name for person in people.values()}
        return {
            "me": sent_with.person,
            "name": names.get(sent_with.person, sent_with.person),
            "names": names,
            "why": why,
        }

    def _unknown(self, request: Request) -> Response:
        return page(request, "link_unknown.html", {}, status=404, headers=_PRIVATE)


def _actor(sent_with: Page) -> Actor:
    return Actor(f"person:{sent_with.person}", "link")
