"""Without its database a server says so, answers senders with a 503, and is well again by itself."""

from __future__ import annotations

import resource
from contextlib import contextmanager

import httpx
import pytest

from reliability.books import close_books
from reliability.postgres_killed import NODES, postgres_killed
from reliability.senders import Door, Senders, doors
from reliability.waiting import wait_until
from tocsin.engine import WORKERS

NOTICED_WITHIN_S = 30.0
LISTENS_S = 8.0
"""Prometheus waits ten seconds for an answer: a 503 that comes later is none."""
FLOWS_WITHIN_S = 30.0
RUNS = httpx.codes.OK
GONE = httpx.codes.SERVICE_UNAVAILABLE


def ready(server):
    return httpx.get(f"{server.url}/readyz", trust_env=False, timeout=20)


def send(server, which):
    door = Door(server.urls["alertmanager"])
    return httpx.post(door.url, json=door.body(which, which, "error"), trust_env=False, timeout=20)


@contextmanager
def full_disk(process):
    """Whatever this process writes to a file fails, as on a full disk; for root too."""
    before = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1, before[1]))
    try:
        yield
    finally:
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, before)


def is_honest_while(gone, server, sink):
    """Load before, during and after the loss: what is answered by a 2xx is there, and everything else was a 503."""
    with Senders(doors(server)) as senders:
        wait_until(lambda: len(senders.accepted) > 10, FLOWS_WITHIN_S, "alerts are accepted")
        with gone:
            wait_until(lambda: ready(server).status_code == GONE, NOTICED_WITHIN_S, "/readyz says so")
            refused = send(server, "while-gone")
            said = ready(server).json()
            turned_away = senders.unavailable
            wait_until(lambda: senders.unavailable > turned_away, FLOWS_WITHIN_S, "senders are told to try again")
            assert httpx.get(f"{server.url}/healthz", trust_env=False).status_code == RUNS, "the process itself lives"
        wait_until(lambda: ready(server).status_code == RUNS, NOTICED_WITHIN_S, "/readyz is content again")
        before = len(senders.accepted)
        wait_until(lambda: len(senders.accepted) > before + 10, FLOWS_WITHIN_S, "alerts are accepted again")
    books = close_books(server, sink)

    assert refused.status_code == GONE
    assert refused.elapsed.total_seconds() < LISTENS_S
    assert refused.headers["content-type"] == "application/problem+json"
    assert said["reasons"]
    assert not senders.strange, "never a 429, never another error"
    assert books.faults(senders.accepted) == []
    assert "while-gone" not in books.alerts
    assert books.duplicates <= WORKERS, "what was on the wire, as its result could not be kept"


def test_postgresql_killed_under_two_nodes(own_postgres):
    """`python -m reliability.postgres_killed` does it more often."""
    run = postgres_killed(own_postgres, kills=2, down_s=1.0)

    print(run.figures)
    assert run.faults == []
    assert len(run.twice) <= WORKERS * NODES * len(run.losses), "what was on the wire, as its result could not be kept"


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="a full disk is made with prlimit, which Linux alone has")
def test_sqlite_on_a_disk_that_is_full(pager, arrivals):
    is_honest_while(full_disk(pager.process), pager, arrivals)
