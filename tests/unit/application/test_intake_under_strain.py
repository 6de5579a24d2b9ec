"""Between the doors and the database: who waits, for how long, and what they hear."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace

import pytest

from tests.unit.application.world import NOON, signal
from tocsin.application import doorstep
from tocsin.application import intake as module
from tocsin.application.intake import Intake
from tocsin.domain.errors import HeldError, UnavailableError


@pytest.fixture
def intake(world):
    intake = Intake(world.app)
    intake.start()
    yield intake
    intake.stop()


@pytest.fixture
def hung(world):
    """`hung.set()` frees a database that answers nothing until then."""
    free, inner_read, inner_transact = threading.Event(), world.database.read, world.database.transact
    world.database.read = lambda work: free.wait(30) and inner_read(work)
    world.database.transact = lambda work: free.wait(30) and inner_transact(work)
    yield free
    free.set()
    del world.database.read, world.database.transact


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr(module, "ANSWER_WITHIN_S", 0.2)
    monkeypatch.setattr(module, "KNOWN_WITHIN_S", 0.05)


def titles(world):
    return sorted(incident.title.partition(":")[0] for incident in world.incidents())


async def together(intake, world, *names):
    """Hand in one delivery for each name at once; what came of each."""
    deliveries = (intake.submit(world.prometheus, [signal(name)]) for name in names)
    return await asyncio.gather(*deliveries, return_exceptions=True)


def failing(world, error, name):
    """A database that fails every transaction with that alert in it."""
    inner = world.database.transact

    def transact(work):
        def watched(tx):
            answer = work(tx)
            if any(incident.title.startswith(name) for incident in tx.incidents.page_of("open", "", 9)):
                raise error
            return answer

        return inner(watched)

    world.database.transact = transact


def test_what_was_submitted_is_stored_when_the_answer_comes(world, intake):
    assert asyncio.run(together(intake, world, "One", "Two")) == [None, None]
    assert titles(world) == ["One", "Two"]
    assert intake.accepted == 2


def test_repeats_ring_no_bell(world, intake):
    asyncio.run(together(intake, world, "One"))
    rings = world.app.bell.rings
    asyncio.run(together(intake, world, "One"))
    assert world.app.bell.rings == rings


@pytest.mark.parametrize("error", [HeldError("held"), KeyError("a bug")])
def test_what_is_in_the_way_of_one_is_not_in_the_way_of_others(world, intake, error):
    failing(world, error, "Bad")
    answers = asyncio.run(together(intake, world, "One", "Bad", "Two"))
    assert [type(answer) for answer in answers] in (
        [type(None), HeldError, type(None)],
        [type(None), UnavailableError, type(None)],
    )
    assert titles(world) == ["One", "Two"]


def test_a_database_that_is_gone_is_not_asked_again_for_each(world, intake):
    asked = []

    def gone(work):
        asked.append(work)
        raise UnavailableError("gone")

    world.database.transact = gone
    answers = asyncio.run(together(intake, world, *"abcdefgh"))
    assert {type(answer) for answer in answers} == {UnavailableError}
    assert len(asked) < 8


@pytest.mark.usefixtures("impatient")
def test_a_database_that_hangs_is_unavailable_in_time_and_what_was_refused_is_not_stored_later(world, intake, hung):
    answers = asyncio.run(together(intake, world, "One"))
    assert [type(answer) for answer in answers] == [UnavailableError]
    answers = asyncio.run(together(intake, world, "Two", "Three"))
    assert "does not answer in time" in answers[0].detail
    hung.set()
    assert asyncio.run(together(intake, world, "Four")) == [None]
    assert titles(world) == ["Four", "One"], "only what was under way already"


@pytest.mark.usefixtures("impatient")
def test_a_key_that_is_known_stays_known_while_the_database_hangs(world, intake, monkeypatch, request):
    async def ask():
        known = await intake.integration("key-prometheus")
        monkeypatch.setattr(module, "KEYS_KEPT_S", 0.0)
        hung = request.getfixturevalue("hung")
        again = await asyncio.gather(*(intake.integration("key-prometheus") for _ in range(3)))
        with pytest.raises(UnavailableError, match="does not answer in time"):
            await intake.integration("key-other")
        hung.set()
        return [known, *again]

    assert asyncio.run(ask()) == [world.prometheus] * 4


def test_a_key_that_is_known_stays_known_while_the_database_is_gone(world, intake, monkeypatch):
    monkeypatch.setattr(module, "KEYS_KEPT_S", 0.0)

    def gone(_work):
        raise UnavailableError("gone")

    async def ask():
        known = await intake.integration("key-prometheus")
        world.database.read = gone
        again = await intake.integration("key-prometheus")
        with pytest.raises(UnavailableError, match="gone"):
            await intake.integration("key-other")
        return [known, again]

    assert asyncio.run(ask()) == [world.prometheus] * 2


def test_a_key_made_while_others_are_looked_up_is_found(world, intake):
    """The look that is under way may have begun before it was made."""
    inner, made = world.database.read, []

    def read(work):
        found = inner(work)
        if not made:
            made.append(world.integration("late"))
        return found

    world.database.read = read

    async def ask():
        return await asyncio.gather(intake.integration("key-prometheus"), intake.integration("key-late"))

    assert asyncio.run(ask()) == [world.prometheus, *made]


def test_a_key_is_read_again_only_when_it_is_stale_or_unknown(world, intake):
    async def ask():
        first = await intake.integration("key-prometheus")
        inner, world.database.read = world.database.read, None
        again = await intake.integration("key-prometheus")
        world.database.read = inner
        return first, again, await intake.integration("key-nobody")

    assert asyncio.run(ask()) == (world.prometheus, world.prometheus, None)


def test_a_revoked_key_is_not_known(world, intake, monkeypatch):
    monkeypatch.setattr(module, "KEYS_KEPT_S", 0.0)

    async def ask():
        before = await intake.integration("key-prometheus")
        world.database.transact(lambda tx: tx.accounts.revoke_integration(world.prometheus.id, NOON))
        return before, await intake.integration("key-prometheus")

    assert asyncio.run(ask()) == (world.prometheus, None)


def test_a_refused_payload_is_told_and_rings_the_bell_once(world, intake):
    async def twice():
        await intake.refuse(world.prometheus, "no JSON", b"{")
        rings = world.app.bell.rings
        await intake.refuse(world.prometheus, "no JSON", b"{")
        return rings

    assert asyncio.run(twice()) == world.app.bell.rings
    assert len(world.incidents()) == 1


def test_what_waits_is_worked_off_before_the_end_and_nothing_later(world):
    intake = Intake(world.app)

    async def work():
        waiting = [asyncio.ensure_future(intake.submit(world.prometheus, [signal(name)])) for name in ("One", "Two")]
        await asyncio.sleep(0)
        intake.start()
        await asyncio.get_running_loop().run_in_executor(None, intake.stop)
        assert intake.closing
        with pytest.raises(UnavailableError, match="shutting down"):
            await intake.submit(world.prometheus, [signal("Late")])
        return await asyncio.gather(*waiting)

    assert asyncio.run(work()) == [None, None]
    assert titles(world) == ["One", "Two"]


def test_whoever_was_told_to_try_again_is_not_stored(world, monkeypatch):
    monkeypatch.setattr(module, "ANSWER_WITHIN_S", 0.01)
    intake = Intake(world.app)

    async def work():
        with pytest.raises(UnavailableError, match="in time"):
            await intake.submit(world.prometheus, [signal("One")])

    asyncio.run(work())
    intake.start()
    intake.stop()
    assert titles(world) == []


def test_nobody_hears_of_a_look_for_keys_that_was_given_up(world, intake):
    async def work():
        looking = asyncio.ensure_future(intake._look(asyncio.get_running_loop()))
        await asyncio.sleep(0)
        intake._looking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await looking

    asyncio.run(work())


@pytest.mark.usefixtures("impatient")
def test_the_end_does_not_wait_for_a_database_that_hangs(world, hung, monkeypatch, caplog):
    monkeypatch.setattr(module, "STOP_WITHIN_S", 0.05)
    intake = Intake(world.app)
    intake.start()
    [answer] = asyncio.run(together(intake, world, "One"))
    assert isinstance(answer, UnavailableError)
    intake.stop()
    assert "does not answer" in caplog.text
    hung.set()
    intake._thread.join(30)


def test_more_than_a_batch_takes_is_stored_in_several(world, intake, monkeypatch):
    monkeypatch.setattr(doorstep, "BATCH_SIGNALS", 1)
    assert asyncio.run(together(intake, world, "One", "Two", "Three")) == [None] * 3
    assert len(titles(world)) == 3


def test_an_empty_delivery_of_another_service_is_answered_too(world, intake):
    async def empty():
        return await intake.submit(replace(world.prometheus, service="docs"), [])

    assert asyncio.run(empty()) is None


def test_an_answer_that_comes_too_late_is_for_nobody(world, intake, hung, monkeypatch):
    async def work():
        monkeypatch.setattr(module, "ANSWER_WITHIN_S", 0.05)
        with pytest.raises(UnavailableError):
            await intake.submit(world.prometheus, [signal("One")])
        monkeypatch.setattr(module, "ANSWER_WITHIN_S", 30)
        hung.set()
        await intake.submit(world.prometheus, [signal("Two")])

    asyncio.run(work())
    assert titles(world) == ["One", "Two"]


def test_of_a_delivery_with_one_alert_that_cannot_be_stored_the_others_are(world, caplog):
    """Its sender hears 503 and sends all of it again; the others do not wait for that."""
    world.ingest(signal("Poison"))
    world.spoil("INSERT INTO events SELECT incident_id, seq + 1, body, hash FROM events ORDER BY seq DESC LIMIT 1")
    names = [f"Sound{number}" for number in range(6)]
    signals = [signal(name) for name in names]
    signals.insert(3, signal("Poison", instance="another"))
    intake = Intake(world.app)
    intake.start()
    try:
        with pytest.raises(UnavailableError, match="send it again"):
            asyncio.run(intake.submit(world.prometheus, signals))
    finally:
        intake.stop()
    titles = {incident.title.partition(":")[0] for incident in world.incidents()}
    assert titles == {"Poison", *names}
    assert intake.accepted == len(names)
    assert "An alert of prometheus cannot be stored" in caplog.text


def test_when_the_database_goes_while_the_sound_ones_are_looked_for_it_is_left_to_the_sender(world):
    real, calls = world.database.transact, []

    def transact(work):
        calls.append(work)
        if len(calls) == 1:
            raise ValueError("poison")
        raise UnavailableError("The database is out of reach.")

    world.database.transact = transact
    intake = Intake(world.app)
    intake.start()
    try:
        with pytest.raises(UnavailableError, match="send it again"):
            asyncio.run(intake.submit(world.prometheus, [signal("A"), signal("B")]))
    finally:
        intake.stop()
        world.database.transact = real
    assert len(calls) == 2
    assert intake.accepted == 0


def test_an_answer_at_the_last_moment_is_the_answer():
    async def answered():
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        module._give_up(done)
        return await done

    assert asyncio.run(answered()) is None
