from __future__ import annotations

import asyncio
import json

import pytest

from tocsin.web.edge import DISCARD_BYTES, MAX_BODY, Edge

CHUNK = bytes(1024 * 1024)


def ask(edge, path="/x", body=b"", headers=(), method="GET"):
    """One request; the messages that were sent."""
    sent = []

    async def receive():
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message):
        sent.append(message)

    scope = {"type": "http", "path": path, "method": method, "headers": list(headers)}
    asyncio.run(edge(scope, receive, send))
    return sent


def answering(status=200, headers=()):
    async def app(_scope, _receive, send):
        await send({"type": "http.response.start", "status": status, "headers": list(headers)})
        await send({"type": "http.response.body", "body": b"ok"})

    return app


async def failing(_scope, _receive, _send):
    raise ZeroDivisionError("inner words")


def no_door(_path):
    return None


def test_every_answer_is_dressed_and_its_own_headers_stay():
    start = ask(Edge(no_door, answering(headers=[(b"Cache-Control", b"public"), (b"x", b"y")])))[0]
    headers = dict(start["headers"])
    assert headers[b"x-content-type-options"] == b"nosniff"
    assert headers[b"Cache-Control"] == b"public"
    assert b"cache-control" not in headers
    assert headers[b"referrer-policy"] == b"same-origin"


def test_an_error_nobody_foresaw_becomes_a_problem_without_its_words(caplog):
    start, body = ask(Edge(no_door, failing))
    problem = json.loads(body["body"])
    assert (start["status"], problem["status"]) == (500, 500)
    assert dict(start["headers"])[b"content-type"] == b"application/problem+json"
    assert b"inner words" not in body["body"]
    assert f"Unexpected error {problem['reference']}" in caplog.text
    assert "inner words" in caplog.text


def test_an_error_in_a_door_is_caught_too():
    assert ask(Edge(lambda _path: failing, answering()))[0]["status"] == 500


def test_an_answer_that_breaks_off_is_broken_off():
    async def breaking(_scope, _receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ask(Edge(no_door, breaking))


def test_doors_come_first_and_read_as_much_as_they_like():
    async def door(_scope, receive, send):
        message = await receive()
        await send({"type": "http.response.start", "status": 202, "headers": []})
        await send({"type": "http.response.body", "body": str(len(message["body"])).encode()})

    edge = Edge(lambda path: door if path == "/door" else None, answering(404))
    assert ask(edge, "/door", b"x" * (MAX_BODY + 1))[1]["body"] == str(MAX_BODY + 1).encode()
    assert ask(edge, "/other")[0]["status"] == 404


def test_what_is_no_request_goes_through_untouched():
    seen = []

    async def rooms(scope, receive, send):
        seen.append((scope, receive, send))

    asyncio.run(Edge(no_door, rooms)({"type": "lifespan"}, None, None))  # type: ignore[arg-type]
    assert seen == [({"type": "lifespan"}, None, None)]


def endless(sent):
    """A client that never ends, and counts what is read of it."""

    async def receive():
        sent.append(len(CHUNK))
        return {"type": "http.request", "body": CHUNK, "more_body": True}

    return receive


def refuse(receive):
    answered = []

    async def send(message):
        answered.append(message)

    scope = {"type": "http", "path": "/x", "method": "POST", "headers": []}
    asyncio.run(Edge(no_door, answering(413))(scope, receive, send))
    return answered[0]["status"]


def test_no_more_than_a_bound_is_read_of_a_body_that_was_refused():
    sent = []
    assert refuse(endless(sent)) == 413
    assert sum(sent) == DISCARD_BYTES


def test_a_client_that_stops_halfway_is_answered_all_the_same(monkeypatch, caplog):
    monkeypatch.setattr("tocsin.web.edge.DISCARD_S", 0.01)

    async def receive():
        await asyncio.Event().wait()

    with caplog.at_level("INFO"):
        assert refuse(receive) == 413
    assert "its sender is answered" in caplog.text
