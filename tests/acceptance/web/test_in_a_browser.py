"""The pages in a real Chromium: with and without scripts, on a phone's screen, kept live, and readable for everyone."""

from __future__ import annotations

import json
import os
import re

import pytest
from playwright.sync_api import expect, sync_playwright

from tocsin.application.operations import Access
from tocsin.domain.people import Role
from tocsin.domain.severity import Severity

PHONE = {"width": 390, "height": 844}
PAGES = ("/", "/incidents/last", "/oncall", "/settings", "/login")


@pytest.fixture(scope="module")
def chromium(needs):
    """One browser for this file's tests."""
    path = needs("chromium")
    with sync_playwright() as playwright:
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=path, args=sandbox)
        yield browser
        browser.close()


@pytest.fixture
def browse(chromium, served):
    """`browse(access, …)` answers a page of a browser that is signed in; its console must stay silent."""
    contexts, said = [], []

    def browse(access=Access.RESPONDER, **options):
        context = chromium.new_context(base_url=served.url, viewport=PHONE, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(8000)
        page.on("console", lambda message: said.append(message.text))
        page.on("pageerror", lambda error: said.append(str(error)))
        if access is not None:
            page.goto("/login")
            page.get_by_label("API token").fill(served.tokens[access])
            page.get_by_role("button", name="Sign in").click()
            page.wait_for_url("**/")
        return page

    yield browse
    for context in contexts:
        context.close()
    assert [line for line in said if not re.search(r"status of (401|404|409)|ERR_INTERNET_DISCONNECTED", line)] == []


def test_a_page_is_acknowledged_with_one_tap_and_stays_on_the_page(served, browse):
    incident = served.declared("Claudex is down", severity=Severity.CRITICAL)
    page = browse()
    page.get_by_text("Claudex is down").click()
    page.get_by_role("button", name="Acknowledge").click()
    page.get_by_text("You have it").wait_for()
    assert served.ask("show", path={"incident": incident})["acknowledged_by"] == "ana"


def test_what_others_do_appears_by_itself_and_what_is_being_typed_stays(served, browse):
    incident = served.declared("Slow")
    page = browse()
    page.goto(f"/incidents/{incident}")
    page.locator("#livestate[data-state=live]").wait_for()
    page.get_by_role("textbox", name="What you see or do").fill("half a sentence")
    served.ask("acknowledge", "person:bo", path={"incident": incident})
    page.get_by_text("Bo Berg has it").first.wait_for()
    assert page.get_by_role("textbox", name="What you see or do").input_value() == "half a sentence"
    assert page.evaluate("document.activeElement.id") == "text"
    expect(page.locator("#said")).to_contain_text("Bo Berg")


def test_the_focus_stays_on_a_button_that_was_swapped(served, browse):
    incident = served.declared("Slow", severity=Severity.HIGH)
    page = browse()
    page.goto(f"/incidents/{incident}")
    page.locator("#livestate[data-state=live]").wait_for()
    page.get_by_role("button", name="Acknowledge").focus()
    served.ask("acknowledge", "person:bo", path={"incident": incident})
    page.get_by_role("button", name="I’m on it too").wait_for()
    assert page.evaluate("document.activeElement.id") == "acknowledge"


def test_the_list_hears_of_a_new_incident(served, browse):
    page = browse()
    page.locator("#livestate[data-state=live]").wait_for()
    page.get_by_text("Nothing is open").wait_for()
    served.declared("Brand new")
    page.get_by_role("heading", name="Brand new").wait_for()
    assert page.title().startswith("(1)")


def test_a_note_is_written_without_leaving_and_the_field_is_empty_again(served, browse):
    incident = served.declared("Slow")
    page = browse()
    page.goto(f"/incidents/{incident}")
    page.get_by_role("textbox", name="What you see or do").fill("restarted it")
    page.get_by_role("button", name="Add note").click()
    page.locator("#timeline").get_by_text("Ana Alvarez: restarted it").wait_for()
    expect(page.locator("#text")).to_have_value("")


def test_a_field_that_was_left_alone_takes_the_value_that_is_true_now(served, browse):
    incident = served.declared("Slow", severity=Severity.HIGH)
    page = browse()
    page.goto(f"/incidents/{incident}")
    page.get_by_text("Severity: HIGH").click()
    page.locator("#act-severity select").select_option("CRITICAL")
    page.locator("#act-severity input").fill("it is down")
    page.get_by_role("button", name="Change severity").click()
    page.get_by_text("Severity: CRITICAL").wait_for()
    expect(page.locator("#act-severity input")).to_have_value("")
    assert page.locator("#act-severity select").input_value() == "CRITICAL"


def test_a_refusal_is_shown_at_the_top_and_what_was_typed_is_kept(served, browse):
    incident = served.declared("Slow")
    served.ask("assign", "person:bo", path={"incident": incident}, role=Role.COMMANDER, person="bo")
    page = browse()
    page.goto(f"/incidents/{incident}")
    page.get_by_text("Resolve: it is fixed").click()
    field = page.locator("#act-resolve textarea")
    field.fill("it works again")
    page.get_by_role("button", name="Resolve", exact=True).click()
    page.locator("#notice").get_by_text("commands").wait_for()
    assert page.evaluate("document.activeElement.id") == "notice"
    assert field.input_value() == "it works again"


def test_news_do_not_disturb_who_is_typing_into_a_form(served, browse):
    incident = served.declared("Slow", severity=Severity.HIGH)
    page = browse()
    page.goto(f"/incidents/{incident}")
    page.locator("#livestate[data-state=live]").wait_for()
    page.get_by_text("Escalate: get more people").click()
    page.locator("#act-escalate select").select_option("4")
    page.locator("#act-escalate input").fill("need the")
    page.keyboard.press("ArrowLeft")
    served.ask("severity", "person:bo", path={"incident": incident}, level=Severity.LOW, why="only one user")
    page.get_by_text("Severity: LOW").wait_for()
    page.keyboard.type("X")
    assert page.locator("#act-escalate input").input_value() == "need thXe"
    assert page.locator("#act-escalate select").input_value() == "4"


def test_a_page_says_when_it_is_no_longer_live(served, browse):
    page = browse(None)
    page.goto("/login")
    page.get_by_label("API token").fill(served.tokens[Access.RESPONDER])
    page.get_by_role("button", name="Sign in").click()
    page.locator("#livestate[data-state=live]").wait_for()
    page.context.set_offline(True)
    served.stop()
    page.locator("#livestate[data-state=lost]").wait_for()


def test_everything_needed_at_night_works_without_scripts(served, browse):
    incident = served.declared("Claudex is down", severity=Severity.CRITICAL)
    page = browse(java_script_enabled=False)
    page.get_by_text("Claudex is down").click()
    page.get_by_role("button", name="Acknowledge").click()
    page.get_by_text("You have it").wait_for()
    page.locator("#text").fill("restarted it")
    page.get_by_role("button", name="Add note").click()
    page.get_by_text("Ana Alvarez: restarted it").wait_for()
    page.get_by_text("Resolve: it is fixed").click()
    page.locator("#act-resolve textarea").fill("it answers again")
    page.get_by_role("button", name="Resolve", exact=True).click()
    page.locator("#banner").get_by_text("Resolved").wait_for()
    assert served.ask("show", path={"incident": incident})["resolved_by"] == "ana"


@pytest.mark.parametrize("scripts", [True, False])
def test_a_link_opens_acknowledges_and_shows_the_incident_without_signing_in(served, browse, scripts):
    incident = served.declared("Claudex is down", severity=Severity.CRITICAL)
    page = browse(None, java_script_enabled=scripts)
    page.goto(served.link(incident))
    assert served.ask("show", path={"incident": incident})["acknowledged_at"] is None
    page.get_by_role("button", name="Acknowledge").click()
    page.get_by_text("You have it").wait_for()
    assert page.url.endswith(f"/incidents/{incident}")
    page.locator("#text").fill("on my way")
    page.get_by_role("button", name="Add note").click()
    page.get_by_text(re.compile("on my way")).first.wait_for()


def test_a_session_that_ended_leads_to_the_login_when_news_arrive(served, browse):
    incident = served.declared("Slow")
    page = browse()
    page.goto(f"/incidents/{incident}")
    page.locator("#livestate[data-state=live]").wait_for()
    token = next(one["id"] for one in served.ask("token-list")["items"] if one["role"] == "responder")
    served.ask("token-revoke", path={"token": token})
    served.ask("note", path={"incident": incident}, text="news")
    page.wait_for_url(re.compile("/login"))


def test_nothing_is_wider_than_a_phone_and_nothing_to_tap_is_smaller_than_a_fingertip(served, browse):
    served.declared("An incident with a rather long title, as people write them at night " * 3)
    served.ask("integration-list")
    page = browse(Access.ADMIN)
    for path in PAGES:
        page.goto(path)
        for summary in page.locator("summary").all():
            if summary.is_visible():
                summary.click()
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], path
        small = page.evaluate(
            """() => [...document.querySelectorAll("button, input:not([type=hidden]), select, summary, nav a, .button")]
                .filter((item) => item.checkVisibility() && item.type !== "checkbox")
                .map((item) => [item.outerHTML.slice(0, 80), item.getBoundingClientRect().height])
                .filter(([, height]) => height < 44)"""
        )
        assert small == [], path


CONTRAST = """() => {
  const light = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number).slice(0, 3).map((value) => value / 255)
      .map((value) => (value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (item) => {
    for (; item; item = item.parentElement) {
      const colour = getComputedStyle(item).backgroundColor;
      if (!/^rgba.*, 0\\)$/.test(colour) && colour !== "transparent") return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const faint = [];
  for (const item of document.querySelectorAll("body *")) {
    const own = [...item.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
    if (!own || !item.checkVisibility() || item.closest(".unseen, .fresh, .skip")) continue;
    const style = getComputedStyle(item);
    const [a, b] = [light(style.color), light(ground(item))].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5) faint.push([item.outerHTML.slice(0, 90), style.color, ground(item), ratio]);
  }
  return faint;
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_word_has_the_contrast_that_tired_eyes_need(served, browse, scheme):
    """WCAG 2.2 AA, 1.4.3."""
    for severity in Severity:
        served.declared(f"{severity} one", severity=severity)
    taken = served.declared("Taken")
    served.ask("acknowledge", path={"incident": taken})
    over = served.declared("Over")
    served.ask("resolve", path={"incident": over}, why="done", take_command=True)
    page = browse(Access.ADMIN, color_scheme=scheme)
    for path in (*PAGES, "/?status=all", f"/incidents/{taken}", f"/incidents/{over}", served.link(taken), "/nowhere"):
        page.goto(path)
        assert page.evaluate(CONTRAST) == [], path


def test_everything_that_can_be_used_has_a_name(served, browse):
    served.declared("Slow")
    page = browse(Access.ADMIN)
    for path in PAGES:
        page.goto(path)
        nameless = page.evaluate(
            """() => [...document.querySelectorAll("button, a, input:not([type=hidden]), select, textarea")]
                .filter((item) => item.checkVisibility())
                .filter((item) => !(item.labels?.length || item.textContent.trim() || item.ariaLabel))
                .map((item) => item.outerHTML)"""
        )
        assert nameless == [], path
        ids = page.evaluate("[...document.querySelectorAll('[id]')].map((item) => item.id)")
        assert len(ids) == len(set(ids)), path


def test_the_documentation_of_the_api_shows_itself_offline(served, browse):
    page = browse(None)
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto("/api/v1/docs")
    page.get_by_text("Declare an incident").first.wait_for()
    assert all(url.startswith((served.url, "data:")) for url in requests)
    document = json.loads(served.client.get("/api/v1/openapi.json").text)
    assert len(document["paths"]) > 20


@pytest.mark.parametrize("title", ["word " * 400, "x" * 2000, "\N{HEBREW LETTER ALEF}\N{HEBREW LETTER BET} " * 700])
def test_a_title_of_any_length_leaves_acknowledge_on_the_screen(served, browse, title):
    incident = served.declared(title.strip(), severity=Severity.CRITICAL)
    page = browse()
    assert page.locator("h2 .title").bounding_box()["height"] < 100
    for path in (f"/incidents/{incident}", served.link(incident)):
        page.goto(path)
        button = page.get_by_role("button", name="Acknowledge").bounding_box()
        assert button["y"] + button["height"] <= PHONE["height"], path
        assert page.locator("h1 .title").get_attribute("title") == title.strip()
        assert page.locator("h1 bdi").text_content() == title.strip()


@pytest.mark.parametrize("width", [390, 1280])
def test_every_row_that_opens_has_its_mark_before_its_words(served, browse, width):
    alert = {"labels": {"alertname": "ClaudexDown", "severity": "critical"}}
    assert served.client.post(f"/ingest/{served.key}/alertmanager", json={"alerts": [alert]}).status_code == 202
    page = browse()
    page.set_viewport_size({"width": width, "height": 844})
    page.goto("/incidents/last")
    page.get_by_text("(suggested: confirm or change)").wait_for()
    rows = page.evaluate(
        """() => [...document.querySelectorAll("#acts summary")].map((row) => {
          const words = document.createRange();
          words.selectNodeContents(row);
          const [outer, inner] = [row.getBoundingClientRect(), words.getBoundingClientRect()];
          const mark = getComputedStyle(row, "::before");
          return { left: inner.left - outer.left, above: inner.top - outer.top, mark: parseFloat(mark.top) };
        })"""
    )
    assert len(rows) >= 3
    assert len({round(row["left"]) for row in rows}) == 1
    for row in rows:
        assert row["left"] > 15
        assert 8 < row["above"] < 20
        assert abs(row["above"] - row["mark"]) < 4
