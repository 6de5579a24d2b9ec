from __future__ import annotations

import pytest

from tocsin.application.set_aside import AT_MOST, REMEMBERED_S, SAID_EVERY_S, SetAside


@pytest.fixture
def clock():
    return [1000.0]


@pytest.fixture
def set_aside(clock):
    return SetAside(lambda: clock[0])


def test_the_log_says_it_once_a_minute_however_often_it_is_met(set_aside, clock, caplog):
    for _ in range(3):
        for _ in range(5):
            set_aside.note("Row 1 cannot be read.", ValueError("garbage"))
        clock[0] += SAID_EVERY_S
    assert [record.message for record in caplog.records] == ["Row 1 cannot be read."] * 3
    assert "garbage" in caplog.text


def test_what_is_not_met_any_more_is_forgotten_after_a_while(set_aside, clock):
    set_aside.note("Row 1 cannot be read.")
    clock[0] += REMEMBERED_S - 1
    set_aside.note("Row 2 cannot be read.")
    assert list(set_aside.warnings()) == ["Row 1 cannot be read.", "Row 2 cannot be read."]
    clock[0] += 1
    assert list(set_aside.warnings()) == ["Row 2 cannot be read."]
    set_aside.forget()
    assert list(set_aside.warnings()) == []


def test_what_nobody_could_be_paged_about_is_trouble_until_it_is_forgotten(set_aside, clock, caplog):
    set_aside.note("Row 1 cannot be read.")
    set_aside.note("Nobody could be paged about row 1.", unheard=True)
    assert list(set_aside.troubles()) == ["Nobody could be paged about row 1."]
    assert [record.levelname for record in caplog.records] == ["ERROR", "CRITICAL"]
    clock[0] += REMEMBERED_S
    assert list(set_aside.troubles()) == []


def test_a_whole_table_of_garbage_fills_no_memory(set_aside):
    for number in range(2 * AT_MOST):
        set_aside.note(f"Row {number} cannot be read.")
    assert len(list(set_aside.warnings())) == AT_MOST
