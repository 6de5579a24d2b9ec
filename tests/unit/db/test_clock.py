"""The clock of a single machine: it never goes back and never jumps (ARCHITECTURE.md *Clock*)."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from tocsin.db.clock import SLEW, STEP, SteadyClock, boot_seconds, system_now

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


class Machine:
    """Two clocks of a machine, moved by hand."""

    def __init__(self) -> None:
        self.steady = 1000.0
        self.system = NOON

    def run(self, seconds: float) -> None:
        """Both go on."""
        self.steady += seconds
        self.system += timedelta(seconds=seconds)


@pytest.fixture
def machine():
    return Machine()


@pytest.fixture
def clock(machine):
    return SteadyClock(lambda: machine.steady, lambda: machine.system)


def test_it_starts_with_the_systems_time_and_goes_on_with_it(machine, clock):
    assert clock.now() == NOON
    machine.run(3600)
    assert clock.now() == NOON + timedelta(hours=1)
    assert clock.step() == timedelta(0)


@pytest.mark.parametrize("off", [1.0, -1.0, 4.9, -4.9])
def test_a_small_difference_is_made_up_by_at_most_a_hundredth(machine, clock, off):
    clock.now()
    machine.system += timedelta(seconds=off)
    before = clock.now()
    for _ in range(1000):
        machine.run(1)
        now = clock.now()
        assert (1 - SLEW) * SECOND <= now - before <= (1 + SLEW) * SECOND
        before = now
    assert clock.now() == machine.system


@pytest.mark.parametrize("off", [5.0, 3600.0, -5.0, -86400.0])
def test_a_step_is_reported_and_never_followed(machine, clock, off):
    clock.now()
    machine.system += timedelta(seconds=off)
    for _ in range(100):
        machine.run(1)
        clock.now()
    assert clock.now() == NOON + 100 * SECOND
    assert clock.step() == timedelta(seconds=off)
    assert abs(clock.step()) >= STEP


def test_a_step_that_is_taken_back_is_forgotten(machine, clock):
    machine.system += timedelta(hours=1)
    machine.run(1)
    clock.now()
    machine.system -= timedelta(hours=1)
    machine.run(1)
    assert (clock.now(), clock.step()) == (NOON + 2 * SECOND, timedelta(0))


def test_it_never_answers_earlier_than_before(machine, clock):
    answers = []
    for off in (0, -1, 2, -3, 4, -4.5, -7000, 7000):
        machine.system += timedelta(seconds=off)
        machine.run(0.25)
        answers += [clock.now(), clock.now()]
    assert answers == sorted(answers)


def test_it_starts_no_earlier_than_the_newest_event(machine, clock):
    """The system's clock was wrong when the database was written, or is wrong now."""
    clock.not_before(NOON - SECOND)
    assert clock.now() == NOON
    clock.not_before(NOON + timedelta(hours=1))
    assert clock.now() == NOON + timedelta(hours=1)
    machine.run(60)
    assert clock.now() == NOON + timedelta(hours=1, minutes=1)
    assert clock.step() == timedelta(hours=-1)


def test_many_threads_see_one_time(machine, clock):
    answers: list[list[datetime]] = []

    def look():
        answers.append([clock.now() for _ in range(200)])

    threads = [threading.Thread(target=look) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        machine.run(0.001)
        thread.join()
    assert all(each == sorted(each) for each in answers)


def test_the_machines_own_clocks_run():
    assert boot_seconds() <= boot_seconds()
    assert system_now().utcoffset() == timedelta(0)
    clock = SteadyClock()
    assert abs(clock.now() - system_now()) < STEP


def test_without_a_boot_time_clock_the_monotonic_one_will_do(monkeypatch):
    monkeypatch.delattr("time.CLOCK_BOOTTIME", raising=False)
    assert boot_seconds() > 0
