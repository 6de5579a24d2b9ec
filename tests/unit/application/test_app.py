"""What every use case is handed: procedures by version, a bell, an address."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from tests.unit.application.world import procedures
from tocsin.application.app import Bell, Shelf, no_crash
from tocsin.domain.errors import UnavailableError
from tocsin.domain.procedures import Site


def test_a_version_is_compiled_once_however_often_it_is_asked_for(world):
    compiled = []

    def compile_version(_data, version):
        compiled.append(version)
        return procedures(version)

    shelf = Shelf(compile_version)
    found = [world.database.read(shelf.active) for _ in range(3)]
    assert compiled == ["v1"]
    assert found[0] is found[2]
    assert shelf.rehearse(b"", "v2").version == "v2"
    assert compiled == ["v1", "v2"], "a rehearsal puts nothing on the shelf"


def test_a_version_that_was_never_kept_is_unavailable(world):
    with pytest.raises(UnavailableError, match=r"version v9 is not in the database.*Nothing was lost"):
        world.database.read(lambda tx: world.app.shelf.version(tx, "v9"))


def test_a_bell_that_was_rung_since_is_heard_at_once():
    bell = Bell()
    heard = bell.rings
    bell.ring()
    bell.ring()
    assert bell.wait(heard, 60) == heard + 2


def test_a_bell_wakes_whoever_waits():
    bell = Bell()
    woken = []
    waiting = threading.Thread(target=lambda: woken.append(bell.wait(0, 60)))
    waiting.start()
    bell.ring()
    waiting.join(30)
    assert woken == [1]


def test_nobody_waits_longer_than_they_said():
    assert Bell().wait(0, 0.001) == 0


@pytest.mark.parametrize(
    ("public", "site", "listening", "base"),
    [
        ("", "https://tocsin.example.org/", "http://127.0.0.1:1", "https://tocsin.example.org"),
        ("https://set.example.org/", "https://tocsin.example.org", "", "https://set.example.org"),
        ("", "http://127.0.0.1:8080", "http://127.0.0.1:4711", "http://127.0.0.1:4711"),
        ("", "http://localhost:8080", "", "http://localhost:8080"),
        ("http://127.0.0.1:9", "http://127.0.0.1:8080", "http://127.0.0.1:4711", "http://127.0.0.1:9"),
        ("", "", "http://127.0.0.1:4711", ""),
    ],
)
def test_people_reach_the_pages_where_the_settings_or_the_site_say(world, public, site, listening, base):
    app = replace(world.app, public_url=public, listening_url=listening)
    assert app.base_url(procedures(site=Site(public_url=site))) == base


def test_outside_tests_a_crash_point_does_nothing():
    assert no_crash("ingest.before_commit") is None
