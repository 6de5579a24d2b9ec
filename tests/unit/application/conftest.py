"""A world of its own for every test."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from tests.unit.application.hand_clock import HandClock
from tests.unit.application.night import Night
from tests.unit.application.world import NOON, World, in_memory, laid_out


@pytest.fixture(scope="session")
def template(tmp_path_factory) -> Iterator[sqlite3.Connection]:
    """A laid-out database, copied for every world."""
    connection = laid_out(tmp_path_factory.mktemp("template"))
    yield connection
    connection.close()


@pytest.fixture
def clock() -> HandClock:
    return HandClock(NOON)


@pytest.fixture
def world(template, clock) -> Iterator[World]:
    """The application on a store in memory, with a team of four and an integration."""
    store = in_memory(template, clock)
    yield World(store, clock)
    store.close()


@pytest.fixture
def night(template, clock) -> Iterator[Night]:
    """The same, where people are called and texted."""
    store = in_memory(template, clock)
    yield Night(store, clock)
    store.close()
