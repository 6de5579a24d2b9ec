"""Which contact a channel means, and whose statement a command is."""

from __future__ import annotations

from tocsin.domain.people import Contact, Person

OLD = Contact("email", "old@example.org", verified=False)
NEW = Contact("email", "new@example.org")


def test_a_verified_contact_comes_first():
    assert Person("ana", "Ana", (OLD, NEW)).reached_by("email") == NEW
    assert Person("ana", "Ana", (NEW, OLD)).reached_by("email") == NEW


def test_an_unverified_contact_is_better_than_none():
    assert Person("ana", "Ana", (OLD,)).reached_by("email") == OLD


def test_a_channel_a_person_does_not_have_reaches_nobody():
    assert Person("ana", "Ana", (NEW,)).reached_by("sms") is None
