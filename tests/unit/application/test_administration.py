"""Operations for those who run Tocsin: overrides, integrations, tokens, procedures."""

from __future__ import annotations

import json

import pytest

from tests.unit.application.world import PEOPLE, procedures, signal
from tocsin.application.access import authenticate
from tocsin.application.administration import Grant, NewProcedures, Sender, StandIn
from tocsin.application.operations import Access
from tocsin.domain.errors import InvalidError, NotFoundError, ProceduresError, UnavailableError
from tocsin.procedures import packs
from tocsin.procedures.loader import document


@pytest.fixture(scope="session")
def claudex(tmp_path_factory):
    """The sealed document of the pack `claudex-windows`."""
    folder = tmp_path_factory.mktemp("procedures")
    packs.lay_out("claudex-windows", folder, packs.defaults())
    return document(folder)


def test_a_test_page_goes_only_to_somebody_the_procedures_know(world):
    with pytest.raises(InvalidError, match="There is no person 'eve'"):
        world.does("ana", "test-page", person="eve")


def test_a_stand_in_is_on_call_for_its_span_and_not_after_it_is_removed(world):
    until = "2026-11-23T13:00:00Z"
    made = world.does("ana", "override-add", StandIn("level-1", "dee", "", until))
    assert made == {
        "id": made["id"],
        "schedule": "level-1",
        "person": "dee",
        "starts_at": "2026-11-23T12:00:00Z",
        "ends_at": until,
    }
    assert world.does("ana", "override-list")["items"] == [made]
    assert world.does("ana", "override-remove", override=made["id"]) == {"id": made["id"], "removed": True}
    assert world.does("ana", "override-list")["items"] == []
    with pytest.raises(NotFoundError, match=made["id"]):
        world.does("ana", "override-remove", override=made["id"])


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (StandIn("level-1", "dee", "2026-11-23T13:00:00Z", "2026-11-23T13:00:00Z"), "ends after it starts"),
        (StandIn("level-1", "dee", "2026-11-23T13:00:00Z", ""), "ends after it starts"),
        (StandIn("level-1", "dee", "soon", ""), "not an instant"),
        (StandIn("level-9", "dee", "", "2026-11-24T00:00:00Z"), "no schedule 'level-9'; there are level-1"),
        (StandIn("level-1", "eve", "", "2026-11-24T00:00:00Z"), "no person 'eve'"),
    ],
)
def test_an_override_that_cannot_be_is_refused(world, asked, why):
    with pytest.raises(InvalidError, match=why):
        world.does("ana", "override-add", asked)
    assert world.does("ana", "override-list")["items"] == []


def test_an_integration_has_a_key_and_ready_made_addresses(world):
    made = world.does("ana", "integration-add", Sender(" grafana ", "docs"))
    assert (made["name"], made["service"], made["revoked_at"]) == ("grafana", "docs", None)
    assert made["urls"]["alertmanager"] == f"https://tocsin.example.org/ingest/{made['key']}/alertmanager"
    assert made["key"] in made["snippets"]["alertmanager.yml"]
    assert made["key"] in made["snippets"]["prometheus.yml"]
    listed = world.does("ana", "integration-list")["items"]
    assert [item["name"] for item in listed] == ["grafana", "prometheus"] or made in listed
    assert world.does("ana", "integration-revoke", integration=made["id"])["revoked"] is True
    with pytest.raises(NotFoundError, match="still in use"):
        world.does("ana", "integration-revoke", integration=made["id"])


def test_an_integration_without_a_service_belongs_to_the_first(world):
    assert world.does("ana", "integration-add", Sender("grafana"))["service"] == "claudex"


@pytest.mark.parametrize(
    ("asked", "why"),
    [(Sender("  "), "needs a name"), (Sender("grafana", "x"), "no service 'x'; there are claudex, docs")],
)
def test_an_integration_that_cannot_be_is_refused(world, asked, why):
    with pytest.raises(InvalidError, match=why):
        world.does("ana", "integration-add", asked)


def test_a_token_s_secret_is_shown_once(world):
    made = world.does("ana", "token-create", Grant(Access.COMMANDER, "bo", "laptop"))
    assert authenticate(world.app, made["token"]).access is Access.COMMANDER
    [listed] = world.does("ana", "token-list")["items"]
    assert listed == {key: value for key, value in made.items() if key != "token"}
    assert (listed["role"], listed["person"], listed["name"]) == ("commander", "bo", "laptop")
    assert world.does("ana", "token-revoke", token=made["id"])["revoked"] is True
    assert world.does("ana", "token-list")["items"][0]["revoked_at"] == "2026-11-23T12:00:00Z"
    with pytest.raises(NotFoundError, match="still in use"):
        world.does("ana", "token-revoke", token=made["id"])


def test_a_token_belongs_to_somebody_the_procedures_know_or_to_nobody(world):
    with pytest.raises(InvalidError, match="no person 'eve'"):
        world.does("ana", "token-create", Grant(Access.VIEWER, "eve"))
    assert world.does("ana", "token-create", Grant(Access.VIEWER))["person"] is None


def test_the_procedures_in_force_are_shown_in_short(world):
    shown = world.does("ana", "procedures")
    assert shown["version"] == "v1"
    assert shown["people"] == sorted(PEOPLE)
    assert shown["levels"]["1"] == "Tier 1 support"


def test_applied_procedures_hold_from_then_on_and_incidents_keep_theirs(world, claudex):
    world.begin()
    answer = world.does("ana", "apply", NewProcedures(claudex.data, claudex.version))
    assert answer == {"version": claudex.version, "before": "v1", "applied": True}
    assert world.does("ana", "procedures")["version"] == claudex.version
    world.ingest(signal("ClaudexDown"))
    first, second = world.incidents()
    assert (first.procedures, second.procedures) == ("v1", claudex.version)
    assert world.node("n2").shelf is not world.app.shelf
    assert world.database.read(world.node("n2").shelf.active).version == claudex.version


def test_a_dry_run_changes_nothing(world, claudex):
    answer = world.does("ana", "apply", NewProcedures(claudex.data, dry_run=True))
    assert answer == {"version": claudex.version, "before": "v1", "applied": False}
    assert world.does("ana", "procedures")["version"] == "v1"


def test_a_document_that_is_not_what_its_version_names_is_refused(world, claudex):
    with pytest.raises(InvalidError, match="not the one its version names"):
        world.does("ana", "apply", NewProcedures(claudex.data | {"more": 1}, claudex.version))


@pytest.mark.parametrize(
    "data", [{}, {"procedures": {}}, {"procedures": None, "people": [], "services": 1, "site": ""}]
)
def test_a_document_that_cannot_be_read_is_refused_and_the_last_good_one_stays(world, data):
    with pytest.raises(ProceduresError):
        world.does("ana", "apply", NewProcedures(data))
    assert world.does("ana", "procedures")["version"] == "v1"


def test_the_first_procedures_have_none_before_them(world, claudex):
    world.spoil("DELETE FROM settings WHERE name = 'active-procedures'")
    assert world.does("ana", "apply", NewProcedures(json.loads(json.dumps(claudex.data))))["before"] is None


def test_without_procedures_nothing_can_be_decided_and_that_is_said(world):
    world.spoil("DELETE FROM settings WHERE name = 'active-procedures'")
    with pytest.raises(UnavailableError, match=r"version \(none\) is not in the database.*tocsin apply"):
        world.does("ana", "procedures")
    world.apply(procedures("v9"))
    assert world.does("ana", "procedures")["version"] == "v9"
