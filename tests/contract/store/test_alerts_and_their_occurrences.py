"""One open occurrence for each identity, and nothing of what a sender said is lost on the way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.contract.store.making import START, alert, declare, later
from tocsin.db.sql import LostRaceError
from tocsin.domain.errors import UnavailableError


@pytest.fixture
def incident(database):
    return database.transact(lambda tx: declare(tx, "INC-1"))


def found(database, *alerts, integration="int-1"):
    prints = [it.fingerprint for it in alerts]
    return database.read(lambda tx: tx.alerts.open_occurrences(integration, prints))


def shown(database, incident_id="INC-1", after=0, limit=100):
    return database.read(lambda tx: tx.alerts.page_of(incident_id, after, limit))


def test_an_occurrence_is_found_by_its_integration_and_fingerprint(database, incident):
    one = alert("INC-1", "web-1")
    database.transact(lambda tx: tx.alerts.insert([one]))
    row = found(database, one, alert("INC-1", "web-2"))[one.fingerprint]
    assert (row.incident_id, row.firing, row.starts_at, row.last_seen_at) == ("INC-1", True, START, START)
    assert row.digest == one.digest
    assert found(database, one, integration="int-2") == {}
    assert found(database) == {}


def test_of_one_identity_only_one_occurrence_can_be_open(database, incident):
    database.transact(lambda tx: tx.alerts.insert([alert("INC-1")]))
    with pytest.raises(Exception, match=r"(?i)unique|again"):
        database.transact(lambda tx: tx.alerts.insert([alert("INC-1")]))
    database.transact(lambda tx: tx.alerts.insert([alert("INC-1", integration="int-2")]))
    assert len(shown(database)) == 2


def test_after_one_ended_another_can_begin(database, incident):
    one = alert("INC-1")
    database.transact(lambda tx: tx.alerts.insert([one]))
    first = found(database, one)[one.fingerprint].id
    database.transact(lambda tx: tx.alerts.end("INC-1", firing_too=True))
    assert found(database, one) == {}
    database.transact(lambda tx: tx.alerts.insert([one]))
    assert found(database, one)[one.fingerprint].id > first


def test_more_identities_than_a_statement_takes_are_found(database, incident):
    many = [alert("INC-1", f"web-{number}") for number in range(1203)]
    database.transact(lambda tx: tx.alerts.insert(many))
    assert len(found(database, *many)) == 1203


def test_a_repeat_touches_when_it_was_seen_and_its_end(database, incident):
    one = alert("INC-1")
    database.transact(lambda tx: tx.alerts.insert([one]))
    row = found(database, one)[one.fingerprint]
    database.transact(lambda tx: tx.alerts.seen([(row.id, later(61), later(300))]))
    assert found(database, one)[one.fingerprint] == replace(row, last_seen_at=later(61))
    assert shown(database)[0]["ends_at"] == later(300)


def test_what_changed_is_kept_beside_what_was_said_first(database, incident):
    one = alert("INC-1")
    database.transact(lambda tx: tx.alerts.insert([one]))
    row = found(database, one)[one.fingerprint]
    said = replace(one, starts_at=None, seen_at=later(9), digest=b"87654321", payload=b'{"annotations":{"a":"b"}}')
    database.transact(lambda tx: tx.alerts.changed([(row.id, True, False, said)]))
    after = found(database, one)[one.fingerprint]
    assert (after.firing, after.starts_at, after.last_seen_at, after.digest) == (False, START, later(9), b"87654321")
    [view] = shown(database)
    assert (view["cleared_at"], view["annotations"]) == (later(9), {"a": "b"})
    database.transact(lambda tx: tx.alerts.changed([(row.id, False, True, said)]))
    assert shown(database)[0]["cleared_at"] is None


def test_an_occurrence_can_clear_and_fire_again_in_one_statement(database, incident):
    one = alert("INC-1")
    database.transact(lambda tx: tx.alerts.insert([one]))
    row = found(database, one)[one.fingerprint]
    database.transact(lambda tx: tx.alerts.changed([(row.id, True, False, one), (row.id, False, True, one)]))
    assert found(database, one)[one.fingerprint].firing


def test_what_somebody_else_changed_first_is_not_written_over(database, incident):
    one, two = alert("INC-1", "web-1"), alert("INC-1", "web-2")
    database.transact(lambda tx: tx.alerts.insert([one, two]))
    rows = found(database, one, two)
    ids = [rows[it.fingerprint].id for it in (one, two)]
    database.transact(lambda tx: tx.alerts.changed([(ids[1], True, False, two)]))
    stale = [(ids[0], True, False, one), (ids[1], True, False, two)]
    with pytest.raises((LostRaceError, UnavailableError)):
        database.transact(lambda tx: tx.alerts.changed(stale))
    assert found(database, one)[one.fingerprint].firing, "nothing of it was kept"


def test_nothing_changed_is_nothing_done(database, incident):
    database.transact(lambda tx: (tx.alerts.insert([]), tx.alerts.seen([]), tx.alerts.changed([])))
    assert shown(database) == []


def test_an_incident_closed_without_a_fix_keeps_what_still_fires(database, incident):
    one, two = alert("INC-1", "web-1"), alert("INC-1", "web-2")
    database.transact(lambda tx: tx.alerts.insert([one, two]))
    row = found(database, two)[two.fingerprint]
    database.transact(lambda tx: tx.alerts.changed([(row.id, True, False, two)]))
    database.transact(lambda tx: tx.alerts.end("INC-1", firing_too=False))
    assert set(found(database, one, two)) == {one.fingerprint}


def test_only_the_ended_incidents_own_occurrences_end(database, incident):
    database.transact(lambda tx: declare(tx, "INC-2"))
    one, two = alert("INC-1", "web-1"), alert("INC-2", "web-2")
    database.transact(lambda tx: tx.alerts.insert([one, two]))
    database.transact(lambda tx: tx.alerts.end("INC-1", firing_too=True))
    assert set(found(database, one, two)) == {two.fingerprint}


def test_occurrences_are_listed_oldest_first_and_page_by_page(database, incident):
    database.transact(lambda tx: tx.alerts.insert([alert("INC-1", f"web-{number}") for number in range(5)]))
    first = shown(database, limit=2)
    assert [it["id"] for it in shown(database, after=first[-1]["id"])] == [3, 4, 5]
    assert first[0]["name"] == "ClaudexDown"
    assert first[0]["labels"] == {"alertname": "ClaudexDown"}
    assert first[0]["fingerprint"] == alert("INC-1", "web-0").fingerprint.hex()


def test_payloads_of_what_ended_long_ago_are_forgotten_once(database, incident):
    old, recent, running = (alert("INC-1", name, at=at) for name, at in (("a", START), ("b", later(9)), ("c", START)))
    database.transact(lambda tx: tx.alerts.insert([old, recent]))
    database.transact(lambda tx: tx.alerts.end("INC-1", firing_too=True))
    database.transact(lambda tx: tx.alerts.insert([running]))
    assert [database.transact(lambda tx: tx.alerts.forget_payloads(later(5), 99)) for _ in range(2)] == [1, 0]
    assert [it["labels"] for it in shown(database)] == [{}, {"alertname": "ClaudexDown"}, {"alertname": "ClaudexDown"}]
