"""Incidents, their logs, and what a log proves: each link holds the hash of the one before it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from tests.contract.store.making import START, act, declare, later, note, page, resolve
from tests.contract.store.reaching import spoil
from tocsin.application.views import GENESIS, verify
from tocsin.domain import commands as cmd
from tocsin.domain.errors import UnavailableError
from tocsin.domain.incident import FOLD_VERSION, fold
from tocsin.domain.severity import Severity


def faults(database, incident_id="INC-1"):
    return database.read(
        lambda tx: verify(tx.incidents.timeline(incident_id, 0, 1000), tx.incidents.head(incident_id), incident_id)
    )


@pytest.fixture
def noted(database):
    """INC-1 with four links: declared, a round, two notes."""

    def work(tx):
        incident = declare(tx, "INC-1")
        incident = note(tx, incident, "first words", later(1))
        return note(tx, incident, "second words", later(2))

    return database.transact(work)


def test_what_was_appended_is_loaded_as_it_was(database, noted):
    assert database.read(lambda tx: tx.incidents.load("INC-1")) == noted


def test_an_incident_that_is_not_there_is_none(database):
    assert database.read(lambda tx: tx.incidents.load("INC-9")) is None


def test_the_state_is_the_fold_of_the_log(database, noted):
    assert fold(database.read(lambda tx: tx.incidents.events("INC-1"))) == noted


def test_each_link_is_exact_bytes_of_sorted_json_and_carries_the_hash_of_the_one_before(database, noted):
    entries = database.read(lambda tx: tx.incidents.timeline("INC-1", 0, 1000))
    bodies = [json.loads(entry.body) for entry in entries]
    assert [body["event"] for body in bodies] == ["declared", "round_opened", "noted", "noted"]
    assert [body["seq"] for body in bodies] == [1, 2, 3, 4]
    for entry, body in zip(entries, bodies, strict=True):
        assert entry.body == json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        assert set(body) == {"incident", "seq", "at", "event", "v", "by", "data"}
    assert verify(entries, (4, entries[-1].hash), "INC-1") == []
    assert verify(entries, (4, GENESIS), "INC-1") != []


def test_a_chain_goes_on_over_transactions(database, noted):
    database.transact(lambda tx: note(tx, tx.incidents.load("INC-1"), "third words", later(3)))
    assert faults(database) == []
    assert database.read(lambda tx: tx.incidents.head("INC-1"))[0] == 5


def test_a_timeline_is_read_in_parts(database, noted):
    parts = [database.read(lambda tx, s=seq: tx.incidents.timeline("INC-1", s, 2)) for seq in (0, 2, 4)]
    assert [[entry.seq for entry in part] for part in parts] == [[1, 2], [3, 4], []]


def test_one_event_can_be_read_alone(database, noted):
    assert database.read(lambda tx: tx.incidents.event("INC-1", 3)).text == "first words"
    assert database.read(lambda tx: tx.incidents.event("INC-1", 9)) is None


def test_a_changed_link_is_noticed(database, noted):
    spoil(database, "UPDATE events SET body = ? WHERE seq = 3", b'{"incident":"INC-1","seq":3,"data":{}}')
    assert "link 3 does not follow from the one before it" in faults(database)


def test_a_link_that_is_no_json_any_more_is_noticed(database, noted):
    spoil(database, "UPDATE events SET body = ? WHERE seq = 3", b"\x00garbage")
    assert "link 3 cannot be read" in faults(database)


def test_a_removed_link_is_noticed(database, noted):
    spoil(database, "DELETE FROM events WHERE seq = 3")
    assert faults(database) != []


def test_a_cut_chain_is_noticed(database, noted):
    spoil(database, "DELETE FROM events WHERE seq = 4")
    assert faults(database) == ["the chain has 3 links, and its head was number 4: it was cut or changed"]


def test_links_of_another_incident_are_noticed(database, noted):
    database.transact(lambda tx: declare(tx, "INC-2"))
    spoil(database, "DELETE FROM events WHERE incident_id = 'INC-2'")
    spoil(database, "UPDATE events SET incident_id = 'INC-2'")
    assert "link 1 says it is INC-1 1" in faults(database, "INC-2")


def test_the_same_sequence_number_cannot_be_taken_twice(database, noted):
    """Whoever loaded the incident before somebody else changed it cannot write over that."""
    database.transact(lambda tx: note(tx, tx.incidents.load("INC-1"), "quicker", later(3)))

    def overtaken(tx):
        tx.incidents.load("INC-1")
        return note(tx, noted, "slower", later(3))

    with pytest.raises(Exception, match=r"(?i)unique|again"):
        database.transact(overtaken)
    assert faults(database) == []


def test_words_of_people_stand_beside_the_log(database, noted):
    entry = database.read(lambda tx: tx.incidents.timeline("INC-1", 2, 1))[0]
    assert b"first words" not in entry.body
    assert [words for _salt, words in entry.texts.values()] == ["first words"]


def test_a_deleted_text_reads_as_redacted_and_the_chain_still_verifies(database, noted):
    spoil(database, "DELETE FROM texts WHERE id = '3.text'")
    assert faults(database) == []
    assert database.read(lambda tx: tx.incidents.event("INC-1", 3)).text == "[redacted]"
    assert database.read(lambda tx: tx.incidents.event("INC-1", 4)).text == "second words"


def test_a_changed_text_is_noticed(database, noted):
    spoil(database, "UPDATE texts SET words = 'never said' WHERE id = '3.text'")
    assert faults(database) == ["the text 3.text is not the one that was hashed"]


def test_a_text_nobody_wrote_is_noticed(database, noted):
    spoil(database, "UPDATE texts SET id = '3.why' WHERE id = '3.text'")
    assert faults(database) == ["the text 3.why is not the one that was hashed"]


def test_equal_words_have_different_hashes(database, noted):
    database.transact(lambda tx: note(tx, tx.incidents.load("INC-1"), "first words", later(3)))
    said = [
        json.loads(database.read(lambda tx, s=seq: tx.incidents.timeline("INC-1", s, 1))[0].body)["data"]["text"]
        for seq in (2, 4)
    ]
    assert said[0]["sha256"] != said[1]["sha256"]


def test_a_group_has_one_unresolved_incident(database):
    database.transact(lambda tx: declare(tx, "INC-1", group="g"))
    with pytest.raises(Exception, match=r"(?i)unique|again"):
        database.transact(lambda tx: declare(tx, "INC-2", group="g"))
    assert database.read(lambda tx: tx.incidents.open_in_group("g")).id == "INC-1"


def test_the_newest_of_a_group_is_the_unresolved_one_and_else_the_one_that_ended_last(database):
    def work(tx):
        for number in (1, 2):
            resolve(tx, declare(tx, f"INC-{number}", group="g", at=later(number)), later(10 * number))
        declare(tx, "INC-4", group="other", at=later(40))

    def newest(*groups):
        return database.read(lambda tx: tx.incidents.newest_in_groups(groups))

    database.transact(work)
    assert newest("g", "other", "nowhere") == {"g": "INC-2", "other": "INC-4"}
    database.transact(lambda tx: declare(tx, "INC-3", group="g", at=later(30)))
    assert newest("g") == {"g": "INC-3"}
    assert newest() == {}
    assert newest(*map(str, range(1201)), "g") == {"g": "INC-3"}


def test_a_free_id_is_the_second_and_then_counts_on(database):
    """R26, decision P."""
    at = datetime(2026, 11, 22, 21, 42, 14, 900_000, tzinfo=UTC)

    def work(tx):
        given = []
        for _ in range(3):
            given.append(tx.incidents.unused_id(at))
            declare(tx, given[-1], at=at)
        return given, tx.incidents.unused_id(at + timedelta(seconds=1))

    given, following = database.transact(work)
    assert given == ["INC-20261122-214214", "INC-20261122-214214-2", "INC-20261122-214214-3"]
    assert following == "INC-20261122-214215"


def test_an_incident_is_found_by_its_id_by_an_ending_and_as_the_last(database):
    def work(tx):
        for incident_id in ("INC-20261122-100000", "INC-20261122-110000", "INC-20261122-110000-2"):
            declare(tx, incident_id, at=later(int(incident_id[13:15])))

    database.transact(work)

    def ids(name):
        return database.read(lambda tx: tx.incidents.resolve_name(name))

    assert ids("INC-20261122-100000") == ["INC-20261122-100000"]
    assert ids("100000") == ["INC-20261122-100000"]
    assert ids("00") == ["INC-20261122-100000", "INC-20261122-110000"]
    assert ids("last") == ["INC-20261122-110000-2"]
    assert ids("%") == []
    assert ids("_") == []
    assert ids("\\") == []


def test_no_incident_is_the_last_of_none(database):
    assert database.read(lambda tx: tx.incidents.resolve_name("last")) == []


def test_incidents_are_listed_newest_first_and_page_by_page(database):
    def work(tx):
        for number in range(1, 6):
            incident = declare(tx, f"INC-{number}", at=later(number))
            if number == 2:
                resolve(tx, incident, later(60))

    database.transact(work)

    def ids(status, before="", limit=10):
        return [it.id for it in database.read(lambda tx: tx.incidents.page_of(status, before, limit))]

    assert ids("", limit=2) == ["INC-5", "INC-4"]
    assert ids("", "INC-4", 2) == ["INC-3", "INC-2"]
    assert ids("open") == ["INC-5", "INC-4", "INC-3", "INC-1"]
    assert ids("RESOLVED") == ["INC-2"]
    assert ids("INVESTIGATING") == ["INC-5", "INC-4", "INC-3", "INC-1"]
    assert ids("MITIGATING") == []
    assert ids("", "INC-9") == []
    assert database.read(lambda tx: [tx.incidents.count(it) for it in ("", "open", "RESOLVED", "MITIGATING")]) == [
        5,
        4,
        1,
        0,
    ]


def test_timers_come_due_in_their_order_and_no_earlier(database):
    """HIGH owes its second step after 15 min, CRITICAL after 5."""

    def work(tx):
        declare(tx, "INC-1", at=later(0))
        declare(tx, "INC-2", at=later(1))
        declare(tx, "INC-3", severity=Severity.CRITICAL, at=later(2))

    database.transact(work)

    def due(seconds, limit=10):
        return [it.id for it in database.transact(lambda tx: tx.incidents.due(later(seconds), limit))]

    assert due(301.999) == []
    assert due(302) == ["INC-3"]
    assert due(901) == ["INC-3", "INC-1", "INC-2"]
    assert due(901, 2) == ["INC-3", "INC-1"]
    assert database.read(lambda tx: tx.next_tick_at()) == later(302)


def test_a_timer_can_be_moved_and_taken_away(database):
    database.transact(lambda tx: declare(tx, "INC-1"))
    database.transact(lambda tx: tx.incidents.rearm("INC-1", later(7)))
    assert database.read(lambda tx: tx.next_tick_at()) == later(7)
    database.transact(lambda tx: tx.incidents.rearm("INC-1", None))
    assert database.read(lambda tx: tx.next_tick_at()) is None
    assert database.transact(lambda tx: tx.incidents.due(later(10**6), 10)) == []


def test_an_ended_incident_has_no_timer(database):
    database.transact(lambda tx: resolve(tx, declare(tx, "INC-1"), later(1)))
    assert database.read(lambda tx: tx.next_tick_at()) is None


def test_the_newest_event_is_that_of_whatever_moved_last(database):
    assert database.read(lambda tx: tx.newest_event_at()) is None

    def work(tx):
        first = declare(tx, "INC-1")
        declare(tx, "INC-2", at=later(5))
        note(tx, first, "still looking", later(9))

    database.transact(work)
    assert database.read(lambda tx: tx.newest_event_at()) == later(9)


def test_the_newest_event_may_be_the_end_of_an_incident_that_is_not_the_newest(database):
    def work(tx):
        first = declare(tx, "INC-1")
        declare(tx, "INC-2", at=later(5))
        resolve(tx, first, later(9))

    database.transact(work)
    assert database.read(lambda tx: tx.newest_event_at()) == later(9)


def test_no_time_begins_before_the_claim_of_a_page_that_still_waits(database):
    """Else its lease would run out only when the clock, set back meanwhile, has come there again."""

    def work(tx):
        declare(tx, "INC-1")
        tx.pages.plan([page("one", send_at=later(1))])
        tx.pages.claim("email", later(40), "node-1", later(50), 1)

    database.transact(work)
    assert database.read(lambda tx: tx.newest_event_at()) == later(40)


@pytest.mark.parametrize("garbage", [10**18, 10**15])
def test_garbage_sets_no_clock(database, garbage):
    database.transact(lambda tx: resolve(tx, declare(tx, "INC-1"), later(3)))
    spoil(database, "UPDATE incidents SET resolved_at = declared_at + ?", garbage)
    assert database.read(lambda tx: tx.newest_event_at()) == later(3)


def test_a_state_of_an_older_fold_is_folded_anew(database, noted):
    spoil(database, "UPDATE incidents SET fold_version = ?, state = ?", FOLD_VERSION - 1, b"of another shape")
    assert database.read(lambda tx: tx.incidents.load("INC-1")) == noted
    assert database.transact(lambda tx: tx.incidents.due(later(900), 1)) == [noted]


def test_what_changes_an_incident_of_an_older_fold_stores_it_in_the_new_one(database, noted):
    spoil(database, "UPDATE incidents SET fold_version = ?, state = ?", FOLD_VERSION - 1, b"of another shape")
    after = database.transact(lambda tx: note(tx, tx.incidents.load("INC-1"), "third words", later(3)))
    spoil(database, "DELETE FROM events")  # the stored state is enough now
    assert database.read(lambda tx: tx.incidents.load("INC-1")) == after


def test_an_incident_of_a_newer_fold_is_left_alone(database, noted):
    """A node of the release before must not write over what it does not understand."""
    spoil(database, "UPDATE incidents SET fold_version = ?", FOLD_VERSION + 1)
    assert database.transact(lambda tx: tx.incidents.due(later(900), 1)) == []
    assert database.read(lambda tx: tx.next_tick_at()) is None
    with pytest.raises(UnavailableError, match="newer release"):
        database.transact(lambda tx: note(tx, tx.incidents.load("INC-1"), "third words", later(3)))
    with pytest.raises(UnavailableError, match="newer release"):
        database.transact(lambda tx: tx.incidents.rearm("INC-1", None))
    assert faults(database) == []
    assert database.read(lambda tx: tx.incidents.head("INC-1"))[0] == 4


def test_an_incident_of_a_newer_fold_can_still_be_read_when_its_events_are_known(database, noted):
    spoil(database, "UPDATE incidents SET fold_version = ?, state = ?", FOLD_VERSION + 1, b"of another shape")
    assert database.read(lambda tx: tx.incidents.load("INC-1")) == noted


def test_an_incident_of_a_newer_fold_with_events_nobody_knows_says_who_knows_them(database, noted):
    spoil(database, "UPDATE incidents SET fold_version = ?", FOLD_VERSION + 1)
    spoil(database, "UPDATE events SET body = ? WHERE seq = 4", b'{"event":"levitated","data":{},"at":"","by":""}')
    with pytest.raises(UnavailableError, match="newer release"):
        database.read(lambda tx: tx.incidents.load("INC-1"))


def test_any_words_survive(database):
    words = 'naïve ☃ 🔥 "quotes" \\ \n\t\' %s ? {} ' + "x" * 5000
    state = database.transact(lambda tx: act(tx, declare(tx, "INC-1", title=words), cmd.Note, at=START, text=words))
    assert database.read(lambda tx: tx.incidents.events("INC-1"))[-1].text == words.strip()
    assert database.read(lambda tx: tx.incidents.load("INC-1")) == state
    assert faults(database) == []
