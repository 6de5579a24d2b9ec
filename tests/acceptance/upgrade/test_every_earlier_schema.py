"""What every earlier release wrote is upgraded, on either database, opened or restored, and this release works on it.

tests/samples/releases/README.md says how the samples were made. A new migration fails here until the release before it
has its sample.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta

import psycopg
import pytest
import sqlalchemy as sa

from reliability.releases import CHECKOUT, RELEASES
from reliability.waiting import wait_until
from tests.unit.application.world import RecordingChannel
from tocsin.application.catalogue import OPERATIONS
from tocsin.application.ingest import Delivery, ingest
from tocsin.application.timekeeping import next_page, next_tick
from tocsin.application.views import verify
from tocsin.bootstrap import open_application, open_database
from tocsin.channels import REGISTRY
from tocsin.db import schema, transfer
from tocsin.domain.alerts import Signal
from tocsin.domain.events import Actor
from tocsin.domain.incident import fold
from tocsin.engine import Engine
from tocsin.settings import Settings

SAMPLES = CHECKOUT / "tests" / "samples" / "releases"
EARLIER = [f"{number:04}" for number in range(1, int(schema.LATEST))]
LATER = timedelta(hours=1)
"""So long after the newest event the node of this release starts: every ladder owes something."""
WITHIN_S = 60.0
ENDED = {"accepted", "delivered", "acknowledged", "superseded", "failed"}
ALL = 10**6


def test_the_release_before_every_migration_has_a_sample_with_something_in_every_table():
    assert sorted(RELEASES) == EARLIER, "name the last commit before the new migration in reliability/releases.py"
    samples = sorted(file.stem for file in SAMPLES.glob("*.sql"))
    assert samples == EARLIER, "make it: python -m tools.keep_release VERSION"
    for version in EARLIER:
        with closing(sqlite3.connect(":memory:")) as read:
            read.executescript((SAMPLES / f"{version}.sql").read_text(encoding="utf-8"))
            assert read.execute(schema.VERSION_QUERY).fetchall() == [(version,)]
            counts = {table: read.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in tables(read)}
        assert all(counts.values()), counts


def tables(connection):
    names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'")
    return [name for (name,) in names.fetchall()]


@pytest.fixture(params=EARLIER)
def sample(request, tmp_path):
    """A database file as the release of that schema left it: also what its `tocsin backup` wrote."""
    file = tmp_path / f"{request.param}.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.executescript((SAMPLES / f"{request.param}.sql").read_text(encoding="utf-8"))
    return file


def on_postgres(file, url):
    """The same rows in a PostgreSQL database of the same schema."""
    engine = sa.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url))
    with engine.connect() as connection:
        schema.upgrade(connection, to=file.stem)
    engine.dispose()
    with closing(sqlite3.connect(file)) as read, psycopg.connect(url) as write:
        for table in set(tables(read)) - {"alembic_version"}:
            cursor = read.execute(f"SELECT * FROM {table}")
            names = [column[0] for column in cursor.description]
            into = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(['%s'] * len(names))})"
            write.cursor().executemany(into.encode(), cursor.fetchall())
        write.execute("SELECT setval(pg_get_serial_sequence('alerts', 'id'), max(id)) FROM alerts")


@pytest.fixture(params=["sqlite", "sqlite restored", "postgresql", "postgresql restored"])
def settings(request, sample, tmp_path):
    """A home of this release with what the earlier one wrote in it, opened as it is or restored from its backup."""
    home = tmp_path / "home"
    home.mkdir(mode=0o700)
    if request.param == "sqlite":
        sample.replace(home / "tocsin.db")
    elif request.param == "sqlite restored":
        assert transfer.examine(sample).unproven == ()
        transfer.restore_sqlite(sample, home / "tocsin.db", keep=home / "before")
    else:
        url = request.getfixturevalue("postgres_database")
        if request.param == "postgresql":
            on_postgres(sample, url)
        else:
            with closing(open_database(Settings(home, url))) as database:
                database.migrate()
            transfer.restore_postgres(sample, url, home / "scratch.db")
        return Settings(home, url)
    return Settings(home)


class Outbox(dict):
    """The channels of a node, each of which takes everything."""

    def connect(self, _site):
        """They are there already."""

    def close(self):
        """Nothing is held."""


@pytest.fixture
def app(settings):
    """This release on that home, an hour later."""
    with open_application(settings) as opened:
        opened.database.not_before(opened.database.now() + LATER)
        yield opened


def incidents(app):
    """Every incident, and whatever does not verify about it."""

    def look(tx):
        for found in tx.incidents.page_of("", "", ALL):
            assert tx.incidents.load(found.id) == found == fold(tx.incidents.events(found.id))
            links, head = tx.incidents.timeline(found.id, 0, ALL), tx.incidents.head(found.id)
            assert verify(links, head, found.id) == []
            yield found

    return {found.title.partition(":")[0]: found for found in app.database.read(lambda tx: list(look(tx)))}


def pages(app):
    every = [page for one in incidents(app).values() for page in page_of(app, one)]
    return {page.id: page for page in every}


def page_of(app, incident):
    return app.database.read(lambda tx: tx.pages.page_of(incident.id, "", ALL))


def test_an_earlier_release_is_upgraded_and_everything_goes_on(app):
    assert app.database.version() == schema.LATEST
    before = incidents(app)
    waiting = [page.id for page in pages(app).values() if page.state.value in {"planned", "sending"}]
    assert {"Unanswered", "Answered", "Resolved", "Reopened", "Closed"} <= set(before)
    assert waiting, "the sample has pages that were not sent yet"

    outbox = Outbox((name, RecordingChannel()) for name in REGISTRY)
    engine = Engine(app, outbox)
    engine.start()
    try:
        wait_until(lambda: nothing_is_due(app), WITHIN_S, "everything that was owed is done")
        assert not list(engine.troubles())
        people_and_monitors_go_on(app, before)
        wait_until(lambda: nothing_is_due(app), WITHIN_S, "everything that was owed is done")
    finally:
        engine.stop()

    after, sent = incidents(app), pages(app)
    assert {sent[page].state.value for page in waiting} <= ENDED
    assert any(sent[page].state.value == "accepted" for page in waiting), "what had been planned went out"
    assert sum(len(channel.sent) for channel in outbox.values())
    assert after["Unanswered"].round > before["Unanswered"].round, "its timer ticked"
    assert after["Answered"].is_acknowledged
    assert all(after[name].seq >= was.seq for name, was in before.items())


def nothing_is_due(app):
    waits = (next_tick(app), next_page(app))
    return all(wait is None or wait > timedelta(0) for wait in waits)


def people_and_monitors_go_on(app, before):
    """An alert that was open is recognised, one that was not begins an incident, and people act."""
    ana, everybody = Actor("person:ana", "session"), Actor("person:ana", "token")
    monitor = app.database.read(lambda tx: tx.accounts.integrations())[0]

    def alert(name, instance, severity):
        labels = {"alertname": name, "severity": severity, "service": "app", "instance": instance}
        app.database.transact(lambda tx: ingest(app, tx, [Delivery(monitor, [Signal(labels, firing=True)])]))

    def count(name):
        return len(app.database.read(lambda tx: tx.alerts.page_of(incidents(app)[name].id, 0, ALL)))

    known = count("Unanswered")
    alert("Unanswered", "a", "critical")
    assert count("Unanswered") == known, "the same alert, by the identity that the earlier release gave it"
    alert("Unanswered", "c", "critical")
    assert count("Unanswered") == known + 1
    alert("Unheard of", "a", "error")
    assert "Unheard of" in incidents(app)

    for name in ("Answered", "Unanswered"):
        asked = OPERATIONS["acknowledge"]
        asked.run(app, ana, asked.body(), incident=before[name].id)
    shown = OPERATIONS["timeline"].run(app, everybody, OPERATIONS["timeline"].body(verify=True), incident="last")
    assert shown["verified"]
    assert OPERATIONS["override-list"].run(app, everybody, OPERATIONS["override-list"].body())
    assert len(OPERATIONS["token-list"].run(app, everybody, OPERATIONS["token-list"].body())["items"]) > 1
