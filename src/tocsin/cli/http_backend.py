"""Asks a server over its REST API.

With urllib: it is imported in about 15 ms and serves one request per process; httpx would take 170 ms, which somebody
who was just woken would wait on every command.
"""

from __future__ import annotations

import json
import socket
import urllib.error
import urllib.request
from collections.abc import Mapping
from http.client import HTTPException
from typing import Any
from urllib.parse import quote, urlencode

from tocsin.domain.errors import (
    ForbiddenError,
    InvalidError,
    NotAllowedNowError,
    NotFoundError,
    ProceduresError,
    TocsinError,
    UnavailableError,
)

_ERRORS: dict[int, type[TocsinError]] = {
    400: InvalidError,
    401: ForbiddenError,
    403: ForbiddenError,
    404: NotFoundError,
    409: NotAllowedNowError,
    413: InvalidError,
    422: InvalidError,
    502: UnavailableError,
    503: UnavailableError,
    504: UnavailableError,
}


class HttpBackend:
    """A server somewhere.

    Args:
        url: its address without a trailing slash; None of it may redirect, because a redirected POST turns into a GET.
        token: API token.
        person: who acts, for the record (`--as`); "" leaves it to the token.
        direct: go past any proxy that the environment names; for loopback.
        timeout: seconds an answer may take.
    """

    remark = ""

    def __init__(self, url: str, token: str, *, person: str = "", direct: bool = False, timeout: float = 30.0) -> None:
        self._url = url
        self._headers = {"Accept": "application/json"}
        if token:
            self._headers["Authorization"] = f"Bearer {token}"
        if person:
            self._headers["Tocsin-As"] = quote(person)
        self._timeout = timeout
        proxies = [urllib.request.ProxyHandler({})] if direct else []
        self._opener = urllib.request.build_opener(_StayHere(), *proxies)

    def call(self, operation: str, body: Mapping[str, Any], /, **path: str) -> dict[str, Any]:
        """Ask for one operation of the catalogue; see `Backend.call`."""
        from tocsin.application.catalogue import OPERATIONS

        wanted = OPERATIONS[operation]
        where = wanted.path.format(**{name: quote(value, safe="") for name, value in path.items()})
        given = {name.removesuffix("_"): value for name, value in body.items() if value is not None}
        return self._send(self._request(wanted.method, f"{self._url}/api/v1{where}", given))

    def close(self) -> None:
        """Nothing is kept open between calls."""

    def _request(self, method: str, address: str, given: Mapping[str, Any]) -> urllib.request.Request:
        if method in {"GET", "DELETE"}:
            words = {name: str(value).lower() if isinstance(value, bool) else value for name, value in given.items()}
            query = urlencode(words, doseq=True)
            return _request(f"{address}?{query}" if query else address, None, self._headers, method)
        content = json.dumps(given).encode()
        return _request(address, content, {**self._headers, "Content-Type": "application/json"}, method)

    def _send(self, request: urllib.request.Request) -> dict[str, Any]:
        try:
            with self._opener.open(request, timeout=self._timeout) as response:
                return _object(response.read(), self._url)
        except urllib.error.HTTPError as error:
            with error:
                raise _refusal(error.code, error.read(), self._url) from error
        except urllib.error.URLError as error:
            raise self._unreachable(error.reason) from error
        except (OSError, HTTPException) as error:
            raise UnavailableError(
                f"The server at {self._url} did not finish its answer ({str(error) or type(error).__name__}). What was "
                "asked for may or may not have been done; look with 'tocsin show' before asking again."
            ) from error

    def _unreachable(self, reason: object) -> UnavailableError:
        if isinstance(reason, TimeoutError | socket.timeout):
            why = "it did not answer in time"
        else:
            why = getattr(reason, "strerror", None) or str(reason)
        return UnavailableError(
            f"The server at {self._url} cannot be reached ({why}), so nothing was changed. "
            "Check that it runs and that TOCSIN_URL is right."
        )


class _StayHere(urllib.request.HTTPRedirectHandler):
    """Follows nowhere; the redirect comes back as the error it is for us."""

    def redirect_request(self, *_: object, **__: object) -> None:
        """No new request."""


def _request(url: str, content: bytes | None, headers: Mapping[str, str], method: str) -> urllib.request.Request:
    if not url.startswith(("http://", "https://")):
        raise InvalidError(f"'{url}' is no address of a server; TOCSIN_URL should begin with https:// or http://.")
    return urllib.request.Request(url, data=content, headers=dict(headers), method=method)  # noqa: S310 - checked above


def _object(content: bytes, url: str) -> dict[str, Any]:
    try:
        data = json.loads(content) if content else {}
    except ValueError:
        data = None
    if not isinstance(data, dict):
        raise TocsinError(f"What answers at {url} is not Tocsin: its answer is not JSON. Check TOCSIN_URL.")
    return data


def _refusal(status: int, content: bytes, url: str) -> TocsinError:
    try:
        said = json.loads(content)
    except ValueError:
        said = None
    if not isinstance(said, dict) or "detail" not in said:
        return _ERRORS.get(status, TocsinError)(
            f"The server at {url} answered {status} and gave no reason. Check that TOCSIN_URL leads to Tocsin itself."
        )
    detail = str(said["detail"])
    if "faults" in said:
        return ProceduresError(str(fault) for fault in said["faults"])
    if "allowed" in said:
        return NotAllowedNowError(detail, (str(one) for one in said["allowed"]))
    return _ERRORS.get(status, TocsinError)(detail)
