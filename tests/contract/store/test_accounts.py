"""Tokens, sessions, integrations, overrides, named values and versions of the procedures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.contract.store.making import INTEGRATION, START, later
from tocsin.application.records import Session, Token
from tocsin.domain.schedules import Override

TOKEN = Token("tok-1", b"hash-1", "responder", "ana", "Ana's phone", START)
SESSION = Session(b"cookie-1", "responder", "ana", "", "tok-1", START, later(60))


@pytest.fixture
def accounts(database):
    """`accounts(work)` runs work on the accounts in a transaction of its own."""
    return lambda work: database.transact(lambda tx: work(tx.accounts))


def test_a_named_value_is_the_last_one_set(accounts):
    assert accounts(lambda it: it.get("link-key")) is None
    accounts(lambda it: it.put("link-key", b"\x00one"))
    accounts(lambda it: it.put("link-key", b"\x00two"))
    assert accounts(lambda it: it.get("link-key")) == b"\x00two"


def test_a_token_is_known_by_its_hash_until_it_is_revoked(accounts):
    accounts(lambda it: it.add_token(TOKEN))
    assert accounts(lambda it: it.token(b"hash-1")) == TOKEN
    assert accounts(lambda it: it.token(b"other")) is None
    assert accounts(lambda it: it.revoke_token("tok-1", later(1))) is True
    assert accounts(lambda it: it.revoke_token("tok-1", later(2))) is False
    assert accounts(lambda it: it.token(b"hash-1")) is None
    assert accounts(lambda it: it.tokens()) == [replace(TOKEN, revoked_at=later(1))]


def test_tokens_are_listed_oldest_first(accounts):
    for number in (2, 1):
        fresh = replace(TOKEN, id=f"tok-{number}", hash=b"%d" % number, created_at=later(number))
        accounts(lambda it, token=fresh: it.add_token(token))
    assert [it.id for it in accounts(lambda it: it.tokens())] == ["tok-1", "tok-2"]


def test_a_session_lives_until_it_expires_or_is_ended(accounts):
    accounts(lambda it: (it.add_token(TOKEN), it.add_session(SESSION)))
    assert accounts(lambda it: it.session(b"cookie-1", later(59))) == SESSION
    assert accounts(lambda it: it.session(b"cookie-1", later(60))) is None
    assert accounts(lambda it: it.session(b"cookie-2", START)) is None
    accounts(lambda it: it.end_session(b"cookie-1"))
    assert accounts(lambda it: it.session(b"cookie-1", START)) is None


def test_revoking_a_token_ends_its_sessions_and_no_others(accounts):
    other = replace(TOKEN, id="tok-2", hash=b"hash-2")
    accounts(lambda it: (it.add_token(TOKEN), it.add_token(other), it.add_session(SESSION)))
    accounts(lambda it: it.add_session(replace(SESSION, hash=b"cookie-2", token_id="tok-2")))
    accounts(lambda it: it.add_session(replace(SESSION, hash=b"link", token_id="", incident_id="INC-1")))
    accounts(lambda it: it.revoke_token("tok-1", later(1)))
    alive = [name for name in (b"cookie-1", b"cookie-2", b"link") if accounts(lambda it, n=name: it.session(n, START))]
    assert alive == [b"cookie-2", b"link"]


def test_a_session_that_was_opened_while_its_token_was_revoked_is_none(accounts):
    accounts(lambda it: (it.add_token(TOKEN), it.revoke_token("tok-1", later(1)), it.add_session(SESSION)))
    assert accounts(lambda it: it.session(b"cookie-1", START)) is None


def test_expired_sessions_are_forgotten_when_another_begins(database, accounts):
    accounts(lambda it: it.add_session(replace(SESSION, token_id="")))
    accounts(lambda it: it.add_session(replace(SESSION, hash=b"new", token_id="", created_at=later(60))))
    assert accounts(lambda it: it.session(b"cookie-1", START)) is None
    assert accounts(lambda it: it.session(b"new", START)) is not None


def test_an_integration_stays_listed_after_it_was_revoked(accounts):
    accounts(lambda it: it.add_integration(INTEGRATION))
    assert accounts(lambda it: it.integrations()) == [INTEGRATION]
    assert accounts(lambda it: it.revoke_integration("int-1", later(1))) is True
    assert accounts(lambda it: it.revoke_integration("int-1", later(2))) is False
    assert accounts(lambda it: it.revoke_integration("int-9", later(2))) is False
    assert accounts(lambda it: it.integrations()) == [replace(INTEGRATION, revoked_at=later(1))]


def test_when_a_refusal_was_last_paged_is_remembered(accounts):
    accounts(lambda it: (it.add_integration(INTEGRATION), it.refused("int-1", later(3))))
    assert accounts(lambda it: it.integrations()[0].refused_at) == later(3)


def test_a_key_belongs_to_one_integration(accounts):
    accounts(lambda it: it.add_integration(INTEGRATION))
    with pytest.raises(Exception, match=r"(?i)unique|again"):
        accounts(lambda it: it.add_integration(replace(INTEGRATION, id="int-2")))


def test_overrides_come_and_go(accounts):
    first, second = Override("o-1", "tier1", "bo", START, later(60)), Override("o-2", "tier1", "ana", later(-9), START)
    accounts(lambda it: (it.add_override(first), it.add_override(second)))
    assert accounts(lambda it: it.overrides()) == [second, first]
    assert accounts(lambda it: it.remove_override("o-1")) is True
    assert accounts(lambda it: it.remove_override("o-1")) is False
    assert accounts(lambda it: it.overrides()) == [second]


def test_the_version_applied_last_is_in_force_and_every_one_is_kept(accounts):
    assert accounts(lambda it: it.active_version()) == ""
    assert accounts(lambda it: it.procedures("v1")) is None
    for version, data in (("v1", b"one"), ("v2", b"two"), ("v1", b"one")):
        accounts(lambda it, v=version, d=data: it.save_procedures(v, d, START))
    assert accounts(lambda it: it.active_version()) == "v1"
    assert accounts(lambda it: [it.procedures(version) for version in ("v1", "v2")]) == [b"one", b"two"]
