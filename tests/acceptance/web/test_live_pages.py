"""Live updates over a real socket: one event per change, none needed to be right, and none in the way of a stop."""

from __future__ import annotations

import json
import threading
from contextlib import contextmanager

import httpx
import pytest

from tocsin.domain.errors import UnavailableError
from tocsin.web.keeper import COOKIE


@pytest.fixture
def ana(served):
    """A signed-in browser's cookie."""
    own = {"Origin": served.url}
    answer = served.client.post("/login", data={"token": served.tokens["responder"]}, headers=own)
    return {"Cookie": f"{COOKIE}={answer.cookies[COOKIE]}"}


@contextmanager
def listening(served, path, headers):
    """Versions as they arrive on a stream."""
    with httpx.stream("GET", served.url + path, headers=headers, timeout=10) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()

        def versions():
            for line in lines:
                if line.startswith("data: "):
                    yield json.loads(line[6:])["version"]

        yield versions()


def test_a_stream_tells_the_version_and_then_every_change(served, ana):
    incident = served.declared()
    seq = served.ask("show", path={"incident": incident})["seq"]
    with listening(served, f"/incidents/{incident}/events", ana) as versions:
        assert next(versions) == str(seq)
        served.ask("note", path={"incident": incident}, text="one")
        assert next(versions) == str(seq + 1)
        served.ask("note", path={"incident": incident}, text="two")
        assert next(versions) == str(seq + 2)


def test_the_list_hears_of_new_incidents_and_of_changes(served, ana):
    with listening(served, "/events", ana) as versions:
        empty = next(versions)
        incident = served.declared()
        one = next(versions)
        served.ask("acknowledge", path={"incident": incident})
        assert len({empty, one, next(versions)}) == 3


def test_every_page_that_listens_hears_it(served, ana):
    incident = served.declared()
    with (
        listening(served, f"/incidents/{incident}/events", ana) as one,
        listening(served, "/incidents/last/events", ana) as two,
        listening(served, "/events", ana) as everything,
    ):
        first = [next(versions) for versions in (one, two, everything)]
        served.ask("note", path={"incident": incident}, text="news")
        second = [next(versions) for versions in (one, two, everything)]
    assert all(before != after for before, after in zip(first, second, strict=True))


def test_a_stream_survives_the_databases_absence(served, ana, monkeypatch):
    incident = served.declared()
    with listening(served, f"/incidents/{incident}/events", ana) as versions:
        before = next(versions)
        asked = threading.Event()

        def gone(_work):
            asked.set()
            raise UnavailableError("The database is out of reach.")

        with monkeypatch.context() as patch:
            patch.setattr(served.app.database, "read", gone)
            assert asked.wait(5)
        served.ask("note", path={"incident": incident}, text="it is back")
        assert next(versions) != before


def test_an_incident_that_does_not_exist_has_no_stream(served, ana):
    answer = httpx.get(f"{served.url}/incidents/none/events", headers=ana)
    assert answer.status_code == 404


def test_open_streams_do_not_keep_the_server_from_stopping(served, ana):
    incident = served.declared()
    with listening(served, f"/incidents/{incident}/events", ana) as versions, listening(served, "/events", ana) as rest:
        next(versions)
        next(rest)
        assert served.stop() < 3
        assert list(versions) == []
