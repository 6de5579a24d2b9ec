"""`kill -9` and SIGSTOP under load, again and again: docs/delivery-promise.md, line by line, on real servers.

These are short; `python -m reliability.sweep` and `python -m reliability.two_nodes` do the same for longer.
"""

from __future__ import annotations

from reliability.books import close_books
from reliability.senders import Senders, doors
from reliability.sweep import ANYWHERE, sweep
from reliability.two_nodes import two_nodes
from reliability.waiting import wait_until
from tocsin.application.deliver import LEASE
from tocsin.engine import WORKERS

KILLS = 6
STOPS = 2
FLOWS_WITHIN_S = 30.0
SEED = 2
"""With which one node is frozen early enough to outlast its lease."""


def test_kills_of_a_server_at_random_moments_under_load_lose_nothing():
    """A 2xx means the event is on disk; an intended page is sent; one duplicate window at each death (R24)."""
    swept = sweep(None, [ANYWHERE], range(KILLS), loaded=True)

    print(f"{KILLS} kills, {len(swept.accepted)} alerts accepted, {len(swept.twice)} duplicates")
    assert len(swept.accepted) > 20 * KILLS, "there was load"
    assert swept.faults == []
    assert len(swept.twice) <= KILLS * WORKERS, "no death repeats more than what was on the wire"


def test_a_server_that_is_asked_to_end_finishes_what_it_sends(pager, arrivals):
    """SIGTERM: nothing new is taken, sends under way are finished and kept, so that not even a duplicate is left."""
    with Senders(doors(pager)) as senders:
        for _ in range(STOPS):
            before = len(senders.accepted)
            wait_until(lambda before=before: len(senders.accepted) > before + 20, FLOWS_WITHIN_S, "alerts are accepted")
            assert pager.stop() == 0
            pager.start()

    books = close_books(pager, arrivals)
    assert not senders.strange, "a sender drops what is answered so"
    assert books.faults(senders.accepted) == []
    assert not books.duplicates


def test_two_nodes_on_postgresql_lose_nothing_when_one_is_struck_again_and_again(postgres_database):
    """Any node sends what another one committed, and takes over what one had claimed that is dead, or seems so."""
    run = two_nodes(
        postgres_database,
        seconds=LEASE.total_seconds() + 4,
        kill_every=3.0,
        pages_per_second=40,
        which="mixed",
        frozen_s=LEASE.total_seconds() + 1,
        seed=SEED,
    )

    print(run.figures)
    assert {blow.until is None for blow in run.blows} == {True, False}, "a node was killed, and one was frozen"
    assert run.faults == []
    assert len(run.twice) <= len(run.blows)
