"""The suite's own PostgreSQL is a real one, and each test has a database to itself."""

from __future__ import annotations

import psycopg
import pytest


@pytest.mark.parametrize("turn", [1, 2])
def test_each_test_has_an_empty_database_to_itself(postgres_database, turn):
    with psycopg.connect(postgres_database) as connection:
        connection.execute("CREATE TABLE only_here (turn int)")
        connection.execute("INSERT INTO only_here VALUES (%s)", (turn,))
        assert connection.execute("SELECT turn FROM only_here").fetchall() == [(turn,)]


def test_a_server_of_ones_own_goes_away_and_comes_back_with_its_data(own_postgres):
    with psycopg.connect(own_postgres.url, autocommit=True) as connection:
        connection.execute("CREATE TABLE kept (n int)")
    own_postgres.stop()
    with pytest.raises(psycopg.OperationalError), psycopg.connect(own_postgres.url, connect_timeout=2):
        pass
    own_postgres.start()
    with psycopg.connect(own_postgres.url) as connection:
        assert connection.execute("SELECT count(*) FROM kept").fetchone() == (0,)
