"""A server over HTTP: what is sent, and what each answer means."""

from __future__ import annotations

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tocsin.cli.http_backend import HttpBackend
from tocsin.domain.errors import (
    ForbiddenError,
    InvalidError,
    NotAllowedNowError,
    NotFoundError,
    ProceduresError,
    TocsinError,
    UnavailableError,
)


class Server(ThreadingHTTPServer):
    """Keeps requests and gives the answer it was told to give."""

    daemon_threads = True

    def __init__(self):
        self.seen = []
        self.answer = (200, b"{}")
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"

    def says(self, status, body):
        self.answer = (status, body if isinstance(body, bytes) else json.dumps(body).encode())


class Handler(BaseHTTPRequestHandler):
    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.seen.append((self.command, self.path, dict(self.headers), body))
        status, content = self.server.answer
        self.send_response(status)
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_DELETE = answer  # noqa: N815 - the base class looks for these names

    def log_message(self, *_):
        pass


@pytest.fixture
def server():
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def backend(server, **options):
    return HttpBackend(server.url, "secret", direct=True, **options)


def test_a_change_is_a_post_with_a_json_body_and_the_token(server):
    server.says(200, {"id": "INC-1"})
    answer = backend(server, person="ana").call("note", {"text": "Größe"}, incident="last")
    assert answer == {"id": "INC-1"}
    [(method, path, headers, body)] = server.seen
    assert (method, path, json.loads(body)) == ("POST", "/api/v1/incidents/last/note", {"text": "Größe"})
    assert headers["Authorization"] == "Bearer secret"
    assert headers["Tocsin-As"] == "ana"
    assert headers["Content-Type"] == "application/json"


def test_a_look_is_a_get_with_its_facts_in_the_query(server):
    backend(server).call("timeline", {"verify": True, "head": "ab", "limit": 7, "cursor": None}, incident="a/b")
    [(method, path, headers, _body)] = server.seen
    assert (method, path) == ("GET", "/api/v1/incidents/a%2Fb/timeline?verify=true&head=ab&limit=7")
    assert "Tocsin-As" not in headers


def test_ending_something_is_a_delete(server):
    server.says(200, b"")
    assert backend(server).call("token-revoke", {}, token="tok-1") == {}
    assert server.seen[0][:2] == ("DELETE", "/api/v1/tokens/tok-1")


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (400, InvalidError),
        (401, ForbiddenError),
        (403, ForbiddenError),
        (404, NotFoundError),
        (409, NotAllowedNowError),
        (422, InvalidError),
        (500, TocsinError),
        (503, UnavailableError),
    ],
)
def test_a_refusal_becomes_the_error_it_was_on_the_other_side(server, status, error):
    server.says(status, {"title": "x", "detail": "Because."})
    with pytest.raises(TocsinError, match=r"Because\.") as raised:
        backend(server).call("show", {}, incident="last")
    assert type(raised.value) is error


def test_what_is_possible_now_comes_along(server):
    server.says(409, {"detail": "It is closed.", "allowed": ["reopen"]})
    with pytest.raises(NotAllowedNowError) as raised:
        backend(server).call("acknowledge", {}, incident="last")
    assert raised.value.allowed == ("reopen",)


def test_faults_of_procedures_come_along(server):
    server.says(422, {"detail": "x", "faults": ["site.yaml:1:1: x"]})
    with pytest.raises(ProceduresError) as raised:
        backend(server).call("apply", {"version": "v", "data": {}})
    assert raised.value.faults == ("site.yaml:1:1: x",)


@pytest.mark.parametrize("content", [b"<html>", b"[1]", b'"text"'])
def test_something_else_at_the_address_is_said_to_be_so(server, content):
    server.says(200, content)
    with pytest.raises(TocsinError, match="is not Tocsin"):
        backend(server).call("list", {})
    server.says(404, content)
    with pytest.raises(NotFoundError, match="gave no reason"):
        backend(server).call("list", {})


def test_a_redirect_is_not_followed(server):
    """A redirected POST would turn into a GET, and the acknowledgement be lost without a word."""
    server.says(302, b"")
    with pytest.raises(TocsinError, match="answered 302"):
        backend(server).call("acknowledge", {}, incident="last")
    assert len(server.seen) == 1


def test_nobody_at_the_address_means_nothing_was_changed():
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        with pytest.raises(UnavailableError, match=r"cannot be reached .*nothing was changed"):
            HttpBackend(url, "", direct=True).call("list", {})


def test_an_answer_that_breaks_off_may_have_been_carried_out():
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def hang_up():
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)

        thread = threading.Thread(target=hang_up)
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(UnavailableError, match="may or may not have been done"):
            HttpBackend(url, "", direct=True).call("acknowledge", {}, incident="last")
        thread.join()


def test_an_answer_that_does_not_come_may_have_been_carried_out():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(UnavailableError, match="may or may not have been done"):
            HttpBackend(url, "", direct=True, timeout=0.05).call("acknowledge", {}, incident="last")


def test_an_address_that_is_none_is_refused():
    with pytest.raises(InvalidError, match="TOCSIN_URL"):
        HttpBackend("file:///etc", "").call("list", {})
