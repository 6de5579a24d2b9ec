"""Route × role, from the list of routes there is: whoever may not come in does not, and whoever may does."""

from __future__ import annotations

import re

import pytest
from starlette.routing import Mount, Route

from tocsin.application.access import open_session
from tocsin.application.catalogue import OPERATIONS
from tocsin.application.operations import Access
from tocsin.web.app import create_app
from tocsin.web.forms import form_rules
from tocsin.web.hooks import PATHS
from tocsin.web.keeper import COOKIE
from tocsin.web.policy import RULES, By, Rule, UnguardedRouteError, api_rule, guard, methods_of

EVERY_RULE = {**RULES, **form_rules(), **dict(map(api_rule, OPERATIONS.values()))}
BY_TOKEN = sorted(name for name, rule in EVERY_RULE.items() if rule.by is By.TOKEN)
BY_SESSION = sorted(name for name, rule in EVERY_RULE.items() if rule.by is By.SESSION and not name.endswith("events"))
STREAMS = sorted(name for name, rule in EVERY_RULE.items() if name.endswith("events"))
TURNED_AWAY = {401, 403}


def request_of(name: str) -> tuple[str, str]:
    method, path = name.split(" ")
    return method, re.sub(r"\{\w+\}", "none-such", path)


def reachable(web) -> set[str]:
    return {
        f"{method} {route.path}"
        for route in web.routes
        if isinstance(route, Route | Mount)
        for method in methods_of(route)
    }


def test_the_routes_that_exist_are_the_routes_that_have_a_rule(shared):
    doors = {f"POST {path}" for path in PATHS}
    assert reachable(shared.web) | doors == set(EVERY_RULE)
    assert all(isinstance(route, Route | Mount) for route in shared.web.routes)


def test_a_route_without_a_rule_keeps_the_application_from_starting(shared, monkeypatch):
    monkeypatch.delitem(RULES, "GET /oncall")
    with pytest.raises(UnguardedRouteError, match="GET /oncall"):
        create_app(shared.app, shared.intake)


def test_what_cannot_be_guarded_is_refused(shared):
    with pytest.raises(UnguardedRouteError, match="cannot be guarded"):
        guard([object()], EVERY_RULE, None)  # type: ignore[list-item]


def test_what_is_open_to_everyone_is_this_list_and_nothing_else():
    assert {name for name, rule in EVERY_RULE.items() if rule.by is By.NOBODY} == {
        "GET /healthz",
        "GET /readyz",
        "GET /metrics",
        "GET /api/v1/openapi.json",
        "GET /api/v1/docs",
        "GET /api/v1/docs/files",
        "GET /static",
        "GET /login",
        "POST /login",
        "POST /logout",
    }


def test_every_form_must_come_from_our_own_pages():
    posts = {name: rule for name, rule in EVERY_RULE.items() if name.startswith("POST ")}
    unchecked = {name for name, rule in posts.items() if rule.by in {By.SESSION, By.NOBODY} and not rule.own_origin}
    assert unchecked == set()


def test_only_pages_of_one_incident_are_enough_for_a_links_session():
    scoped = {name for name, rule in EVERY_RULE.items() if rule.scoped}
    assert all("{incident}" in name for name in scoped)


@pytest.mark.parametrize("name", BY_TOKEN)
def test_an_operation_asks_for_a_token_with_its_role(shared, name):
    method, path = request_of(name)
    assert shared.client.request(method, path).status_code == 401
    assert shared.client.request(method, path, headers={"Authorization": "Bearer tcs_wrong"}).status_code == 401
    for access in Access:
        answer = shared.client.request(method, path, headers=shared.bearer(access))
        allowed = access.includes(EVERY_RULE[name].access)
        assert (answer.status_code not in TURNED_AWAY) == allowed, (access, answer.text)


@pytest.mark.parametrize("name", BY_SESSION)
def test_a_page_asks_for_a_session_with_its_role(shared, name):
    method, path = request_of(name)
    own = {"Accept": "text/html", "Origin": "http://testserver"}
    nobody = shared.client.request(method, path, headers=own)
    assert (nobody.status_code, nobody.headers.get("location", "/login?").partition("?")[0]) in {
        (303, "/login"),
        (401, "/login"),
    }
    for access in Access:
        cookie = f"{COOKIE}={open_session(shared.app, shared.tokens[access])}"
        answer = shared.client.request(method, path, headers={**own, "Cookie": cookie})
        allowed = access.includes(EVERY_RULE[name].access)
        assert (answer.status_code not in TURNED_AWAY) == allowed, (access, answer.text)


@pytest.mark.parametrize("name", [*STREAMS, *BY_SESSION])
def test_a_token_opens_no_page_and_a_wrong_cookie_none(shared, name):
    method, path = request_of(name)
    for headers in (shared.bearer(Access.ADMIN), {"Cookie": f"{COOKIE}=made-up"}):
        answer = shared.client.request(method, path, headers={**headers, "Origin": "http://testserver"})
        assert answer.status_code == 401


@pytest.mark.parametrize("name", [name for name in BY_SESSION if name.startswith("POST ")])
def test_a_form_from_another_site_is_refused_whoever_is_signed_in(shared, name):
    method, path = request_of(name)
    cookie = f"{COOKIE}={open_session(shared.app, shared.tokens[Access.ADMIN])}"
    for foreign in (
        {},
        {"Origin": "http://evil.example.org"},
        {"Origin": "null"},
        {"Referer": "http://evil.example.org/page"},
        {"Sec-Fetch-Site": "cross-site", "Origin": "http://testserver"},
    ):
        assert shared.client.request(method, path, headers={**foreign, "Cookie": cookie}).status_code == 403


@pytest.mark.parametrize("path", PATHS)
def test_a_door_asks_for_a_key(shared, path):
    address = re.sub(r"\{key\}", "wrong", path).replace("{source}", "alertmanager")
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic !!"}, shared.bearer(Access.ADMIN)):
        answer = shared.client.post(address, json=[], headers=headers)
        assert answer.status_code == 401
        assert answer.headers["content-type"] == "application/problem+json"


def test_a_provider_that_calls_back_is_known_by_its_signature_and_by_nothing_else(shared):
    names = sorted(name for name, rule in EVERY_RULE.items() if rule.by is By.SIGNATURE)
    assert names == [f"POST /callbacks/twilio/{path}" for path in ("keys/{page}", "reply", "status/{page}")]
    cookie = {"Cookie": f"{COOKIE}={open_session(shared.app, shared.tokens[Access.ADMIN])}"}
    for name in names:
        for headers in ({}, shared.bearer(Access.ADMIN), {**cookie, "Origin": "http://testserver"}):
            answer = shared.client.request(*request_of(name), headers=headers, data={"Digits": "1"})
            assert answer.status_code in {403, 404}
            assert answer.headers["content-type"] == "application/problem+json"


def test_an_access_includes_the_ones_below_it_and_no_other():
    names = [access.value for access in Access]
    assert names == ["viewer", "responder", "commander", "admin"]
    assert [[a.includes(b) for b in Access] for a in Access] == [
        [True, False, False, False],
        [True, True, False, False],
        [True, True, True, False],
        [True, True, True, True],
    ]


def test_a_rule_without_a_role_lets_nobody_change_anything():
    changing = {name for name, rule in EVERY_RULE.items() if rule == Rule(By.SESSION) or rule == Rule(By.TOKEN)}
    assert changing == set()
