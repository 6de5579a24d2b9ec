"""Acknowledge links: bound to a page, and so to its person and round; the signature is the secret."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tocsin.application.links import link, link_token, read_link
from tocsin.domain.errors import NotFoundError


@pytest.fixture
def token(world):
    """The token of the first page of an incident."""
    world.begin()
    return link_token(world.app, world.pages()[0].id)


def test_a_link_leads_back_to_its_page(world, token):
    page = world.pages()[0]
    assert read_link(world.app, token) == page
    assert link(world.app, "https://tocsin.example.org", page.id) == f"https://tocsin.example.org/a/{token}"


def test_a_token_is_made_of_what_an_address_can_carry(token):
    assert set(token) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda token: token[:-1] + ("A" if token[-1] != "A" else "B"),
        lambda token: token[:-1],
        lambda token: token + "A",
        lambda token: token.partition(".")[0],
        lambda token: token.partition(".")[0] + ".",
        lambda token: "pg-0000" + token[7:],
        lambda _token: "",
        lambda _token: ".",
        lambda token: token.replace(".", "..", 1),
        lambda token: token + "ü☃",
    ],
)
def test_a_tampered_link_is_none_of_ours(world, token, spoil):
    with pytest.raises(NotFoundError, match="not one of ours"):
        read_link(world.app, spoil(token))


def test_the_signature_of_one_page_does_not_open_another(world, token):
    other = world.pages()[1].id
    with pytest.raises(NotFoundError):
        read_link(world.app, f"{other}.{token.partition('.')[2]}")


def test_another_installations_link_is_none_of_ours(world, token):
    with pytest.raises(NotFoundError):
        read_link(replace(world.app, link_key=b"another"), token)


def test_a_genuine_link_to_a_page_that_is_gone_is_none_either(world):
    with pytest.raises(NotFoundError):
        read_link(world.app, link_token(world.app, "pg-gone"))
