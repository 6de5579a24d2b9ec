from __future__ import annotations

from tocsin.web.pages import newest_attempts


def page(attempt=1, state="failed", error=None, **more):
    plain = {"round": 1, "level": 2, "person": "ana", "channel": "email", "topic": "page", "urgent": True}
    return {**plain, "attempt": attempt, "state": state, "error": error, **more}


def test_attempts_of_one_message_are_shown_as_one_with_what_went_wrong():
    (shown,) = newest_attempts([page(1, error="refused"), page(2, error="timed out"), page(3, "planned")])
    assert (shown["state"], shown["failures"], shown["error"]) == ("planned", 2, "timed out")


def test_messages_come_newest_first_and_others_are_kept_apart():
    pages = [page(person="ana"), page(person="bo"), page(person="ana", round=2, state="accepted")]
    shown = newest_attempts(pages)
    assert [(one["person"], one["round"], one["failures"]) for one in shown] == [
        ("ana", 2, 0),
        ("bo", 1, 0),
        ("ana", 1, 0),
    ]


def test_a_second_message_of_the_same_kind_is_not_taken_for_a_second_attempt():
    shown = newest_attempts([page(1, "accepted", topic="joined"), page(1, "planned", topic="joined")])
    assert [one["state"] for one in shown] == ["planned", "accepted"]


def test_an_attempt_whose_first_is_not_on_the_page_stands_for_itself():
    (shown,) = newest_attempts([page(4, "accepted")])
    assert (shown["state"], shown["failures"]) == ("accepted", 0)
