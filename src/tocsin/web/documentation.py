"""The API's documentation, offline: Swagger UI from the files that `fastapi-offline` bundles, under our own policy."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from tocsin.web.policy import API
from tocsin.web.rendering import page

PROBLEM_SCHEMA = {
    "title": "Problem",
    "description": "RFC 9457. `allowed` comes with 409, `errors` with 422, `faults` with invalid procedures.",
    "type": "object",
    "required": ["type", "title", "status", "detail"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "allowed": {"type": "array", "items": {"type": "string"}},
        "errors": {"type": "array", "items": {"type": "object"}},
        "faults": {"type": "array", "items": {"type": "string"}},
        "reference": {"type": "string"},
    },
}


def documentation_routes() -> list[BaseRoute]:
    """The documentation page and the files it loads."""
    # Found without being imported: the package imports FastAPI's own documentation pages, which nobody needs here.
    found = importlib.util.find_spec("fastapi_offline")
    assert found is not None, "a dependency of this package"
    assert found.origin is not None, "a package has a file"
    files = StaticFiles(directory=Path(found.origin).parent / "static")
    return [Route(f"{API}/docs", _show, methods=["GET"]), Mount(f"{API}/docs/files", files)]


async def _show(request: Request) -> Response:
    return page(request, "api.html", {"openapi": f"{API}/openapi.json", "files": f"{API}/docs/files"})


def complete_schema(app: FastAPI) -> None:
    """Add to the OpenAPI document what the routes refer to: the problem's schema and the token.

    Args:
        app: whose document it is; it is made once, when it is first asked for.
    """
    generate = app.openapi

    def openapi() -> dict[str, Any]:
        document = generate()
        components = document.setdefault("components", {})
        components.setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
        components["securitySchemes"] = {
            "token": {"type": "http", "scheme": "bearer", "description": "tocsin tokens create --role …"}
        }
        for unused in ("HTTPValidationError", "ValidationError"):
            components["schemas"].pop(unused, None)
        for path in document["paths"].values():
            for operation in path.values():
                operation["responses"].pop("422", None)
        return document

    app.openapi = openapi  # type: ignore[method-assign]
