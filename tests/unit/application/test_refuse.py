"""A refused payload is a lost page: the integration's default level is told (RULES.md *Alerts into incidents*)."""

from __future__ import annotations

import pytest

from tests.unit.application.world import NOON
from tocsin.application.moves import Resolution
from tocsin.application.refusals import refuse
from tocsin.domain import events as ev
from tocsin.domain.severity import Severity


@pytest.fixture
def refused(world):
    """`refused(body)` is one more refusal of the integration; whether somebody was told."""

    def once(body=b"{not json", detail="It is not JSON.", sender=None):
        return world.database.transact(lambda tx: refuse(world.app, tx, sender or world.prometheus, detail, body))

    return once


def test_the_default_level_is_paged_with_what_was_sent(world, refused):
    assert refused() is True
    incident = world.incident()
    assert incident.title == "Alerts from prometheus are being refused: It is not JSON."
    assert (incident.severity, incident.service, incident.symptoms) == (Severity.HIGH, "claudex", "{not json")
    assert incident.impact != ""
    assert [[target.person for target in it.targets] for it in world.events(ev.RoundOpened)] == [["ana"]]


def test_it_is_told_once_in_ten_minutes(world, refused):
    refused()
    for minutes, told in ((9.9, False), (0.1, True), (9.9, False), (0.1, True)):
        world.clock.forward(minutes=minutes)
        assert refused() is told
    assert len(world.incidents()) == 1


def test_while_the_incident_is_open_the_next_refusal_is_noted_there(world, refused):
    refused()
    world.clock.forward(minutes=10)
    refused(b"still not", "It is not JSON either.")
    [noted] = world.events(ev.Noted)
    assert noted.text == "It is not JSON either.\n\nstill not"
    assert noted.actor.by == "integration:prometheus"


def test_after_its_resolution_the_next_refusal_pages_again(world, refused):
    refused()
    world.does("ana", "resolve", Resolution("mended", take_command=True))
    world.clock.forward(minutes=10)
    refused()
    assert [it.is_open for it in world.incidents()] == [False, True]


def test_each_integration_is_told_of_by_itself(world, refused):
    refused()
    refused(sender=world.integration("grafana", "docs"))
    assert [it.service for it in world.incidents()] == ["claudex", "docs"]


def test_nobody_is_told_of_an_integration_that_was_revoked_or_never_was(world, refused):
    known = world.integration("grafana")
    world.database.transact(lambda tx: tx.accounts.revoke_integration(known.id, NOON))
    gone = world.integration("gone")
    world.spoil("DELETE FROM integrations WHERE id = ?", gone.id)
    assert refused(sender=gone) is False
    assert world.incidents() == []


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        (b"\xff\xfe", "\\xff\\xfe"),
        (b"a\x00b", "a\\x00b"),
        (b"x" * 3000, "x" * 2048),
        (b"", ""),
    ],
)
def test_what_was_sent_is_shown_so_that_any_database_and_any_reader_can_take_it(world, refused, body, shown):
    refused(body)
    assert world.incident().symptoms == shown


def test_a_long_reason_is_cut_for_the_title(world, refused):
    refused(detail="x" * 1000)
    assert len(world.incident().title) == 300
