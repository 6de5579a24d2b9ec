"""Several nodes on one PostgreSQL: nothing is done twice, nothing is lost, and nobody waits for anybody in a circle."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest
from psycopg import errors as pg

from tests.contract.store.making import START, alert, declare, later, note, page
from tests.unit.application.hand_clock import HandClock
from tests.unit.application.world import NOON, World, signal
from tocsin.application import deliver as delivery
from tocsin.application import timekeeping
from tocsin.application.moves import Declaration, Resolution
from tocsin.application.ports import ChannelError
from tocsin.application.records import PageState
from tocsin.db.sql import LostRaceError
from tocsin.domain import events as ev
from tocsin.domain.errors import InvalidError, UnavailableError


@pytest.fixture
def nodes(node):
    """Two nodes on one database."""
    return node(), node()


@pytest.fixture
def worlds(nodes):
    """The application on each of the two, with the same procedures and the same sender."""
    first = World(nodes[0], HandClock(NOON))
    second = replace_database(first, nodes[1])
    return first, second


def replace_database(world, database):
    other = object.__new__(World)
    other.__dict__.update(world.__dict__, database=database)
    other.app = other.node("n2")
    return other


@pytest.fixture
def deadlocks(monkeypatch):
    """Grows with every deadlock the server has found."""
    found: list[int] = []
    real = pg.DeadlockDetected.__init__

    def counted(self, *args, **kwargs):
        found.append(1)
        real(self, *args, **kwargs)

    monkeypatch.setattr(pg.DeadlockDetected, "__init__", counted)
    return found


def at_once(*works):
    """Run works in threads of their own, started together; their answers or errors."""
    ready = threading.Barrier(len(works), timeout=30)

    def run(work):
        ready.wait()
        try:
            return work()
        except Exception as error:  # noqa: BLE001 - the test looks at it
            return error

    with ThreadPoolExecutor(len(works)) as threads:
        return list(threads.map(run, works))


def each_in_its_own_pace(*works):
    """Let every work get to its first step before any goes on: `work(step)` calls `step()` once inside."""
    inside = threading.Barrier(len(works), timeout=30)
    met = threading.local()

    def step():
        if not getattr(met, "before", False):  # a transaction that is run again has met the others already
            met.before = True
            inside.wait()

    return at_once(*(lambda work=work: work(step) for work in works))


def test_two_nodes_that_hear_of_the_same_group_at_once_make_one_incident(worlds):
    answers = at_once(
        *(lambda w=world, i=name: w.ingest(signal(instance=i)) for world, name in zip(worlds, "ab", strict=True))
    )
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    [incident] = worlds[0].incidents()
    assert (incident.alerts, incident.firing) == (2, 2)
    assert [len(it.targets) for it in worlds[0].events(ev.RoundOpened)] == [1]


def test_the_slower_of_two_declarations_of_a_group_finds_the_quicker_ones(worlds):
    """Both have seen that there is none; the unique index lets one of them through, the other is run again."""

    def work(world, instance):
        def paced(step):
            original = world.database.transact

            def slow(inner):
                def with_step(tx):
                    find = tx.incidents.newest_in_groups

                    def found(groups):
                        newest = find(groups)
                        if not newest:
                            step()
                        return newest

                    tx.incidents.newest_in_groups = found
                    return inner(tx)

                return original(with_step)

            world.database.transact = slow
            world.ingest(signal(instance=instance))

        return paced

    answers = each_in_its_own_pace(*(work(world, name) for world, name in zip(worlds, "ab", strict=True)))
    assert answers == [None, None]
    [incident] = worlds[0].incidents()
    assert (incident.alerts, incident.firing) == (2, 2)


def test_two_nodes_that_hear_of_the_same_alert_at_once_make_one_occurrence(worlds):
    for _ in range(5):
        at_once(*(lambda w=world: w.ingest(signal()) for world in worlds))
    assert worlds[0].incident().alerts == 1


def test_two_nodes_that_hear_of_the_same_end_at_once_count_it_once(worlds):
    worlds[0].ingest(signal(instance="a"), signal(instance="b"))

    def clears(world):
        def paced(step):
            original = world.database.transact

            def slow(inner):
                def with_step(tx):
                    read = tx.alerts.open_occurrences

                    def occurrences(*asked):
                        found = read(*asked)
                        step()
                        return found

                    tx.alerts.open_occurrences = occurrences
                    return inner(tx)

                return original(with_step)

            world.database.transact = slow
            world.ingest(signal(instance="a", firing=False))

        return paced

    assert each_in_its_own_pace(*map(clears, worlds)) == [None, None]
    assert worlds[0].incident().firing == 1
    assert len(worlds[0].events(ev.AlertsCleared)) == 1


def test_an_end_and_a_resolution_at_once_do_not_wait_for_each_other_in_a_circle(worlds, deadlocks):
    """Ingest and resolving lock the incident first and its alerts after it."""
    for number in range(10):
        name = f"Alert{number}"
        worlds[0].ingest(*(signal(name, instance=str(each)) for each in range(20)))
        incident = worlds[0].incident().id
        answers = at_once(
            lambda n=name: worlds[0].ingest(*(signal(n, instance=str(each), firing=False) for each in range(20))),
            lambda i=incident: worlds[1].does("ana", "resolve", Resolution("restarted", take_command=True), incident=i),
        )
        assert not [answer for answer in answers if isinstance(answer, Exception)]
        assert not worlds[0].incident(incident).is_open
    assert deadlocks == []


def test_many_incidents_are_locked_in_one_order_whatever_they_are_locked_for(worlds, deadlocks):
    """New alerts are sorted by group, ends by incident; here the groups' order is not that of the incidents."""
    names = [f"Alert{number}" for number in range(8)]
    for name in reversed(names):
        worlds[0].ingest(*(signal(name, instance=str(number)) for number in range(10)))
    for number in range(8):
        answers = at_once(
            lambda n=number: worlds[0].ingest(*(signal(name, instance=f"new-{n}") for name in names)),
            lambda n=number: worlds[1].ingest(*(signal(name, instance=str(n), firing=False) for name in names)),
            lambda: timekeeping.report(worlds[0].app),
        )
        assert not [answer for answer in answers if isinstance(answer, Exception)]
        worlds[1].send_due()
    assert {it.firing for it in worlds[0].incidents()} == {10}
    assert deadlocks == []


def test_results_wait_while_another_session_holds_their_incident(worlds, emptied_postgres):
    worlds[0].begin()
    worlds[0].send_due()
    with psycopg.connect(emptied_postgres) as other:
        other.execute("SELECT id FROM incidents FOR UPDATE")
        timekeeping.report(worlds[0].app)
    assert worlds[0].events(ev.PagesReported) == []
    timekeeping.report(worlds[0].app)
    assert len(worlds[0].events(ev.PagesReported)) == 1


def test_many_declarations_in_the_same_second_all_get_an_id_of_their_own(worlds):
    answers = at_once(
        *(lambda n=number: worlds[n % 2].does("ana", "declare", Declaration(f"number {n}")) for number in range(12))
    )
    assert not [answer for answer in answers if isinstance(answer, Exception)]
    assert len({answer["id"] for answer in answers}) == 12


def test_a_tick_passes_over_what_another_node_is_ticking(nodes):
    nodes[0].transact(lambda tx: [declare(tx, f"INC-{number}") for number in range(4)])

    def first(tx):
        mine = [it.id for it in tx.incidents.due(later(900), 2)]
        theirs = [it.id for it in nodes[1].transact(lambda other: other.incidents.due(later(900), 9))]
        return mine, theirs

    mine, theirs = nodes[0].transact(first)
    assert (len(mine), len(theirs)) == (2, 2)
    assert {*mine, *theirs} == {f"INC-{number}" for number in range(4)}


def test_what_another_node_ticked_meanwhile_is_not_due_any_more(worlds):
    worlds[0].begin()
    for world in worlds:
        world.spoil("UPDATE incidents SET next_due_at = 0")
    assert sorted(it.done for it in at_once(*(lambda w=world: timekeeping.tick(w.app) for world in worlds))) == [0, 1]


def test_two_nodes_claim_different_pages(nodes):
    nodes[0].transact(lambda tx: declare(tx, "INC-1"))
    nodes[0].transact(lambda tx: tx.pages.plan([page(number) for number in range(6)]))

    def first(tx):
        mine = tx.pages.claim("email", START, "n1", later(10), 4)
        theirs = nodes[1].transact(lambda other: other.pages.claim("email", START, "n2", later(10), 4))
        return {it.id for it in mine}, {it.id for it in theirs}

    mine, theirs = nodes[0].transact(first)
    assert (len(mine), len(theirs), mine & theirs) == (4, 2, set())


def test_a_result_is_reported_by_one_of_two_nodes(worlds):
    worlds[0].begin()
    worlds[0].send_due()
    at_once(*(lambda w=world: timekeeping.report(w.app) for world in worlds))
    assert len(worlds[0].events(ev.PagesReported)) == 1


def test_a_failing_send_and_an_acknowledgement_at_once_do_not_wait_for_each_other_in_a_circle(worlds, deadlocks):
    """Both lock the incident first and its pages after it."""
    for number in range(10):
        worlds[0].ingest(signal(f"Alert{number}", severity="error"))
        incident = worlds[0].incident().id
        [claimed] = delivery.claim(worlds[0].app, "email", 9)
        failure = ChannelError("451 try again later")
        answers = at_once(
            lambda c=claimed, f=failure: delivery.record(worlds[0].app, c, None, f),
            lambda i=incident: worlds[1].does("ana", "acknowledge", incident=i),
        )
        assert not [answer for answer in answers if isinstance(answer, Exception)]
        assert {it.state for it in worlds[0].pages(incident) if it.attempt == 2} <= {PageState.SUPERSEDED}
    assert deadlocks == []


@pytest.mark.parametrize(
    "error",
    [
        lambda: pg.DeadlockDetected("40P01"),
        lambda: pg.SerializationFailure("40001"),
        lambda: pg.UniqueViolation("23505"),
        LostRaceError,
    ],
)
def test_work_that_another_node_came_in_the_way_of_is_run_again(nodes, error):
    tries = []

    def work(tx):
        tries.append(declare(tx, "INC-1").id)
        if len(tries) < 4:
            raise error()
        return "done"

    assert nodes[0].transact(work) == "done"
    assert tries == ["INC-1"] * 4
    assert nodes[1].read(lambda tx: tx.incidents.count("")) == 1


def test_work_that_always_meets_somebody_is_given_up_and_leaves_nothing(nodes):
    def work(tx):
        declare(tx, "INC-1")
        raise LostRaceError

    with pytest.raises(UnavailableError, match="again and again; nothing was changed"):
        nodes[0].transact(work)
    assert nodes[1].read(lambda tx: tx.incidents.count("")) == 0


def test_two_that_really_wait_for_each_other_both_get_done(nodes, deadlocks):
    """40P01, by the server itself."""
    nodes[0].transact(lambda tx: [declare(tx, name) for name in ("INC-1", "INC-2")])

    def lock(database, first, second):
        def paced(step):
            def work(tx):
                tx.incidents.load(first)
                step()
                tx.incidents.load(second)
                tx.incidents.rearm(first, None)

            database.transact(work)

        return paced

    answers = each_in_its_own_pace(lock(nodes[0], "INC-1", "INC-2"), lock(nodes[1], "INC-2", "INC-1"))
    assert answers == [None, None]
    assert deadlocks
    assert nodes[0].read(lambda tx: tx.next_tick_at()) is None


def test_what_the_database_cannot_keep_is_said_and_not_retried(nodes):
    """PostgreSQL's texts have no NUL, and its numbers end."""
    tries = []

    def work(tx):
        tries.append(1)
        note(tx, declare(tx, "INC-1"), "a\0b", later(1))

    with pytest.raises(InvalidError, match=r"cannot keep this.*NUL.*Nothing was changed"):
        nodes[0].transact(work)
    with pytest.raises(InvalidError, match="Nothing was changed"):
        nodes[0].read(lambda tx: tx.incidents.load("\0"))
    assert tries == [1]


def test_reading_sees_one_moment_whatever_is_committed_meanwhile(nodes):
    def look(tx):
        before = tx.incidents.count("")
        nodes[1].transact(lambda other: declare(other, "INC-1"))
        return before, tx.incidents.count("")

    assert nodes[0].read(look) == (0, 0)
    assert nodes[0].read(lambda tx: tx.incidents.count("")) == 1


def test_reading_cannot_write(nodes):
    with pytest.raises(psycopg.Error, match="read-only"):
        nodes[0].read(lambda tx: declare(tx, "INC-1"))


def test_an_alert_row_another_node_ended_meanwhile_is_not_written_over(nodes):
    nodes[0].transact(lambda tx: (declare(tx, "INC-1"), tx.alerts.insert([alert("INC-1")])))
    seen = []

    def work(tx):
        rows = tx.alerts.open_occurrences("int-1", [alert("INC-1").fingerprint])
        seen.append(len(rows))
        if len(seen) == 1:
            nodes[1].transact(lambda other: other.alerts.end("INC-1", firing_too=True))
        tx.alerts.changed([(row.id, True, False, alert("INC-1")) for row in rows.values()])

    nodes[0].transact(work)
    assert seen == [1, 0], "run again, and now there is none"


def test_all_nodes_have_the_servers_idea_of_the_time(nodes, emptied_postgres):
    with psycopg.connect(emptied_postgres) as connection:
        before = connection.execute("SELECT clock_timestamp()").fetchone()[0]
        told = [each.now() for each in nodes]
        after = connection.execute("SELECT clock_timestamp()").fetchone()[0]
    assert all(before <= each <= after for each in told)


def test_time_starts_no_earlier_than_the_newest_event_and_goes_on_from_there(nodes):
    floor = nodes[0].now().replace(year=2099)
    nodes[0].not_before(floor)
    assert floor <= nodes[0].now() < nodes[0].now() < floor + timedelta(minutes=1)
    assert nodes[1].now() < floor


def test_nobody_in_a_transaction_waits_for_a_second_connection_to_ask_the_time(node):
    """With as many transactions under way as there are connections, each would wait for one of the others."""
    database = node()
    everybody = threading.Barrier(16, timeout=30)

    def work(tx):
        everybody.wait()
        database._look_at = 0.0
        told = database.now()
        everybody.wait()
        return told

    answers = at_once(*(lambda: database.transact(work) for _ in range(16)))
    assert not [answer for answer in answers if isinstance(answer, Exception)]


def test_a_copy_of_a_page_is_told_apart_by_its_fence(nodes):
    nodes[0].transact(lambda tx: (declare(tx, "INC-1"), tx.pages.plan([page(1)])))
    [mine] = nodes[0].transact(lambda tx: tx.pages.claim("email", START, "n1", later(10), 1))
    [theirs] = nodes[1].transact(lambda tx: tx.pages.claim("email", later(10), "n1", later(20), 1))
    assert theirs == replace(mine, fence=2, sent_at=later(10))
    assert not nodes[0].transact(lambda tx: tx.pages.settle(mine, PageState.ACCEPTED, later(11), "", ""))
    assert nodes[1].transact(lambda tx: tx.pages.settle(theirs, PageState.ACCEPTED, later(11), "", ""))


def test_a_node_that_froze_while_it_gathered_on_a_channel_keeps_nobody_waiting(nodes):
    frozen, other = nodes

    def gathering(tx):
        assert tx.crowds.take_turns("email")
        return other.transact(lambda it: [it.crowds.take_turns(channel) for channel in ("email", "sms")])

    assert frozen.transact(gathering) == [False, True]
    assert other.transact(lambda tx: tx.crowds.take_turns("email"))
