"""What any test may ask for: a real PostgreSQL, and programs that pip cannot bring."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator

import pytest
from hypothesis import settings

from reliability import postgres
from tocsin.application.set_aside import SET_ASIDE

# A busy machine is no failure: how long an example takes says nothing about what it shows.
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")

REQUIRE_ALL = os.environ.get("TOCSIN_TEST_REQUIRE_ALL") == "1"


@pytest.fixture(autouse=True)
def nothing_set_aside() -> None:
    """What one test's database had that cannot be read is not said in the next."""
    SET_ASIDE.forget()


def _missing(what: str) -> None:
    if REQUIRE_ALL:
        pytest.fail(f"{what} (TOCSIN_TEST_REQUIRE_ALL=1 allows no skip)", pytrace=False)
    pytest.skip(what)


@pytest.fixture(scope="session")
def needs() -> Callable[[str], str]:
    """`needs("prometheus")` answers the program's path; without it the test is skipped, naming it, or fails."""

    def find(program: str) -> str:
        path = shutil.which(program)
        if path is None:
            _missing(f"this test needs the program {program}, which is not on this machine")
        return str(path)

    return find


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A real PostgreSQL, one per worker: TOCSIN_TEST_POSTGRES_URL, else a server started for this run."""
    given = os.environ.get("TOCSIN_TEST_POSTGRES_URL")
    if given:
        yield given
        return
    with postgres.own_postgres() as server:
        server.never_waits_for_the_disk()
        yield server.url


@pytest.fixture
def postgres_database(postgres_url: str) -> Iterator[str]:
    """The URL of a fresh, empty database; dropped after the test with whoever is still connected."""
    with postgres.fresh_database(postgres_url) as url:
        yield url


@pytest.fixture
def own_postgres() -> Iterator[postgres.OwnPostgres]:
    """A PostgreSQL of the test's own, to `stop()` and `start()` under its feet."""
    with postgres.own_postgres() as server:
        yield server
