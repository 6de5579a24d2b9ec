"""The table in docs/delivery-promise.md: the process dies at each named point, and what the table says happens."""

from __future__ import annotations

import signal
from collections import Counter
from contextlib import suppress

import httpx
import pytest

from reliability.books import close_books
from reliability.senders import payload
from reliability.waiting import wait_until
from tocsin.demo.tocsin_server import TocsinServer, lay_out

DIES_WITHIN_S = 40.0
INGEST = ("ingest.before_commit", "ingest.after_commit")
DECIDE = ("decide.before_commit", "decide.after_commit")
PAGE = ("page.after_claim", "page.after_send", "page.before_result")
LEVEL_1_ONLY = 3
"""The number of a payload whose severity wakes one person by one mail."""


@pytest.fixture(params=["sqlite", "postgresql"])
def crashing(request, sink, tmp_path):
    """A server that is ended and started again, on either database."""
    on = {}
    if request.param == "postgresql":
        on["TOCSIN_DATABASE_URL"] = request.getfixturevalue("postgres_database")
    home = lay_out(tmp_path / "home", values={"mail.host": "127.0.0.1", "mail.port": sink.port}, settings=on)
    with TocsinServer(home, service="claudex", sink=sink) as server:
        server.stop()
        yield server


def die_at(server, point, provoke):
    """Serve until the point is passed for the first time; `provoke` is tried until it is, and its answers are given."""
    server.env |= {"TOCSIN_TEST": "1", "TOCSIN_CRASH_AT": f"{point}:1"}
    server.launch()
    process = server.process.process
    answers = []

    def tried_until_dead():
        if process.poll() is None and not answers:
            with suppress(httpx.TransportError):
                answers.append(provoke())
        return process.poll() is not None

    wait_until(tried_until_dead, DIES_WITHIN_S, f"the process dies at {point}")
    assert process.returncode == -signal.SIGKILL, server.process.last_words()
    return answers


def test_a_death_at_any_point_loses_nothing_and_repeats_one_page_at_the_most(crashing, sink):
    """ARCHITECTURE.md *The delivery promise*: crash → outcome."""
    server = crashing

    def alert(which):
        body = payload(which, which, LEVEL_1_ONLY)
        return httpx.post(server.urls["alertmanager"], json=body, trust_env=False).status_code

    def declare(title):
        facts = {"title": title, "service": "claudex", "severity": "HIGH"}
        who = {"Authorization": f"Bearer {server.token}"}
        return httpx.post(f"{server.url}/api/v1/incidents", json=facts, headers=who, trust_env=False).status_code

    for point in INGEST:
        assert die_at(server, point, lambda point=point: alert(point)) == [], "no 2xx"
    for point in DECIDE:
        assert die_at(server, point, lambda point=point: declare(point)) == [], "no 2xx"
    for point in PAGE:
        die_at(server, point, lambda point=point: alert(point))

    del server.env["TOCSIN_TEST"], server.env["TOCSIN_CRASH_AT"]
    server.start()
    for point in (*INGEST, *PAGE):  # a sender repeats until it hears a 2xx, and after that as well
        assert alert(point) == httpx.codes.ACCEPTED
    assert declare(DECIDE[0]) == httpx.codes.CREATED
    books = close_books(server, sink)

    assert books.alerts == Counter((*INGEST, *PAGE)), "each once"
    assert sorted(title.partition(":")[0] for title in books.titles) == sorted((*INGEST, *DECIDE, *PAGE)), "each once"
    assert not books.unpaged
    assert not books.unsent
    assert not books.unverified
    deaths = len((*INGEST, *DECIDE, *PAGE))
    print(f"{deaths} deaths, {len(books.pages)} pages, 0 lost, {books.duplicates} duplicates")
    assert books.duplicates <= deaths
