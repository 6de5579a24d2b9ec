"""Every page and form as a browser without scripts uses them: answers lead back (303), refusals are shown."""

from __future__ import annotations

import html
import re
from datetime import timedelta

import pytest

from tocsin.application.operations import Access
from tocsin.domain.people import Role
from tocsin.domain.severity import Severity

HTML = {"Accept": "text/html"}
XSS = "<script>alert('x')</script>"


def text_of(answer) -> str:
    """What a reader sees, in one line."""
    without_tags = re.sub(r"<[^>]+>", " ", answer.text.partition("<body")[2].partition(">")[2])
    return " ".join(html.unescape(without_tags).split())


@pytest.fixture
def page(house):
    def page(path, status=200):
        answer = house.client.get(path, headers=HTML)
        assert answer.status_code == status, answer.text
        return text_of(answer)

    return page


@pytest.fixture
def view(house, page):
    def view(incident):
        return page(f"/incidents/{incident}")

    return view


def test_nothing_open_says_what_to_do(house, page):
    house.sign_in(Access.ADMIN)
    assert "Nothing is open" in page("/")
    assert "Connect a sender" in page("/")
    assert "No incident yet" in page("/?status=all")


def test_the_list_shows_what_needs_somebody_first(house, page):
    low = house.declared("Low", severity=Severity.LOW)
    taken = house.declared("Taken", severity=Severity.CRITICAL)
    house.declared("Untaken", severity=Severity.HIGH)
    house.ask("acknowledge", "person:bo", path={"incident": taken})
    house.sign_in()
    shown = page("/")
    assert shown.index("Untaken") < shown.index(low) < shown.index(taken)
    assert "Nobody has it yet" in shown
    assert "Bo Berg has it" in shown
    assert "next step in" in shown


def test_the_list_goes_on_after_fifty(house, page):
    for number in range(51):
        house.declared(f"number {number}", severity=Severity.LOW)
    house.sign_in()
    answer = house.client.get("/?status=all", headers=HTML)
    older = html.unescape(re.search(r'href="(/\?status=all&amp;cursor=[^"]+)"', answer.text)[1])
    assert "number 0" in page(older)
    assert "number 1 " not in page(older)


def test_a_declaration_by_form_pages_and_leads_to_its_incident(house, view):
    house.sign_in()
    fields = {"title": "Slow", "service": "claudex", "severity": "", "symptom": "5 s\r\n\r\n504\r\n", "users": "20%"}
    answer = house.form("/declare", **fields, impact="")
    incident = answer.headers["location"].rpartition("/")[2]
    assert answer.status_code == 303
    assert house.ask("show", path={"incident": incident})["symptoms"] == "5 s\n504"
    assert "Slow" in view(incident)


def test_a_declaration_without_a_title_is_shown_again_with_the_reason(house):
    house.sign_in()
    answer = house.form("/declare", service="claudex")
    assert answer.status_code == 422
    assert "title" in text_of(answer)
    answer = house.form("/declare", title="x", service="none")
    assert answer.status_code == 422
    assert "There is no service 'none'" in text_of(answer)


def test_acknowledging_from_the_command_view(house, view):
    incident = house.declared(severity=Severity.CRITICAL)
    house.sign_in()
    before = view(incident)
    assert "Nobody has it yet" in before
    assert "Next in" in before
    answer = house.form(f"/incidents/{incident}/acknowledge", round="1")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/incidents/{incident}")
    after = view(incident)
    assert "You have it" in after
    assert "Still on it" in after
    assert "Ana Alvarez (acting)" in after
    house.client.cookies.clear()
    house.sign_in(Access.COMMANDER)
    assert "Ana Alvarez has it" in view(incident)
    assert "I’m on it too" in view(incident)


def test_saying_that_one_cannot_take_it_pages_the_next(house, view):
    incident = house.declared(severity=Severity.CRITICAL)
    house.sign_in()
    assert house.form(f"/incidents/{incident}/decline").status_code == 303
    assert "cannot take it" in view(incident)


def test_every_form_of_the_command_view_does_its_part(house, view):
    incident = house.declared(severity=Severity.MEDIUM)
    house.sign_in(Access.COMMANDER)
    for form, fields in {
        "note": {"text": "looked at the log\r\nnothing there"},
        "severity": {"level": "HIGH", "why": "more users"},
        "escalate": {"level": "", "why": "need help"},
        "assign": {"role": "commander", "person": "bo", "why": ""},
        "acknowledge": {},
        "resolve": {"why": "restarted it"},
        "reopen": {"why": "it is back"},
        "close": {"outcome": "duplicate", "why": "same as another"},
    }.items():
        answer = house.form(f"/incidents/{incident}/{form}", **fields)
        assert (answer.status_code, answer.headers["location"]) == (303, f"/incidents/{incident}"), text_of(answer)
    shown = view(incident)
    for words in (
        "looked at the log nothing there",
        "changed MEDIUM to HIGH",
        "escalated to level",
        "resolved it: restarted it",
        "reopened it: it is back",
        "Closed as duplicate",
        "Reopen: it is not over",
    ):
        assert words in shown


def test_command_is_handed_over_by_asking_and_accepting(house, view):
    incident = house.declared(severity=Severity.HIGH)
    house.ask("assign", "person:cem", path={"incident": incident}, role=Role.COMMANDER, person="cem")
    house.ask("assign", "person:cem", path={"incident": incident}, role=Role.COMMANDER, person="ana")
    house.sign_in()
    assert "You are asked to be commander" in view(incident)
    assert house.form(f"/incidents/{incident}/accept").status_code == 303
    assert "Commander Ana Alvarez" in view(incident)


def test_what_is_refused_comes_back_on_the_page_with_the_reason(house):
    incident = house.declared()
    house.ask("assign", "person:bo", path={"incident": incident}, role=Role.COMMANDER, person="bo")
    house.sign_in()
    answer = house.form(f"/incidents/{incident}/resolve", why="done")
    assert answer.status_code == 409
    assert "bo commands" in text_of(answer)
    assert "Timeline" in text_of(answer)
    answer = house.form(f"/incidents/{incident}/note", text="")
    assert (answer.status_code, "Timeline" in text_of(answer)) == (422, True)
    answer = house.form(f"/incidents/{incident}/escalate", why="x", level="ninety")
    assert (answer.status_code, "level" in text_of(answer)) == (422, True)
    answer = house.form(f"/incidents/{incident}/note", text="a\0b")
    assert answer.status_code == 422
    assert house.form("/incidents/none/note", text="x").status_code == 404


def test_a_form_that_is_far_too_long_is_refused(house):
    house.sign_in()
    answer = house.form(f"/incidents/{house.declared()}/note", text="x" * 2_000_000)
    assert answer.status_code == 413


def test_a_viewer_sees_everything_and_is_offered_nothing(house, view, page):
    incident = house.declared()
    house.sign_in(Access.VIEWER)
    shown = view(incident)
    assert "Nobody has it yet" in shown
    for offer in ("Acknowledge", "Add note", "Resolve: it is fixed", "Give a role"):
        assert offer not in shown
    assert "Declare an incident" not in page("/")
    assert "Let somebody stand in" not in page("/oncall")
    assert "Settings" not in page("/oncall")


def test_what_senders_and_people_write_is_shown_as_text_and_their_links_are_checked(house):
    alerts = [
        {
            "labels": {"alertname": XSS, "severity": "critical", XSS: XSS},
            "annotations": {"summary": XSS, "more": XSS},
            "generatorURL": "javascript:alert(1)",
        },
        {"labels": {"alertname": XSS, "n": "2"}, "generatorURL": "https://prometheus.example.org/graph"},
    ]
    assert house.client.post(f"/ingest/{house.key}/alertmanager", json={"alerts": alerts}).status_code == 202
    incident = house.ask("list")["items"][0]["id"]
    house.ask("note", path={"incident": incident}, text=XSS)
    house.sign_in(Access.ADMIN)
    house.form("/settings/integrations", name=XSS, service="claudex")
    for path in ("/", f"/incidents/{incident}", "/settings", house.link(incident)):
        shown = house.client.get(path, headers=HTML).text
        assert "<script>alert" not in shown, path
        assert 'href="javascript:' not in shown
    assert (
        'href="https://prometheus.example.org/graph"' in house.client.get(f"/incidents/{incident}", headers=HTML).text
    )


def test_no_page_has_scripts_or_styles_of_its_own(house):
    incident = house.declared()
    house.sign_in(Access.ADMIN)
    for path in ("/", f"/incidents/{incident}", "/oncall", "/settings", house.link(incident), "/login", "/nowhere"):
        shown = house.client.get(path, headers=HTML).text
        assert re.findall(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", shown) == [], path


def test_a_long_timeline_shows_the_newest_and_leads_to_the_rest(house, page):
    incident = house.declared()
    for number in range(70):
        house.ask("note", path={"incident": incident}, text=f"note number {number}.")
    house.sign_in()
    short, whole = page(f"/incidents/{incident}"), page(f"/incidents/{incident}?timeline=all")
    assert "note number 69." in short
    assert "note number 1." not in short
    assert "earlier entries" in short
    assert "note number 1." in whole


def test_a_short_name_of_an_incident_opens_it(house, page):
    incident = house.declared("Slow")
    house.sign_in()
    assert incident in page("/incidents/last")
    assert incident in page(f"/incidents/{incident[-6:]}")
    assert "Not Found" in page("/incidents/none", 404)


def test_on_call_shows_who_has_it_until_when_and_who_is_next(house, page):
    house.sign_in()
    shown = page("/oncall")
    for level, title in ((1, "Tier 1 support"), (4, "Management")):
        assert f"L{level} {title}" in shown
    assert "until" in shown
    assert "then" in shown
    assert "On call for Claudex Windows" in page("/oncall?service=nonsense")


def test_somebody_stands_in_and_is_taken_out_again(house, page):
    house.sign_in()
    now = house.app.database.now()
    times = {"starts_at": now.isoformat(), "ends_at": (now + timedelta(hours=2)).isoformat()}
    assert house.form("/oncall/overrides", schedule="tier1", person="gus", **times).status_code == 303
    assert "Gus Garnier for tier1" in page("/oncall")
    override = house.ask("override-list")["items"][0]["id"]
    assert house.form(f"/oncall/overrides/{override}/remove").status_code == 303
    assert "Nobody stands in" in page("/oncall")
    answer = house.form("/oncall/overrides", schedule="tier1", person="gus", starts_at="noon", ends_at="later")
    assert (answer.status_code, "'noon' is not an instant" in text_of(answer)) == (422, True)


def test_a_test_page_is_asked_for_by_form(house, page):
    house.sign_in()
    answer = house.form("/oncall/test-page", person="bo")
    assert (answer.status_code, answer.headers["location"]) == (303, "/oncall?tested=bo")
    assert "A test page to Bo Berg is on its way" in page("/oncall?tested=bo")
    assert house.form("/oncall/test-page", person="nobody").status_code == 422


def test_settings_give_snippets_that_can_be_pasted(house, page):
    house.sign_in(Access.ADMIN)
    answer = house.form("/settings/integrations", name="alertmanager-eu", service="claudex")
    assert answer.status_code == 303
    shown = page("/settings")
    key = next(one["key"] for one in house.ask("integration-list")["items"] if one["name"] == "alertmanager-eu")
    assert f"url: http://testserver/ingest/{key}/alertmanager" in shown
    assert f"credentials: {key}" in shown
    integration = answer.headers["location"].partition("#")[2]
    assert house.form(f"/settings/integrations/{integration}/revoke").status_code == 303
    assert key not in page("/settings")
    assert "1 revoked key or token not shown" in page("/settings")


def test_a_new_token_is_shown_once(house, page):
    house.sign_in(Access.ADMIN)
    made = house.form("/settings/tokens", role="responder", person="cem", name="phone")
    secret = re.search(r"tcs_[\w-]{40,}", made.text)[0]
    assert made.status_code == 200
    assert made.headers["cache-control"] == "no-store"
    assert house.client.get("/api/v1/oncall", headers={"Authorization": f"Bearer {secret}"}).status_code == 200
    assert secret not in page("/settings")
    token = next(one["id"] for one in house.ask("token-list")["items"] if one["name"] == "phone")
    assert house.form(f"/settings/tokens/{token}/revoke").status_code == 303
    assert house.client.get("/api/v1/oncall", headers={"Authorization": f"Bearer {secret}"}).status_code == 401


def test_times_are_shown_in_utc_and_where_the_reader_lives(house, furnished):
    incident = house.declared()
    procedures = house.app.database.read(house.app.shelf.active)
    assert procedures.people["ana"].timezone == "UTC"
    house.sign_in()
    shown = house.client.get(f"/incidents/{incident}", headers=HTML).text
    assert re.search(r'<time datetime="[^"]+Z">\d\d:\d\d UTC</time>', shown)


def test_files_may_be_kept_because_their_address_changes_with_them(house):
    address = re.search(r'href="(/static/tocsin\.css\?v=\w+)"', house.client.get("/login").text)[1]
    answer = house.client.get(address)
    assert answer.status_code == 200
    assert "immutable" in answer.headers["cache-control"]
    assert house.client.get("/static/../app.py").status_code == 404
    assert house.client.get("/static/none.css").status_code == 404


def test_without_the_database_a_person_gets_a_page_that_says_so(house):
    house.sign_in()
    house.unplug()
    answer = house.client.get("/", headers=HTML)
    assert answer.status_code == 503
    assert "out of reach" in text_of(answer)
