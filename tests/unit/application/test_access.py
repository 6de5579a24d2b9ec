"""Who is asking: API tokens, browser sessions, and sessions an acknowledge link opens for one incident."""

from __future__ import annotations

import pytest

from tocsin.application.access import (
    LINK_SESSION_LIFE,
    OPERATOR,
    SESSION_LIFE,
    UnknownError,
    authenticate,
    close_session,
    new_token,
    open_link_session,
    open_session,
    principal_of_session,
)
from tocsin.application.administration import Grant
from tocsin.application.operations import Access
from tocsin.domain.events import Actor


@pytest.fixture
def token(world):
    """Ana's token for responding: its id and its secret."""
    made = world.does("ana", "token-create", Grant(Access.RESPONDER, "ana"))
    return made["id"], made["token"]


def test_a_token_says_who_holds_it_and_what_they_may_do(world, token):
    principal = authenticate(world.app, token[1])
    assert (principal.actor, principal.access, principal.incident_id) == (
        Actor("person:ana", "token"),
        Access.RESPONDER,
        "",
    )


def test_a_token_of_nobody_in_particular_is_the_operators(world):
    secret, made = new_token(world.app, Access.ADMIN, "", "")
    world.database.transact(lambda tx: tx.accounts.add_token(made))
    assert authenticate(world.app, secret).actor == Actor(f"person:{OPERATOR}", "token")
    assert made.name == "admin"


@pytest.mark.parametrize(("person", "name", "shown"), [("ana", "", "ana"), ("ana", "phone", "phone")])
def test_a_token_has_a_name(world, person, name, shown):
    assert new_token(world.app, Access.VIEWER, person, name)[1].name == shown


def test_no_two_tokens_are_alike_and_none_is_kept_in_the_clear(world):
    (first, made), (second, _other) = (new_token(world.app, Access.VIEWER, "", "") for _ in range(2))
    assert first != second
    assert first.startswith("tcs_")
    assert first.encode() not in made.hash
    assert len(made.hash) == 32


@pytest.mark.parametrize("secret", ["", "tcs_guess", "x" * 10_000])
def test_an_unknown_token_opens_nothing(world, secret):
    with pytest.raises(UnknownError, match="not known here"):
        authenticate(world.app, secret)
    with pytest.raises(UnknownError, match="not known here"):
        open_session(world.app, secret)


def test_a_revoked_token_opens_nothing_and_its_sessions_end(world, token):
    cookie = open_session(world.app, token[1])
    world.does("ana", "token-revoke", token=token[0])
    with pytest.raises(UnknownError):
        authenticate(world.app, token[1])
    assert principal_of_session(world.app, cookie) is None


def test_a_session_is_its_tokens_holder_for_seven_days(world, token):
    cookie = open_session(world.app, token[1])
    principal = principal_of_session(world.app, cookie)
    assert (principal.actor, principal.access, principal.incident_id) == (
        Actor("person:ana", "session"),
        Access.RESPONDER,
        "",
    )
    world.clock.forward(SESSION_LIFE.total_seconds() - 1)
    assert principal_of_session(world.app, cookie) is not None
    world.clock.forward(1)
    assert principal_of_session(world.app, cookie) is None


def test_a_session_of_an_operators_token_is_the_operators(world):
    secret, made = new_token(world.app, Access.ADMIN, "", "")
    world.database.transact(lambda tx: tx.accounts.add_token(made))
    cookie = open_session(world.app, secret)
    assert principal_of_session(world.app, cookie).actor.person == OPERATOR


def test_logging_out_ends_the_session(world, token):
    cookie = open_session(world.app, token[1])
    close_session(world.app, cookie)
    assert principal_of_session(world.app, cookie) is None


def test_a_cookie_nobody_gave_out_is_nobody(world):
    assert principal_of_session(world.app, "guess") is None


def test_a_link_opens_its_incident_to_its_person_for_half_a_day(world):
    incident = world.begin()
    cookie = open_link_session(world.app, world.pages()[0])
    principal = principal_of_session(world.app, cookie)
    assert (principal.actor, principal.access, principal.incident_id) == (
        Actor("person:ana", "link"),
        Access.RESPONDER,
        incident.id,
    )
    world.clock.forward(LINK_SESSION_LIFE.total_seconds())
    assert principal_of_session(world.app, cookie) is None


def test_acting_as_somebody_is_a_claim_and_marked_as_one(world, token):
    claimed = authenticate(world.app, token[1]).acting_as("bo")
    assert claimed.actor == Actor("person:bo", "token", claimed=True)
    assert claimed.access is Access.RESPONDER


def test_each_role_includes_the_ones_before_it():
    assert [[more.includes(less) for less in Access] for more in Access] == [
        [True, False, False, False],
        [True, True, False, False],
        [True, True, True, False],
        [True, True, True, True],
    ]
