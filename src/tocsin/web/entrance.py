"""Coming and going: an API token is exchanged for a cookie, and wrong ones are counted."""

from __future__ import annotations

import time
from collections.abc import Callable

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from tocsin.application.access import LINK_SESSION_LIFE, SESSION_LIFE, UnknownError, close_session, open_session
from tocsin.application.app import Application
from tocsin.web.keeper import COOKIE, base_url
from tocsin.web.problems import TooManyAttemptsError
from tocsin.web.rendering import page

ATTEMPTS = 10
"""Wrong tokens one address may send within `WITHIN_S`."""
WITHIN_S = 60
_REMEMBERED = 10_000


class Attempts:
    """Counts wrong tokens by address, in memory: guessing 256 bits is hopeless anyhow, and this keeps the log readable.

    Args:
        clock: seconds that never go back.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wrong: dict[str, tuple[int, float]] = {}

    def admit(self, address: str) -> None:
        """Let an address try.

        Raises:
            TooManyAttemptsError: it was wrong too often a moment ago.
        """
        count, since = self._wrong.get(address, (0, 0.0))
        wait_s = since + WITHIN_S - self._clock()
        if count >= ATTEMPTS and wait_s > 0:
            raise TooManyAttemptsError(
                "Too many wrong tokens from your address. Wait a minute, then try again.", max(1, round(wait_s))
            )

    def wrong(self, address: str) -> None:
        """Count one."""
        now = self._clock()
        count, since = self._wrong.get(address, (0, now))
        if now - since >= WITHIN_S:
            count, since = 0, now
        if len(self._wrong) >= _REMEMBERED:
            self._wrong.clear()
        self._wrong[address] = (count + 1, since)


class Entrance:
    """Login and logout.

    Args:
        app: the application.
    """

    def __init__(self, app: Application) -> None:
        self._app = app
        self._attempts = Attempts()

    async def show(self, request: Request) -> Response:
        """The login form."""
        return page(request, "login.html", {"notice": "", "next": own_path(request.query_params.get("next", ""))})

    async def enter(self, request: Request) -> Response:
        """Exchange a token for a session."""
        address = request.client.host if request.client else ""
        async with request.form(max_fields=5, max_files=0) as sent:
            token, there = str(sent.get("token", "")).strip(), own_path(str(sent.get("next", "")))
        self._attempts.admit(address)
        response = RedirectResponse(there, 303)
        try:
            await run_in_threadpool(self._open, response, token)
        except UnknownError as error:
            self._attempts.wrong(address)
            return page(request, "login.html", {"notice": error.detail, "next": there}, status=401)
        return response

    def _open(self, response: Response, token: str) -> None:
        set_cookie(self._app, response, open_session(self._app, token), int(SESSION_LIFE.total_seconds()))

    async def leave(self, request: Request) -> Response:
        """End the session."""
        value = request.cookies.get(COOKIE, "")
        if value:
            await run_in_threadpool(close_session, self._app, value)
        response = RedirectResponse("/login", 303)
        response.delete_cookie(COOKIE, path="/", httponly=True, samesite="lax")
        return response


def set_cookie(app: Application, response: Response, value: str, life_s: int) -> None:
    """Put a session into the browser; where the pages are reached by https, it never travels without.

    Args:
        app: knows how the pages are reached.
        response: to carry it.
        value: the session's.
        life_s: seconds it lasts.
    """
    secure = base_url(app).startswith("https://")
    response.set_cookie(COOKIE, value, max_age=life_s, path="/", secure=secure, httponly=True, samesite="lax")


LINK_LIFE_S = int(LINK_SESSION_LIFE.total_seconds())


def own_path(asked: str) -> str:
    """Where to go after login: a path of ours, never another site."""
    plain = asked.startswith("/") and not asked.startswith(("//", "/\\")) and asked.isprintable()
    return asked if plain and "\\" not in asked else "/"
