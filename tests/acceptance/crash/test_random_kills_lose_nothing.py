"""Random `kill -9` under load, again and again: docs/delivery-promise.md, line by line, on a real server."""

from __future__ import annotations

import os
import random
import threading

from reliability.books import Books, close_books
from reliability.senders import Senders, doors
from reliability.waiting import wait_until
from tocsin.demo.tocsin_server import TocsinServer, lay_out
from tocsin.engine import WORKERS

KILLS = int(os.environ.get("TOCSIN_TEST_KILLS", "20"))
NODE_KILLS = max(2, KILLS // 4)
STOPS = 3
FLOWS_WITHIN_S = 30.0


def nothing_is_lost(books: Books, senders: Senders, kills: int) -> None:
    print(
        f"{kills} ends, {len(senders.accepted)} alerts answered by a 2xx, {senders.dropped} requests cut off, "
        f"{len(books.pages)} pages, {books.lost(senders.accepted)} lost, {books.duplicates} duplicates"
    )
    assert len(senders.accepted) > 10 * kills, "there was load"
    assert not senders.strange, "a sender drops what is answered so"
    assert books.faults(senders.accepted) == []
    assert books.duplicates <= WORKERS * kills, "a death repeats at most what was on the wire"


def load(senders):
    before = len(senders.accepted)
    wait_until(lambda: len(senders.accepted) > before + 20, FLOWS_WITHIN_S, "alerts are accepted")


def kill(server, senders, chance):
    load(senders)
    threading.Event().wait(chance.uniform(0, 0.4))  # nothing waits for this: the moment of a death is random
    server.kill()


def test_twenty_kills_of_a_server_under_load_lose_nothing(server, sink):
    """A 2xx means the event is on disk; an intended page is sent; one duplicate window at each death (R24)."""
    chance = random.Random(20)
    with Senders(doors(server)) as senders:
        for _ in range(KILLS):
            kill(server, senders, chance)
            server.start()

    books = close_books(server, sink)
    nothing_is_lost(books, senders, KILLS)
    assert books.duplicates <= KILLS, "less than one for each death, over many deaths"


def test_a_server_that_is_asked_to_end_finishes_what_it_sends(server, sink):
    """SIGTERM: nothing new is taken, sends under way are finished and kept, so that not even a duplicate is left."""
    with Senders(doors(server)) as senders:
        for _ in range(STOPS):
            load(senders)
            assert server.stop() == 0
            server.start()

    books = close_books(server, sink)
    nothing_is_lost(books, senders, STOPS)
    assert not books.duplicates


def test_two_nodes_on_postgresql_lose_nothing_when_one_is_killed_again_and_again(postgres_database, sink, tmp_path):
    """Any node sends what another one committed, and takes over what a dead one had claimed."""
    home = lay_out(
        tmp_path / "home",
        values={"mail.host": "127.0.0.1", "mail.port": sink.port},
        settings={"TOCSIN_DATABASE_URL": postgres_database},
    )
    chance = random.Random(2)
    first, second = nodes = [TocsinServer(home, service="claudex", sink=sink) for _ in range(2)]
    with first:
        second.key = first.key
        with second, Senders(doors(*nodes)) as senders:
            for turn in range(NODE_KILLS - 1):
                kill(nodes[turn % 2], senders, chance)
                kept_on(senders)
                nodes[turn % 2].start()
            kill(first, senders, chance)  # for good: all that it had claimed is the other's to send
            kept_on(senders)
            senders.stop()
            books = close_books(second, sink)

    nothing_is_lost(books, senders, NODE_KILLS)


def kept_on(senders):
    before = len(senders.accepted)
    wait_until(lambda: len(senders.accepted) > before + 5, FLOWS_WITHIN_S, "the other node accepts alerts alone")
