"""Bodies over the limit, from clients that read no answer before they have sent everything."""

from __future__ import annotations

import json
import socket
import urllib.request
from urllib.error import HTTPError

import pytest

LONG = b"x" * 10_500_000


def refused(request):
    with pytest.raises(HTTPError) as refusal:
        urllib.request.urlopen(request, timeout=20)
    with refusal.value as answer:
        assert answer.headers["Content-Type"] == "application/problem+json"
        return json.load(answer)


@pytest.mark.parametrize("path", ["/ingest/{key}/alertmanager", "/api/v1/incidents"])
@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
def test_a_body_that_is_too_long_is_answered_to_those_who_send_it_all_first(served, path, chunked):
    body = iter([LONG[:500_000]] * 21) if chunked else LONG
    headers = served.bearer(**{"Content-Type": "application/json"})
    problem = refused(urllib.request.Request(served.url + path.format(key=served.key), body, headers))
    assert problem["status"] == 413
    assert "longer than" in problem["detail"]


def test_whoever_waits_for_leave_to_send_is_refused_before_sending(served):
    """RFC 9110, 10.1.1."""
    with socket.create_connection(("127.0.0.1", int(served.url.rpartition(":")[2])), timeout=10) as client:
        head = f"POST /ingest/{served.key}/alertmanager HTTP/1.1\r\nHost: x\r\nContent-Length: {len(LONG)}\r\n"
        client.sendall(f"{head}Expect: 100-continue\r\n\r\n".encode())
        assert client.recv(65536).startswith(b"HTTP/1.1 413 ")
