"""The REST API, generated from the table of operations: path, access, body and status are the operation's own."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Body, FastAPI, Path, Query, Request
from pydantic import BaseModel
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from tocsin.application.app import Application
from tocsin.application.operations import Operation
from tocsin.domain.events import Actor
from tocsin.web.answers import json_answer
from tocsin.web.bodies import body_of, model_of, require_sound
from tocsin.web.idempotency import HEADER, Answer, Claim, begin, claim_of, finish
from tocsin.web.policy import API
from tocsin.web.preconditions import etag_of, not_modified, require_match

PROBLEM = {
    "description": "Refused: what happened, and what would be right (RFC 9457).",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}

SHOWN_ONCE = frozenset({"token-create"})
"""Operations whose answer holds a secret that is never stored, so no answer of theirs is kept to be sent again."""

Endpoint = Callable[..., Awaitable[Response]]


def add_operations(api: FastAPI, app: Application, operations: Iterable[Operation]) -> None:
    """Add one route for each operation.

    Args:
        api: to add to.
        app: handed to `Operation.run`.
        operations: the whole table.
    """
    for operation in operations:
        api.add_api_route(
            API + operation.path,
            _endpoint(app, operation),
            methods=[operation.method],
            status_code=operation.status,
            summary=operation.summary,
            description=f"{operation.summary}\n\nNeeds a token with the role **{operation.access}** or above.",
            operation_id=operation.name,
            name=operation.name,
            tags=[_tag(operation)],
            response_model=None,
            responses={"default": PROBLEM},
            openapi_extra={"security": [{"token": []}]},
        )


def _tag(operation: Operation) -> str:
    return operation.path.strip("/").partition("/")[0]


def _endpoint(app: Application, operation: Operation) -> Endpoint:
    """A handler whose signature says what the operation takes, so that FastAPI validates and documents it."""
    model = model_of(operation)

    async def endpoint(request: Request, body: BaseModel | None = None, **path: str) -> Response:
        require_sound(path)
        call = Call(app, operation, request.scope["tocsin.principal"].actor, body_of(operation, body), path)
        headers = request.headers
        if operation.method == "GET":
            return await run_in_threadpool(call.look, headers.get("if-none-match"))
        claim = None
        if operation.method == "POST" and HEADER in headers and operation.name not in SHOWN_ONCE:
            where = f"{request.method} {request.url.path}"
            claim = claim_of(headers[HEADER], call.actor.by, where, await request.body())
        return await run_in_threadpool(call.change, headers.get("if-match"), claim)

    endpoint.__signature__ = _signature(operation, model)  # type: ignore[attr-defined]
    return endpoint


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an operation.

    Args:
        app: the application.
        operation: what is called.
        actor: who calls.
        asked: the operation's body.
        path: the operation's path parameters.
    """

    app: Application
    operation: Operation
    actor: Actor
    asked: object
    path: Mapping[str, str]

    def look(self, if_none_match: str | None) -> Response:
        """Answer a GET; 304 when the client has the answer already."""
        answer, tag = self._run()
        if not_modified(if_none_match, tag):
            return Response(status_code=304, headers={"ETag": tag})
        return self._response(answer, tag)

    def change(self, if_match: str | None, claim: Claim | None) -> Response:
        """Do it, at most once for an Idempotency-Key, and only to the incident the client saw.

        Raises:
            TocsinError: it was not done.
        """
        kept = begin(self.app, claim) if claim else None
        if kept is not None:
            return Response(kept.body, kept.status, {"Idempotency-Replayed": "true"}, "application/json")
        done: Answer | None = None
        try:
            if if_match is not None and "incident" in self.path:
                require_match(self.app, if_match, self.path["incident"])
            response = self._response(*self._run())
            done = Answer(response.status_code, bytes(response.body))
        finally:
            if claim is not None:
                finish(self.app, claim, done)
        return response

    def _run(self) -> tuple[Mapping[str, Any], str]:
        answer = self.operation.run(self.app, self.actor, self.asked, **self.path)
        return answer, etag_of(answer)

    def _response(self, answer: Mapping[str, Any], tag: str) -> Response:
        return json_answer(answer, self.operation.status, {"ETag": tag} if tag else {})


def _signature(operation: Operation, model: type[BaseModel]) -> inspect.Signature:
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter("request", keyword, annotation=Request)]
    names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    parameters += [inspect.Parameter(name, keyword, annotation=Annotated[str, Path()]) for name in names]
    if model.model_fields:
        parameters.append(_body_parameter(operation, model))
    return inspect.Signature(parameters)


def _body_parameter(operation: Operation, model: type[BaseModel]) -> inspect.Parameter:
    keyword = inspect.Parameter.KEYWORD_ONLY
    if operation.method in {"GET", "DELETE"}:
        return inspect.Parameter("body", keyword, annotation=Annotated[model, Query()])
    if any(field.is_required() for field in model.model_fields.values()):
        return inspect.Parameter("body", keyword, annotation=Annotated[model, Body()])
    return inspect.Parameter("body", keyword, annotation=Annotated[model | None, Body()], default=None)
