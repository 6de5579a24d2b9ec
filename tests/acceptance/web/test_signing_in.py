from __future__ import annotations

from dataclasses import replace

import pytest
from starlette.testclient import TestClient

from tocsin.application.operations import Access
from tocsin.web.app import create_app
from tocsin.web.entrance import ATTEMPTS, Attempts, own_path
from tocsin.web.keeper import COOKIE
from tocsin.web.problems import TooManyAttemptsError

HTML = {"Accept": "text/html", "Origin": "http://testserver"}


def test_a_guest_is_led_to_the_login_and_back_to_where_they_wanted(house):
    away = house.client.get("/incidents/INC-1?timeline=all", headers=HTML)
    assert (away.status_code, away.headers["location"]) == (303, "/login?next=/incidents/INC-1%3Ftimeline%3Dall")
    assert house.client.get("/", headers=HTML).headers["location"] == "/login?next=/"
    form = house.client.get(away.headers["location"])
    assert 'value="/incidents/INC-1?timeline=all"' in form.text
    entered = house.client.post("/login", data={"token": house.tokens[Access.VIEWER], "next": "/oncall"}, headers=HTML)
    assert (entered.status_code, entered.headers["location"]) == (303, "/oncall")
    assert house.client.get("/oncall", headers=HTML).status_code == 200


def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(house):
    house.sign_in()
    cookie = house.client.post("/login", data={"token": house.tokens[Access.VIEWER]}, headers=HTML).headers[
        "set-cookie"
    ]
    assert cookie.startswith(f"{COOKIE}=")
    assert all(word in cookie for word in ("HttpOnly", "SameSite=lax", "Path=/"))
    assert "Secure" not in cookie
    assert house.tokens[Access.VIEWER] not in cookie


def test_the_cookie_never_travels_without_https_where_there_is_https(house):
    app = replace(house.app, public_url="https://tocsin.example.org")
    client = TestClient(create_app(app, house.intake).asgi, base_url="https://tocsin.example.org")
    origin = {"Origin": "https://tocsin.example.org"}
    answer = client.post("/login", data={"token": house.tokens[Access.VIEWER]}, headers=origin, follow_redirects=False)
    assert "Secure" in answer.headers["set-cookie"]


def test_behind_a_proxy_with_another_name_forms_come_from_the_public_address(house):
    app = replace(house.app, public_url="https://tocsin.example.org")
    client = TestClient(create_app(app, house.intake).asgi, base_url="http://inside:8080", follow_redirects=False)
    send = {"data": {"token": house.tokens[Access.VIEWER]}}
    assert client.post("/login", **send, headers={"Origin": "https://tocsin.example.org"}).status_code == 303
    assert client.post("/login", **send, headers={"Referer": "http://inside:8080/login"}).status_code == 303
    assert client.post("/login", **send, headers={"Origin": "https://evil.example.org"}).status_code == 403


def test_a_wrong_token_is_refused_with_a_sentence_and_counted(house):
    for _ in range(ATTEMPTS):
        answer = house.client.post("/login", data={"token": "tcs_wrong"}, headers=HTML)
        assert answer.status_code == 401
        assert "not known here" in answer.text
        assert "tcs_wrong" not in answer.text
    answer = house.client.post("/login", data={"token": house.tokens[Access.ADMIN]}, headers=HTML)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) <= 60


def test_wrong_tokens_are_forgotten_after_a_minute():
    now = [0.0]
    attempts = Attempts(lambda: now[0])
    for _ in range(ATTEMPTS):
        attempts.admit("10.0.0.1")
        attempts.wrong("10.0.0.1")
    attempts.admit("10.0.0.2")
    with pytest.raises(TooManyAttemptsError) as refused:
        attempts.admit("10.0.0.1")
    assert refused.value.wait_s == 60
    now[0] = 61.0
    attempts.admit("10.0.0.1")
    attempts.wrong("10.0.0.1")
    attempts.admit("10.0.0.1")


def test_counting_wrong_tokens_does_not_fill_the_memory():
    attempts = Attempts(lambda: 0.0)
    for number in range(25_000):
        attempts.wrong(str(number))
    assert len(attempts._wrong) <= 10_000


def test_signing_out_ends_the_session_everywhere(house):
    house.sign_in()
    kept = house.client.cookies[COOKIE]
    assert house.client.post("/logout", headers=HTML).headers["location"] == "/login"
    assert COOKIE not in house.client.cookies
    assert house.client.get("/", headers={**HTML, "Cookie": f"{COOKIE}={kept}"}).status_code == 303
    assert house.client.post("/logout", headers=HTML).status_code == 303


def test_a_revoked_token_ends_its_sessions(house):
    house.sign_in(Access.COMMANDER)
    token = next(item["id"] for item in house.ask("token-list")["items"] if item["role"] == "commander")
    house.ask("token-revoke", path={"token": token})
    assert house.client.get("/", headers=HTML).status_code == 303


@pytest.mark.parametrize(
    ("asked", "goes"),
    [
        ("/incidents/INC-1?x=1", "/incidents/INC-1?x=1"),
        ("", "/"),
        ("https://evil.example.org", "/"),
        ("//evil.example.org", "/"),
        ("/\\evil.example.org", "/"),
        ("/\tx", "/"),
        ("javascript:alert(1)", "/"),
    ],
)
def test_after_the_login_nobody_is_led_to_another_site(asked, goes):
    assert own_path(asked) == goes


def test_a_program_that_names_no_page_may_sign_in_and_another_sites_page_may_not(house):
    send = {"data": {"token": house.tokens[Access.VIEWER]}}
    assert house.client.post("/login", **send).status_code == 303
    for foreign in (
        {"Origin": "https://evil.example.org"},
        {"Origin": "null"},
        {"Referer": "https://evil.example.org/x"},
        {"Sec-Fetch-Site": "cross-site"},
    ):
        assert house.client.post("/login", **send, headers=foreign).status_code == 403, foreign
    assert house.client.post("/logout").status_code == 403
    assert house.client.post("/declare", data={"title": "x"}).status_code == 403
