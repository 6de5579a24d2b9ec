"""Pages that only show: each is its operations' answers, put into a template."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from tocsin.application.access import Principal
from tocsin.application.app import Application
from tocsin.application.catalogue import OPERATIONS
from tocsin.application.operations import Access
from tocsin.domain.ending import CLOSED_AS
from tocsin.domain.people import Role
from tocsin.domain.procedures import Procedures
from tocsin.domain.severity import Severity
from tocsin.web.health import Warnings, nothing_wrong
from tocsin.web.rendering import page
from tocsin.web.shifts import shifts

RECENT = 60
"""Timeline entries shown at first; the newest."""
SHOWN = 50
"""Incidents, alerts or pages shown on one page."""

Shown = Mapping[str, Any]
CAUSES = {
    "resolution": "if it is still not resolved",
    "stale": "if nothing is heard from whoever has it",
    "offer-expired": "if the hand-over is not accepted",
}


@dataclass(frozen=True, slots=True)
class Notice:
    """What a page says at its top after something was asked of it.

    Args:
        text: sentences for a person.
        status: HTTP status of the page that carries it.
    """

    text: str = ""
    status: int = 200


QUIET = Notice()


class Pages:
    """The pages of one application.

    Args:
        app: the application.
        warnings: what an admin should put right; the first is shown to them.
    """

    def __init__(self, app: Application, warnings: Warnings = nothing_wrong) -> None:
        self._app = app
        self._warnings = warnings

    async def incidents(self, request: Request, notice: Notice = QUIET) -> Response:
        """Open incidents; `?status=all` everything, newest first."""
        return await self._show(request, "incidents.html", self._incidents, notice)

    async def incident(self, request: Request, notice: Notice = QUIET) -> Response:
        """The command view of one incident."""
        return await self._show(request, "incident.html", self._incident, notice)

    async def oncall(self, request: Request, notice: Notice = QUIET) -> Response:
        """Who is on call at each level, and until when."""
        return await self._show(request, "oncall.html", self._oncall, notice)

    async def settings(self, request: Request, notice: Notice = QUIET, **more: object) -> Response:
        """Who may send and who may ask."""
        return await self._show(request, "settings.html", self._settings, notice, **more)

    async def _show(
        self,
        request: Request,
        template: str,
        gather: Callable[[Request, Principal, Procedures], Mapping[str, object]],
        notice: Notice,
        **more: object,
    ) -> Response:
        principal: Principal = request.scope["tocsin.principal"]

        def work() -> Response:
            procedures = self._app.database.read(self._app.shelf.active)
            me = principal.actor.person or ""
            known = procedures.people.get(me)
            request.scope["tocsin.zone"] = known.timezone if known else ""
            shared = {
                "now": self._app.database.now(),
                "me": me,
                "names": {person.id: person.name for person in procedures.people.values()},
                "services": list(procedures.services.values()),
                "severities": [severity.value for severity in Severity],
                "levels": procedures.policy.levels,
                "notice": notice.text,
                "warning": next(iter(self._warnings()), "") if principal.access.includes(Access.ADMIN) else "",
                "can": lambda name: principal.access.includes(OPERATIONS[name].access),
                "all_people": procedures.people,
            }
            context = {**shared, **gather(request, principal, procedures), **more}
            return page(request, template, context, status=notice.status)

        return await run_in_threadpool(work)

    def _ask(self, principal: Principal, name: str, path: Mapping[str, str] | None = None, **facts: object) -> Shown:
        operation = OPERATIONS[name]
        return operation.run(self._app, principal.actor, operation.body(**facts), **(path or {}))

    def _incidents(self, request: Request, principal: Principal, _procedures: Procedures) -> Shown:
        everything = request.query_params.get("status") == "all"
        cursor = request.query_params.get("cursor", "").replace("\0", "")
        status = "" if everything else "open"
        answer = self._ask(principal, "list", status=status, limit=SHOWN, cursor=cursor)
        items = answer["items"]
        return {
            "incidents": items if everything else sorted(items, key=_urgency),
            "everything": everything,
            "unanswered": sum(not (item["acknowledged_at"] or item["resolved_at"]) for item in items),
            "older": f"/?status={'all' if everything else 'open'}&cursor={answer['next']}" if answer["next"] else "",
        }

    def _incident(self, request: Request, principal: Principal, procedures: Procedures) -> Shown:
        where = {"incident": request.path_params["incident"]}
        incident = self._ask(principal, "show", where)
        where = {"incident": incident["id"]}
        earlier = 0 if request.query_params.get("timeline") == "all" else max(0, incident["seq"] - RECENT)
        entries = self._ask(principal, "timeline", where, cursor=str(earlier))["items"]
        service = procedures.services.get(incident["service"])
        return {
            "incident": incident,
            "service": service.title if service else incident["service"],
            "ahead": self._ask(principal, "next", where)["items"],
            "causes": CAUSES,
            "timeline": [{**entry, "claimed": entry["data"].get("claimed", False)} for entry in reversed(entries)],
            "earlier": earlier,
            "pages": newest_attempts(self._ask(principal, "pages", where, limit=1000)["items"])[:SHOWN],
            "alerts": self._ask(principal, "alerts", where, limit=SHOWN)["items"],
            "closed_as": CLOSED_AS,
            "role_titles": {role.value: _title(procedures, role) for role in Role},
        }

    def _oncall(self, request: Request, principal: Principal, procedures: Procedures) -> Shown:
        asked = request.query_params.get("service", "")
        service = asked if asked in procedures.services else next(iter(procedures.services))
        now = self._app.database.now()
        overrides = self._app.database.read(lambda tx: tx.accounts.overrides())
        return {
            "service": procedures.services[service],
            "shifts": shifts(procedures, service, now, overrides),
            "overrides": self._ask(principal, "override-list")["items"],
            "schedules": sorted(procedures.schedules),
            "at": now,
            "tested": request.query_params.get("tested", ""),
        }

    def _settings(self, _request: Request, principal: Principal, procedures: Procedures) -> Shown:
        integrations = self._ask(principal, "integration-list")["items"]
        tokens = self._ask(principal, "token-list")["items"]
        return {
            "integrations": [item for item in integrations if not item["revoked_at"]],
            "tokens": [item for item in tokens if not item["revoked_at"]],
            "revoked": sum(bool(item["revoked_at"]) for item in (*integrations, *tokens)),
            "accesses": [access.value for access in Access],
            "version": procedures.version,
            "made": None,
        }


def _urgency(incident: Shown) -> tuple[bool, int]:
    """What needs somebody first: nobody has it, then by severity; the list comes newest first and stays so within."""
    return (bool(incident["acknowledged_at"]), Severity(incident["severity"]).rank)


def newest_attempts(pages: Sequence[Shown]) -> list[Shown]:
    """Messages newest first, each with its newest attempt only: how many failed before, and what the last one said.

    Args:
        pages: in the order they were intended.
    """
    messages: list[list[Shown]] = []
    latest: dict[tuple[object, ...], list[Shown]] = {}
    for one in pages:
        key = (one["round"], one["level"], one["person"], one["channel"], one["topic"])
        if one["attempt"] == 1 or key not in latest:
            latest[key] = []
            messages.append(latest[key])
        latest[key].append(one)
    return [_with_failures(attempts) for attempts in reversed(messages)]


def _with_failures(attempts: Sequence[Shown]) -> Shown:
    *before, last = attempts
    error = last["error"] or (before[-1]["error"] if before else None)
    return {**last, "failures": len(before), "error": error}


def _title(procedures: Procedures, role: Role) -> str:
    described = procedures.roles.get(role)
    return described.title if described else role.value.capitalize()
