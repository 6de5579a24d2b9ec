"""What one commit writes of many incidents and alerts goes out in few statements, and comes back one by one."""

from __future__ import annotations

import pytest

from tests.contract.store.making import act, alert, declare, later
from tests.contract.store.reaching import spoil
from tests.unit.domain.promised import POLICY
from tocsin.application.handle import keep, weigh
from tocsin.application.views import verify
from tocsin.db.sql import insert_all
from tocsin.domain import commands as cmd
from tocsin.domain.errors import UnavailableError
from tocsin.domain.incident import FOLD_VERSION

MANY = 64 + 32 + 7
IDS = [f"INC-{number:03}" for number in range(MANY)]


@pytest.fixture
def begun(database):
    """Many incidents."""
    return database.transact(lambda tx: [declare(tx, name) for name in IDS])


def noting(incident, text):
    return weigh(incident, cmd.Note(at=later(1), policy=POLICY, text=text))


def test_a_note_on_each_of_many_incidents_is_on_the_chain_of_each(database, begun):
    decisions = [noting(incident, f"to {incident.id}") for incident in begun]
    database.transact(lambda tx: (tx.incidents.load_all(IDS), keep(tx, decisions)))
    for one in decisions:
        entries = database.read(lambda tx, name=one.after.id: tx.incidents.timeline(name, 0, 9))
        head = database.read(lambda tx, name=one.after.id: tx.incidents.head(name))
        assert verify(entries, head, one.after.id) == []
        assert [words for _salt, words in entries[-1].texts.values()] == [f"to {one.after.id}"]
    assert database.read(lambda tx: tx.incidents.load_all(IDS)) == {one.after.id: one.after for one in decisions}


def test_they_are_few_statements(begun):
    ran = []

    class Counted:
        lock = skip = ""
        ends_all = held = ()

        def run(self, statement, values=()):
            ran.append(len(values))
            return statement.count("(?, ?)")

    assert insert_all(Counted(), "INSERT INTO texts (id, words)", [(one.id, "") for one in begun]) == MANY
    assert ran == [128, 64, 14]


def test_one_of_them_that_a_newer_release_has_is_named_and_none_is_changed(database, begun):
    spoil(database, "UPDATE incidents SET fold_version = ? WHERE id = 'INC-007'", FOLD_VERSION + 1)
    with pytest.raises(UnavailableError, match="INC-007 was last changed by a newer release"):
        database.transact(
            lambda tx: (tx.incidents.load_all(IDS), keep(tx, [noting(incident, "words") for incident in begun]))
        )
    assert database.read(lambda tx: tx.incidents.load("INC-008")) == begun[8]


def test_an_id_that_another_incident_has_is_not_written_over(database, begun):
    with pytest.raises(Exception, match=r"(?i)unique|again and again"):
        database.transact(lambda tx: declare(tx, "INC-007", group="another"))
    assert database.read(lambda tx: tx.incidents.load("INC-007")) == begun[7]


def test_those_that_cannot_be_read_and_those_that_are_not_there_are_left_out(database, begun):
    spoil(database, "UPDATE incidents SET state = ? WHERE id = 'INC-007'", b"of another shape")
    spoil(database, "UPDATE events SET body = ? WHERE incident_id = 'INC-007'", b"no event")
    found = database.read(lambda tx: tx.incidents.load_all(["INC-008", "INC-007", "INC-999"]))
    assert found == {"INC-008": begun[8]}


def test_those_that_change_phase_together_keep_their_own_timers(database, begun):
    def work(tx):
        tx.incidents.load_all(IDS)
        return [act(tx, one, cmd.Resolve, at=later(5), why="restarted", take_command=True) for one in begun[:3]]

    database.transact(work)
    assert database.read(lambda tx: tx.incidents.count("open")) == MANY - 3
    due = database.transact(lambda tx: tx.incidents.due(later(10**6), MANY))
    assert sorted(one.id for one in due) == IDS[3:]


def test_many_alerts_are_inserted_as_they_are(database):
    alerts = [alert("INC-1", f"web-{number}") for number in range(MANY)]
    database.transact(lambda tx: tx.alerts.insert(alerts))
    rows = database.read(lambda tx: tx.alerts.page_of("INC-1", 0, 1000))
    assert [row["fingerprint"] for row in rows] == [one.fingerprint.hex() for one in alerts]
    assert {(row["firing"], row["open"]) for row in rows} == {(True, True)}
