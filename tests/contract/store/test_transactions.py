"""All or nothing, whoever shares the commit; and what happens when there is no database."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.contract.store.making import alert, declare, later, page
from tocsin.domain.errors import NotFoundError, TocsinError


class UnforeseenError(Exception):
    pass


def test_the_result_of_the_work_is_the_answer(database):
    assert database.transact(lambda tx: tx.accounts.active_version() or "none") == "none"
    assert database.read(lambda tx: tx.accounts.active_version() or "none") == "none"


@pytest.mark.parametrize("error", [UnforeseenError("a bug"), NotFoundError("There is none.")])
def test_an_error_leaves_no_trace_and_reaches_whoever_asked(database, error):
    def work(tx):
        declare(tx, "INC-1")
        tx.pages.plan([page(1)])
        tx.alerts.insert([alert("INC-1")])
        tx.accounts.put("name", b"value")
        raise error

    with pytest.raises(type(error)) as caught:
        database.transact(work)
    assert caught.value is error
    assert database.read(lambda tx: tx.incidents.load("INC-1")) is None
    assert database.read(lambda tx: (tx.pages.get("pg-1"), tx.accounts.get("name"))) == (None, None)
    assert database.read(lambda tx: tx.alerts.open_occurrences("int-1", [alert("INC-1").fingerprint])) == {}


def test_an_error_in_a_read_reaches_whoever_asked_and_the_next_read_works(database):
    def work(_tx):
        raise UnforeseenError

    with pytest.raises(UnforeseenError):
        database.read(work)
    assert database.read(lambda tx: tx.incidents.count("")) == 0


def test_a_failing_piece_of_work_does_not_hurt_its_neighbours(database):
    """On SQLite all of these share one COMMIT: each waits until all have been handed in."""
    together = threading.Barrier(9, timeout=30)

    def ask(number):
        def work(tx):
            declare(tx, f"INC-{number}")
            if number % 3 == 0:
                raise UnforeseenError
            return number

        together.wait()
        try:
            return database.transact(work)
        except UnforeseenError:
            return None

    with ThreadPoolExecutor(9) as threads:
        answers = list(threads.map(ask, range(9)))
    assert answers == [None, 1, 2, None, 4, 5, None, 7, 8]
    assert database.read(lambda tx: sorted(it.id for it in tx.incidents.page_of("", "", 99))) == [
        f"INC-{number}" for number in (1, 2, 4, 5, 7, 8)
    ]


def test_a_statement_that_fails_undoes_its_work(database):
    def work(tx):
        declare(tx, "INC-1")
        tx.incidents._sql.run("INSERT INTO nowhere VALUES (1)")

    with pytest.raises(Exception, match="nowhere"):
        database.transact(work)
    assert database.read(lambda tx: tx.incidents.load("INC-1")) is None
    assert database.transact(lambda tx: declare(tx, "INC-1").id) == "INC-1"


def test_reading_takes_no_locks_and_sees_what_is_committed(database):
    """`load`, `open_in_group` and `due` lock in a transaction that writes; looking must not."""

    def work(tx):
        incident = declare(tx, "INC-1", group="g", at=later(0))
        tx.pages.plan([page(1)])
        tx.alerts.insert([alert("INC-1")])
        return incident

    incident = database.transact(work)

    def look(tx):
        return (
            tx.incidents.load("INC-1"),
            tx.incidents.open_in_group("g"),
            tx.incidents.newest_in_groups(["g"]),
            tx.incidents.due(later(10**6), 5),
            len(tx.alerts.open_occurrences("int-1", [alert("INC-1").fingerprint])),
        )

    assert database.read(look) == (incident, incident, {"g": "INC-1"}, [incident], 1)


def test_after_closing_everything_is_unavailable_and_closing_again_is_nothing(database):
    database.close()
    database.close()
    with pytest.raises(TocsinError):
        database.transact(lambda tx: tx.incidents.count(""))


def test_time_is_aware_and_never_goes_back(database):
    seen = [database.now() for _ in range(100)]
    assert seen == sorted(seen)
    assert seen[0].utcoffset().total_seconds() == 0
