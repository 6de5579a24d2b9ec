"""Forms of the pages: each calls one operation, then leads back to a page (303), so a reload never sends it again.

What is refused comes back as the page the form was on, with the reason at its top and the status that fits.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from tocsin.application.app import Application
from tocsin.application.catalogue import OPERATIONS
from tocsin.domain.errors import TocsinError
from tocsin.web.bodies import body_of, model_of, require_sound
from tocsin.web.pages import Notice, Pages
from tocsin.web.policy import Rule, form_rule
from tocsin.web.problems import problem_of, problem_of_faults

_INCIDENT = "/incidents/{incident}"


@dataclass(frozen=True, slots=True)
class Form:
    """One form.

    Args:
        path: where it posts to; what the operation's own path names beyond it is a field of the form.
        operation: name of the operation it calls.
        page: name of the page it is on, a method of `Pages`.
        leads_to: where it goes afterwards; `{…}` are filled from the path and the operation's answer. Empty shows the
            page at once, with the answer on it: a secret that is shown this once must not pass through an address.
    """

    path: str
    operation: str
    page: str
    leads_to: str


FORMS = (
    Form("/declare", "declare", "incidents", "/incidents/{id}"),
    *(
        Form(f"{_INCIDENT}/{name}", name, "incident", _INCIDENT)
        for name in (
            "acknowledge", "accept", "decline", "assign", "severity", "escalate", "note", "resolve", "close", "reopen",
        )
    ),
    Form("/oncall/overrides", "override-add", "oncall", "/oncall"),
    Form("/oncall/overrides/{override}/remove", "override-remove", "oncall", "/oncall"),
    Form("/oncall/test-page", "test-page", "oncall", "/oncall?tested={person}"),
    Form("/settings/integrations", "integration-add", "settings", "/settings#{id}"),
    Form("/settings/integrations/{integration}/revoke", "integration-revoke", "settings", "/settings"),
    Form("/settings/tokens", "token-create", "settings", ""),
    Form("/settings/tokens/{token}/revoke", "token-revoke", "settings", "/settings"),
)  # fmt: skip


def form_rules() -> Mapping[str, Rule]:
    """The rule of every form's route: the access its operation needs."""
    return dict(form_rule(form.path, OPERATIONS[form.operation]) for form in FORMS)


def form_routes(app: Application, pages: Pages) -> list[Route]:
    """A route for every form.

    Args:
        app: handed to the operations.
        pages: what refusals are shown on.
    """
    return [Route(form.path, _handler(app, pages, form), methods=["POST"]) for form in FORMS]


def _handler(app: Application, pages: Pages, form: Form) -> Callable[[Request], Awaitable[Response]]:
    operation = OPERATIONS[form.operation]
    model = model_of(operation)
    parts = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    show: Callable[..., Awaitable[Response]] = getattr(pages, form.page)

    async def handle(request: Request) -> Response:
        actor = request.scope["tocsin.principal"].actor
        try:
            async with request.form(max_fields=50, max_files=0) as sent:
                asked = body_of(operation, model.model_validate(fields(sent, model)))
                where = {name: _part(request, sent, name) for name in parts}
            answer = await run_in_threadpool(operation.run, app, actor, asked, **where)
        except ValidationError as error:
            return await show(request, _notice(error))
        except TocsinError as error:
            problem = problem_of(error)
            return await show(request, Notice(problem.detail, problem.status))
        if not form.leads_to:
            return await show(request, made=answer)
        return RedirectResponse(form.leads_to.format(**{**answer, **where}), 303)

    return handle


def _part(request: Request, sent: FormData, name: str) -> str:
    """A part of the operation's path: from the form's path, or one of its fields."""
    value = str(request.path_params.get(name) or sent.get(name) or "")
    require_sound(value)
    return value


def fields(sent: FormData, model: type[BaseModel]) -> dict[str, Any]:
    """A form's fields as the operation's facts: what was left empty is left out, and lines become a list.

    Args:
        sent: the form.
        model: of the operation's body.
    """
    given: dict[str, Any] = {}
    for name, field in model.model_fields.items():
        value = sent.get(name)
        if not isinstance(value, str) or (not value and not field.is_required()):
            continue
        several = field.annotation == tuple[str, ...]
        lines = value.replace("\r\n", "\n")
        given[name] = [line for line in lines.split("\n") if line.strip()] if several else lines
    return given


def _notice(error: ValidationError) -> Notice:
    """What is wrong with a form, in a sentence: browsers check most of it, so this is for the rest."""
    problem = problem_of_faults(error.errors(include_input=False))
    faults: Any = problem.extra.get("errors", [])
    return Notice(" ".join(f"{fault['pointer'][2:]}: {fault['detail']}." for fault in faults), problem.status)
