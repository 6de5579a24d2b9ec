"""The link in a page: looking never acts, the button does, as the page's person and for what they see (RULES.md)."""

from __future__ import annotations

import re

import pytest

from tocsin.application.access import LINK_SESSION_LIFE
from tocsin.application.links import link_token
from tocsin.domain.severity import Severity
from tocsin.web.keeper import COOKIE

HTML = {"Accept": "text/html"}


@pytest.fixture
def incident(house):
    """A CRITICAL one: level 2 is paged, which is Cem or Dee."""
    return house.declared("Claudex is down", severity=Severity.CRITICAL)


def state(house, incident):
    return house.ask("show", path={"incident": incident})


def paged(house, incident):
    return next(page["person"] for page in house.ask("pages", path={"incident": incident})["items"] if page["urgent"])


def test_looking_at_a_link_never_acknowledges(house, incident):
    link, before = house.link(incident), state(house, incident)
    for method in ("GET", "HEAD"):
        for headers in ({}, {"Purpose": "prefetch"}, {"Sec-Purpose": "prefetch;prerender"}):
            answer = house.client.request(method, link, headers=headers)
            assert answer.status_code == 200
            assert "set-cookie" not in answer.headers
    assert state(house, incident) == before
    assert house.client.put(link).status_code == 405


def test_a_link_shows_the_incident_in_short_and_one_button(house, incident):
    page = house.client.get(house.link(incident))
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert "Claudex is down" in page.text
    assert "Nobody has it yet" in page.text
    assert "because you are on call at level 2" in page.text
    assert page.text.count("<button") == 1
    assert "Acknowledge" in page.text


def test_the_button_acknowledges_as_the_pages_person_and_opens_the_incident(house, incident):
    person = paged(house, incident)
    answer = house.client.post(house.link(incident), data={"round": "1"})
    assert (answer.status_code, answer.headers["location"]) == (303, f"/incidents/{incident}")
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=lax" in cookie
    assert f"Max-Age={int(LINK_SESSION_LIFE.total_seconds())}" in cookie
    assert state(house, incident)["acknowledged_by"] == person
    entry = next(e for e in house.ask("timeline", path={"incident": incident})["items"] if e["event"] == "acknowledged")
    assert (entry["by"], entry["authenticated_by"]) == (f"person:{person}", "link")
    assert house.client.get(f"/incidents/{incident}", headers=HTML).status_code == 200


def test_a_links_session_opens_its_incident_and_nothing_else(house, incident):
    other = house.declared("Another")
    house.client.post(house.link(incident))
    assert house.form(f"/incidents/{incident}/note", text="on my way").status_code == 303
    for path in ("/", "/oncall", "/settings", f"/incidents/{other}", f"/incidents/{incident[-4:]}", "/events"):
        answer = house.client.get(path, headers=HTML)
        assert answer.status_code == 403, path
        assert f"/incidents/{incident}" in answer.text
    assert house.form(f"/incidents/{other}/note", text="x").status_code == 403
    assert house.form(f"/incidents/{incident}/close", outcome="duplicate", why="x").status_code == 403
    assert house.client.get("/api/v1/oncall", headers={"Cookie": ""}).status_code == 401


def test_a_link_of_an_earlier_climb_shows_what_is_new_and_its_button_acknowledges_that(house):
    incident = house.declared("Slow", severity=Severity.HIGH)
    old = house.link(incident)
    house.ask("severity", path={"incident": incident}, level=Severity.CRITICAL, why="it is down")
    bare = house.client.post(old, headers=HTML)
    assert bare.status_code == 409
    assert "new climb" in bare.text
    assert state(house, incident)["acknowledged_at"] is None
    seen = re.search(r'name="round" value="(\d+)"', bare.text)
    assert seen
    assert house.client.post(old, data={"round": seen[1]}).status_code == 303
    assert state(house, incident)["acknowledged_at"]


def test_a_link_of_an_ended_incident_says_so_and_has_no_button(house, incident):
    link = house.link(incident)
    house.ask("resolve", path={"incident": incident}, why="over", take_command=True)
    page = house.client.get(link)
    assert "Resolved" in page.text
    assert "<button" not in page.text
    assert house.client.post(link, headers=HTML).status_code == 409


@pytest.mark.parametrize("token", ["x", "pg-0.AAAA", "%F0%9F%94%94", "a" * 5000])
def test_a_link_that_is_not_ours_gets_a_friendly_page(house, token):
    for method in ("GET", "POST"):
        answer = house.client.request(method, f"/a/{token}", headers=HTML)
        assert answer.status_code == 404
        assert "This link does not work" in answer.text


def test_a_link_that_was_changed_is_not_ours(house, incident):
    link = house.link(incident)
    changed = link[:-1] + ("A" if link[-1] != "A" else "B")
    assert house.client.post(changed).status_code == 404
    assert state(house, incident)["acknowledged_at"] is None


def test_a_test_page_has_no_link_that_does_anything(house, incident):
    test_page = house.ask("test-page", path={"person": "ana"})["items"][0]["id"]
    answer = house.client.post(f"/a/{link_token(house.app, test_page)}", headers=HTML)
    assert answer.status_code == 404
    assert state(house, incident)["acknowledged_at"] is None


@pytest.mark.parametrize("round_seen", ["x", "-1", "1" * 40, "²"])
def test_a_round_that_is_no_number_is_refused(house, incident, round_seen):
    assert house.client.post(house.link(incident), data={"round": round_seen}, headers=HTML).status_code == 422
    assert state(house, incident)["acknowledged_at"] is None


def test_a_link_does_not_take_away_the_session_of_somebody_signed_in(house, incident):
    house.sign_in()
    answer = house.client.post(house.link(incident))
    assert answer.status_code == 303
    assert COOKIE not in answer.headers.get("set-cookie", "")
    assert house.client.get("/", headers=HTML).status_code == 200


def test_a_link_needs_no_origin_because_its_signature_is_the_secret(house, incident):
    answer = house.client.post(house.link(incident), headers={"Origin": "null", "Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 303
