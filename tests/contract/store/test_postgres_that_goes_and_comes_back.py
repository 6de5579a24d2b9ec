"""PostgreSQL stopped under a node's feet: unavailable at once, and all is well by itself when it is back."""

from __future__ import annotations

import time

import pytest

from tests.contract.store.making import declare
from tocsin.db import postgres
from tocsin.db.postgres import PostgresDatabase
from tocsin.domain.errors import UnavailableError

PATIENCE_S = 60.0


@pytest.fixture
def database(own_postgres):
    database = PostgresDatabase(own_postgres.url, time.monotonic)
    database.migrate()
    yield database
    database.close()


def works_again(database):
    """Try as an engine would, until it works."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return database.transact(lambda tx: tx.incidents.count(""))
        except UnavailableError:
            assert time.monotonic() < until


def test_a_server_that_goes_away_is_unavailable_and_comes_back_by_itself(own_postgres, database):
    database.transact(lambda tx: declare(tx, "INC-1"))
    before = database.now()
    own_postgres.stop()
    for ask in (
        lambda: database.transact(lambda tx: declare(tx, "INC-2")),
        lambda: database.read(lambda tx: tx.incidents.count("")),
        database.version,
        database.migrate,
    ):
        with pytest.raises(UnavailableError, match=r"PostgreSQL cannot be reached|Nothing was changed"):
            ask()
    assert database.now() > before, "time goes on"
    own_postgres.start()
    assert works_again(database) == 1, "what was promised is there, what was not is not"
    for _ in range(40):
        database.transact(lambda tx: tx.incidents.count(""))
    assert database.transact(lambda tx: declare(tx, "INC-2").id) == "INC-2"


def test_a_node_that_never_reached_its_server_cannot_tell_the_time(monkeypatch):
    monkeypatch.setattr(postgres, "_WAIT_S", 0.5)
    database = PostgresDatabase("postgresql://nobody@127.0.0.1:1/none", time.monotonic)
    try:
        with pytest.raises(UnavailableError, match="cannot be reached"):
            database.now()
    finally:
        database.close()
