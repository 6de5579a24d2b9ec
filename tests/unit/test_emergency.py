"""Who hears that Tocsin is in trouble, without the database, and what they read."""

from __future__ import annotations

import sqlite3
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from tests.unit.application.hand_clock import HandClock
from tests.unit.application.world import NOON, PEOPLE, World, in_memory, laid_out, person, procedures
from tocsin import degraded, emergency
from tocsin.application.alarm import Alarm
from tocsin.application.breaker import Breaker, Leave
from tocsin.demo.smtp_sink import SmtpSink
from tocsin.domain.people import Contact
from tocsin.domain.procedures import Degraded, Mail
from tocsin.domain.schedules import Schedule
from tocsin.settings import Settings

SOON = Degraded(timedelta(milliseconds=50), timedelta(hours=1), ("ops@example.org",))


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Iterator[sqlite3.Connection]:
    connection = laid_out(tmp_path_factory.mktemp("template"))
    yield connection
    connection.close()


@pytest.fixture
def world(template) -> Iterator[World]:
    store = in_memory(template, HandClock(NOON))
    yield World(store, store.clock)
    store.close()


@pytest.fixture
def sink() -> Iterator[SmtpSink]:
    with SmtpSink() as listening:
        yield listening


@pytest.fixture
def here(tmp_path) -> Settings:
    settings = Settings.from_environment({"TOCSIN_HOME": str(tmp_path)})
    settings.make_home()
    return settings


def by_mail(world, sink, **facts):
    """Let the team's mail go to the sink, and trouble be told of soon."""
    site = replace(procedures().site, mail=Mail(host="127.0.0.1", port=sink.port), degraded=SOON)
    world.apply(procedures("v2", site=site, **facts))


def told(world):
    return [who.address for who in emergency.read_roster(world.app).people]


def test_whoever_is_on_call_at_the_default_level_is_told(world):
    assert told(world) == ["ana@example.org"]


def test_where_nobody_is_at_the_default_level_the_level_above_is_told(world):
    schedules = procedures().schedules
    world.apply(procedures("v2", schedules={**schedules, "level-1": Schedule("level-1", ())}))
    assert told(world) == ["bo@example.org"]


def test_one_who_has_no_mail_leaves_it_to_the_next_level(world):
    world.apply(procedures("v2", people={**PEOPLE, "ana": person("ana", contacts=(Contact("console", "-"),))}))
    assert told(world) == ["bo@example.org"]


def test_with_nobody_on_call_everybody_is_told(world):
    world.apply(procedures("v2", schedules={}))
    assert told(world) == [f"{name}@example.org" for name in PEOPLE]


def test_the_addresses_of_site_yaml_are_told_too(world, sink):
    by_mail(world, sink)
    assert told(world) == ["ana@example.org", "ops@example.org"]


def test_the_roster_is_kept_in_the_home_for_its_owner_alone_and_read_again(world, here):
    roster = emergency.read_roster(world.app)
    emergency.keep(roster, here.home)
    assert emergency.kept(here.home) == roster
    assert stat.S_IMODE((here.home / "run" / "roster.json").stat().st_mode) == 0o600


def test_a_home_without_a_roster_or_with_a_broken_one_has_none(here):
    assert emergency.kept(here.home) is None
    (here.home / "run" / "roster.json").write_text("{")
    assert emergency.kept(here.home) is None


@pytest.fixture
def watching() -> Iterator[Callable[..., degraded.Watchman]]:
    """`watching(world, here, troubles)` looks only when it is asked to; its mail connections are closed afterwards."""
    made: list[degraded.Watchman] = []

    def look(world, here, troubles):
        made.append(degraded.Watchman(world.app, here, troubles))
        return made[-1]

    yield look
    for watchman in made:
        watchman._post.close()


def test_trouble_that_lasts_is_mailed_without_the_database_and_its_end_too(world, sink, here, watching, monkeypatch):
    monkeypatch.setattr(degraded, "AGAIN_WHEN_UNSENT_S", 0.0)
    by_mail(world, sink)
    troubles: list[str] = []
    watchman = watching(world, here, lambda: troubles)
    watchman.look()
    world.database.close()
    troubles.append("The disk is full.")
    until_mailed(watchman, sink, 2)
    mails = sink.messages
    assert sorted(mail.recipients[0] for mail in mails) == ["ana@example.org", "ops@example.org"]
    for part in ("- The disk is full.", "503", "on disk", str(here.home), "needed no database"):
        assert part in mails[0].text
    assert mails[0].message["Importance"] == "high"
    troubles.clear()
    until_mailed(watchman, sink, 4)
    assert [mail.subject.partition(":")[0] for mail in sink.messages[2:]] == ["All well again"] * 2
    assert len({mail.message["References"] for mail in sink.messages}) == 1, "one thread"


def test_mail_that_nobody_took_is_tried_again(world, sink, here, watching, monkeypatch):
    monkeypatch.setattr(degraded, "AGAIN_WHEN_UNSENT_S", 0.0)
    by_mail(world, sink)
    port = sink.port
    sink.stop()
    watchman = watching(world, here, lambda: ["The disk is full."])
    watchman.look()
    time.sleep(SOON.after.total_seconds())  # the grace itself
    watchman.look()
    assert sink.messages == ()
    with SmtpSink(port=port) as back:
        until_mailed(watchman, back, 2)


def until_mailed(watchman, sink, count):
    until = time.monotonic() + 20
    while len(sink.messages) < count:
        watchman.look()
        assert time.monotonic() < until, "no mail came"
        time.sleep(0.01)


def test_a_start_that_fails_again_and_again_is_mailed_of_once_and_a_start_that_works_ends_it(world, sink, here):
    by_mail(world, sink)
    emergency.keep(emergency.read_roster(world.app), here.home)
    emergency.tell_of_failed_start(here, "PostgreSQL cannot be reached.")
    assert sink.messages == (), "it may start at the next try"
    time.sleep(SOON.after.total_seconds())  # the grace itself
    for _ in range(3):
        emergency.tell_of_failed_start(here, "PostgreSQL cannot be reached.")
    assert len(sink.messages) == 2, "one each"
    assert "The server cannot start: PostgreSQL cannot be reached." in sink.messages[0].text
    begun = emergency.begin(here.home)
    assert begun.since is not None
    assert begun.told_at is not None
    assert emergency.begin(here.home) == Alarm()


def test_where_nothing_can_be_written_a_failed_start_is_not_told_at_every_start(world, sink, here):
    by_mail(world, sink)
    emergency.keep(emergency.read_roster(world.app), here.home)
    (here.home / "run" / "failed-start.json").mkdir()
    for _ in range(3):
        emergency.tell_of_failed_start(here, "PostgreSQL cannot be reached.")
        time.sleep(SOON.after.total_seconds())
    assert sink.messages == ()


def test_a_start_that_fails_in_a_home_without_a_roster_says_nothing(here):
    emergency.tell_of_failed_start(here, "PostgreSQL cannot be reached.")
    assert not (here.home / "run" / "failed-start.json").exists()


def test_a_clock_that_was_set_is_a_note_and_says_which_way(world, monkeypatch):
    for step, said in ((3600, "forward by 3600 s"), (-3600, "back by 3600 s")):
        monkeypatch.setattr(world.database, "clock_step", lambda step=step: timedelta(seconds=step))
        (note,) = degraded.notes(world.app)
        assert said in note
    monkeypatch.setattr(world.database, "clock_step", lambda: timedelta(seconds=4))
    assert list(degraded.notes(world.app)) == []


def test_a_provider_that_refuses_everything_for_good_is_a_note(world):
    for _ in range(3):
        world.app.providers.note("sms", lambda it: it.refused_for_good(0.0, Leave.SEND, "401: Authenticate"))
    (note,) = degraded.notes(world.app)
    assert note.startswith("sms has refused for good all of the last 3 messages")
    world.app.providers.note("sms", Breaker.taken)
    assert list(degraded.notes(world.app)) == []
