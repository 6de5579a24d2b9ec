"""A plain delivery goes from the socket straight to the intake; it is answered as the door would answer it."""

from __future__ import annotations

import json
import re
import socket
import threading

import pytest

from tocsin.domain.errors import UnavailableError
from tocsin.web.doorway import Doorway
from tocsin.web.hooks import LONG_BODY


@pytest.fixture
def short(monkeypatch):
    """Counts what went the short way."""
    taken = []
    answer = Doorway._answer
    monkeypatch.setattr(Doorway, "_answer", lambda self, done, body: (taken.append(body), answer(self, done, body)))
    return taken


@pytest.fixture
def wire(served):
    """A connection on which one answer at a time is read."""
    served.client.post(f"/ingest/{served.key}/alertmanager", json={"alerts": []})  # its key is known from here on
    with socket.create_connection(("127.0.0.1", int(served.url.rsplit(":", 1)[1])), timeout=20) as connection:
        yield Wire(connection)


class Wire:
    def __init__(self, connection):
        self.connection = connection
        self.file = connection.makefile("rb")

    def send(self, *parts):
        for part in parts:
            self.connection.sendall(part)

    def answer(self):
        """Status, headers and body."""
        status = int(self.file.readline().split()[1])
        lines = iter(self.file.readline, b"\r\n")
        headers = sorted(tuple(line.decode().strip().split(": ", 1)) for line in lines)
        length = int(dict(headers)["content-length"])
        return status, [item for item in headers if item[0] != "date"], self.file.read(length)

    def ends(self):
        return self.file.read() == b""


def body(*names, **more):
    alerts = [{"labels": {"alertname": name, "service": "claudex"}, "annotations": {}} for name in names]
    return json.dumps({"alerts": alerts, **more}).encode()


def request(path, sent, *headers, length=None):
    lines = ["Host: x", f"Content-Length: {len(sent) if length is None else length}", *headers]
    return b"POST %b HTTP/1.1\r\n%b\r\n\r\n%b" % (path.encode(), "\r\n".join(lines).encode(), sent)


def titles(served):
    found = served.app.database.read(lambda tx: tx.incidents.page_of("", "", 100))
    return sorted(incident.title.partition(":")[0] for incident in found)


def door(served, source="alertmanager"):
    return f"/ingest/{served.key}/{source}"


LONG_WAY = "Connection: keep-alive"


def test_both_ways_give_the_same_answer_and_store_the_same(served, wire, short):
    wire.send(request(door(served), body("One", "Two")))
    quick = wire.answer()
    assert short == [b'{"accepted":2,"rejected":[]}']
    wire.send(request(door(served), body("Three", "Four"), LONG_WAY))
    assert wire.answer() == quick
    assert quick[0] == 202
    assert len(short) == 1
    assert titles(served) == ["Four", "One", "Three", "Two"]


def test_prometheus_may_come_this_way(served, wire, short):
    alerts = json.dumps([{"labels": {"alertname": "One"}}]).encode()
    wire.send(request(door(served, "prometheus/api/v2/alerts"), alerts))
    assert wire.answer()[0] == 202
    assert len(short) == 1
    assert titles(served) == ["One"]


@pytest.mark.parametrize("size", [1, 7, 13, 20, 64, 200])
def test_a_request_may_come_in_pieces(served, wire, size):
    sent = request(door(served), body("One", "Two")) * 2
    wire.connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    wire.send(*(sent[at : at + size] for at in range(0, len(sent), size)))
    assert [wire.answer()[0] for _ in range(2)] == [202, 202]
    assert titles(served) == ["One", "Two"]


def test_a_body_that_comes_later_is_waited_for(served, wire, short):
    head, _, rest = request(door(served), body("One")).partition(b"\r\n\r\n")
    for part in (head, b"\r\n\r\n", rest[:10], rest[10:]):
        wire.send(part)
        settle(wire, served)
    assert wire.answer()[0] == 202
    assert len(short) == 1


def settle(_wire, served):
    """Whatever was sent before has been read by the server when another connection is answered."""
    assert served.client.get("/healthz").status_code == 200


def test_a_client_that_does_not_wait_for_answers_gets_them_in_order(served, wire):
    held, inner = threading.Event(), served.app.database.transact
    served.app.database.transact = lambda work: held.wait(20) and inner(work)
    try:
        wire.send(request(door(served), body("One")))
        settle(wire, served)
        wire.send(request(door(served), b"{"), request(door(served), body("Two")), b"GET /healthz HTTP/1.1\r\n\r\n")
        settle(wire, served)
    finally:
        held.set()
        served.app.database.transact = inner
    assert [wire.answer()[0] for _ in range(4)] == [202, 400, 202, 200]
    assert titles(served)[-2:] == ["One", "Two"]


@pytest.mark.parametrize(
    ("sent", "headers", "status"),
    [
        (b"{", (), 400),
        (b'{"alerts": [{"labels": {}}]}', (), 422),
        (body("A" * LONG_BODY), (), 422),
        (body("Fine"), ("Content-Length: 3",), 400),
        (body("Fine"), ("Transfer-Encoding: chunked",), 400),
        (body("Fine"), ("X-Odd: \xe9",), 202),
        (body("Fine"), ("Expect: 100-nothing",), 202),
    ],
)
def test_what_is_out_of_the_ordinary_comes_in_by_the_door(served, wire, sent, headers, status):
    accepted = served.intake.accepted
    wire.send(request(door(served), sent, *headers))
    assert re.match(rb"HTTP/1.1 %d" % status, wire.connection.recv(65536))
    assert served.intake.accepted == accepted + (status == 202)


@pytest.mark.parametrize(("key", "source", "status"), [("nobody", "alertmanager", 401), ("", "nagios", 404)])
def test_what_nobody_knows_is_told_by_the_door(served, wire, key, source, status):
    wire.send(request(f"/ingest/{key or served.key}/{source}", body("One")))
    assert wire.answer()[0] == status


def test_a_head_that_never_ends_is_left_to_the_parser(served, wire):
    wire.send(request(door(served), b"", *(f"X-{number}: {'x' * 100}" for number in range(1500))))
    assert b"HTTP/1.1 4" in wire.connection.recv(65536)


def test_what_cannot_be_stored_is_a_503_and_a_problem(served, wire, short):
    def gone(_work):
        raise UnavailableError("The database is out of reach.")

    inner, served.app.database.transact = served.app.database.transact, gone
    try:
        wire.send(request(door(served), body("One")))
        quick = wire.answer()
        wire.send(request(door(served), body("One"), LONG_WAY))
        assert wire.answer() == quick
    finally:
        served.app.database.transact = inner
    assert quick[0] == 503
    assert json.loads(quick[2])["detail"] == "The database is out of reach."
    assert ("content-type", "application/problem+json") in quick[1]
    assert len(short) == 1


def test_the_server_stops_only_after_the_answer_it_owes(served, wire):
    held, inner = threading.Event(), served.app.database.transact
    served.app.database.transact = lambda work: held.wait(20) and inner(work)
    wire.send(request(door(served), body("One")))
    settle(wire, served)
    stopping = threading.Thread(target=served.stop)
    stopping.start()
    while served.server.servers and any(one.is_serving() for one in served.server.servers):
        stopping.join(0.01)
    held.set()
    status, headers, _body = wire.answer()
    served.app.database.transact = inner
    assert (status, dict(headers)["connection"]) == (202, "close")
    assert wire.ends()
    stopping.join(20)
    assert titles(served) == ["One"]


def test_whoever_hangs_up_has_their_alerts_stored_and_harms_nobody(served, wire, short):
    held, inner = threading.Event(), served.app.database.transact
    served.app.database.transact = lambda work: held.wait(20) and inner(work)
    wire.send(request(door(served), body("One")))
    settle(wire, served)
    wire.file.close()
    wire.connection.close()
    settle(wire, served)
    held.set()
    served.app.database.transact = inner
    assert served.client.post(door(served), content=body("Two")).status_code == 202
    assert titles(served) == ["One", "Two"]
