"""Tocsin as a program on the network sees it: the API with a token, and its doors without one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import httpx


class RefusedError(Exception):
    """Tocsin answered with something else than was asked for; the message says what."""


class Api:
    """A client of a server's API; use it as a context manager.

    Args:
        url: the server, without a trailing slash.
        token: API token; "" for somebody who is not signed in.
    """

    def __init__(self, url: str, token: str = "") -> None:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        # Loopback is asked directly, whatever proxy the environment names.
        self._http = httpx.Client(base_url=url, headers=headers, timeout=20, trust_env=False)

    def get(self, path: str) -> dict[str, Any]:
        """The answer to a GET below /api/v1.

        Raises:
            RefusedError: it was none.
        """
        return _object(self._http.get(f"/api/v1{path}"))

    def post(self, path: str, body: Mapping[str, object]) -> dict[str, Any]:
        """The answer to a POST below /api/v1.

        Raises:
            RefusedError: it was refused.
        """
        return _object(self._http.post(f"/api/v1{path}", json=dict(body)))

    def ask(self, method: str, url: str, body: Mapping[str, object] | None = None) -> httpx.Response:
        """One request to any address, as it is answered; redirections are not followed."""
        return self._http.request(method, url, json=dict(body) if body is not None else None)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()


def _object(answer: httpx.Response) -> dict[str, Any]:
    where = f"{answer.request.method} {answer.request.url.path}"
    if not answer.is_success:
        raise RefusedError(f"{where} was answered {answer.status_code}: {answer.text[:400]}")
    data = answer.json()
    if not isinstance(data, dict):
        raise RefusedError(f"{where} was answered with JSON that is not an object: {answer.text[:200]}")
    return data
