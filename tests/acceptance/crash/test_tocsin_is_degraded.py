"""When Tocsin cannot do its work people hear of it without the database; one poison row in each queue delays nobody.

`python -m reliability.faults` does the same for longer, and to PostgreSQL, the clock and the whole process.
"""

from __future__ import annotations

import resource

import pytest

from reliability.faults import full_disk, out_of_order, poisoned, scene


@pytest.mark.skipif(not hasattr(resource, "prlimit"), reason="a full disk is made with prlimit, which Linux alone has")
def test_on_a_full_disk_people_hear_by_mail_the_watchdog_is_not_asked_and_nothing_is_lost(tmp_path):
    with scene(tmp_path / "home") as at:
        seen = out_of_order(at, full_disk(at.server), 0)
        assert seen["wrong"] == []
        (said, *_) = [mail.text for mail in at.sink.messages if "Tocsin is degraded" in mail.subject]
    assert "cannot be used" in said
    assert "answered with 503" in said
    assert f"the disk of {tmp_path / 'home'}: " in said


def test_one_poison_row_in_each_queue_delays_nobody_and_is_told_of(tmp_path):
    with scene(tmp_path / "home") as at:
        assert poisoned(at)["wrong"] == []
