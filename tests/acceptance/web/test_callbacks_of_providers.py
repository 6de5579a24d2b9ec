"""What a provider's call may do, and that one that is forged, stale or heard before changes nothing."""

from __future__ import annotations

import json
from urllib.parse import urlencode
from xml.etree import ElementTree as ET

import pytest

from reliability.providers import FakeTwilio, sign
from tests.acceptance.web.conftest import SETUP, URL, settings_of
from tocsin.application import deliver as delivery
from tocsin.application import timekeeping
from tocsin.application.answers import WRONG_CODES
from tocsin.application.callbacks import COUNTS_FOR
from tocsin.application.catalogue import OPERATIONS
from tocsin.bootstrap import Switchboard
from tocsin.domain.errors import InvalidError
from tocsin.domain.severity import Severity
from tocsin.procedures.loader import document
from tocsin.web.callbacks import forms

REPLY = f"{URL}/callbacks/twilio/reply"
NUMBER = "+15550100007"
TOKEN = "an-auth-token-that-is-nobody-elses-business"


@pytest.fixture
def home(home):
    """With the secret where site.yaml says that it is."""
    (home / ".env").write_text(f"TWILIO_TOKEN={TOKEN}\n")
    (home / ".env").chmod(0o600)
    return home


@pytest.fixture
def twilio():
    with FakeTwilio(token=TOKEN) as running:
        yield running


@pytest.fixture
def night(house, home, twilio):
    """The house with everybody reached by call and text message; what is due now has been sent."""
    site = (home / "procedures" / "site.yaml").read_text()
    account = {"base_url": twilio.base_url, "account_sid": twilio.account, "sender": twilio.number}
    (home / "procedures" / "site.yaml").write_text(
        f"{site}\nsms: {json.dumps({**account, 'auth_token': '${TWILIO_TOKEN}'})}\n"
    )
    contacts = [{"channel": channel, "address": NUMBER} for channel in ("voice", "sms")]
    rules = [{"channel": channel} for channel in ("voice", "sms")]
    people = {
        name: {"name": name.title(), "contacts": contacts, "rules": rules, "quiet": "sms"} for name in ("ana", "bo")
    }
    schedules = {name: {"people": [name]} for name in people}
    staffing = {1: ["bo"], 2: ["ana"], 3: ["bo"], 4: ["bo"]}
    written = {"people": people, "schedules": schedules, "staffing": staffing}
    (home / "procedures" / "people.yaml").write_text(json.dumps(written))
    (home / "procedures" / "services.yaml").write_text('{"services": {"claudex": {"title": "Claudex", "team": "T"}}}')
    sealed = document(home / "procedures")
    apply = OPERATIONS["apply"]
    apply.run(house.app, SETUP, apply.body(data=sealed.data, version=sealed.version))
    return house


@pytest.fixture
def incident(night, home, twilio):
    """A CRITICAL one, of which Ana has been called and texted."""
    declared = night.declared("Claudex is down", severity=Severity.CRITICAL)
    channels = Switchboard(settings_of(home).environment, URL)
    channels.connect(night.app.database.read(night.app.shelf.active).site)
    for name in ("voice", "sms"):
        for page in delivery.claim(night.app, name, 9):
            delivery.deliver(night.app, channels, page)
    channels.close()
    timekeeping.report(night.app)
    return declared


def seen(house, incident):
    """Everything that a call of a provider could change."""
    where = {"incident": incident}
    return [house.ask(name, path=where) for name in ("show", "timeline", "pages", "next")]


def page_of(house, incident, channel):
    pages = house.ask("pages", path={"incident": incident})["items"]
    return next(page for page in pages if page["channel"] == channel and page["urgent"])


def post(house, url, form, **how):
    """Call back as Twilio does, unless told otherwise; on a path of ours, whatever the address says."""
    signed = how.get("signature", sign(how.get("token", TOKEN), how.get("signed_url", url), how.get("signed", form)))
    headers = {
        "X-Twilio-Signature": signed,
        "Content-Type": "application/x-www-form-urlencoded",
        **how.get("headers", {}),
    }
    return house.client.post(url.removeprefix(URL), content=urlencode(form), headers=headers)


def call(twilio):
    [sent] = twilio.calls
    return sent


def text(twilio):
    return next(sent for sent in twilio.messages if "Reply" in sent.text)


def pressed(sent, key="1"):
    return {"CallSid": sent.sid, "CallStatus": "in-progress", "Digits": key, "From": "+15550100000", "To": sent.to}


def wrote(body, number=NUMBER, sid="SM-reply-1"):
    return {"MessageSid": sid, "From": number, "To": "+15550100000", "Body": body, "NumMedia": "0"}


def status(sent, word, **more):
    key = "Call" if sent.is_call else "Message"
    return {f"{key}Sid": sent.sid, f"{key}Status": word, "To": sent.to, **more}


def code_in(sent):
    return sent.text.split("Reply ")[1][:6]


def every_callback(twilio):
    """One call of each kind that would change something."""
    return {
        "key": (call(twilio).keys_url, pressed(call(twilio))),
        "reply": (REPLY, wrote(code_in(text(twilio)))),
        "delivered": (text(twilio).status_url, status(text(twilio), "delivered")),
        "busy": (call(twilio).status_url, status(call(twilio), "busy")),
    }


KINDS = ("key", "reply", "delivered", "busy")


def words(answer):
    """What TwiML says or writes."""
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/xml")
    return " ".join("".join(ET.fromstring(answer.text).itertext()).split())


@pytest.mark.parametrize("kind", KINDS)
def test_a_genuine_call_changes_what_it_is_about(night, incident, twilio, kind):
    before = seen(night, incident)
    assert post(night, *every_callback(twilio)[kind]).status_code in {200, 204}
    assert seen(night, incident) != before


FORGED = (
    {"signature": ""},
    {"signature": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="},
    {"signature": "ü".encode()},
    {"token": "another-account's"},
    {"token": ""},
    {"signed_url": "http://evil.example.org/callbacks/twilio/reply", "headers": {"Host": "evil.example.org"}},
    {"signed": {}},
)


@pytest.mark.parametrize("kind", KINDS)
def test_a_forged_call_changes_nothing(night, incident, twilio, kind):
    url, form = every_callback(twilio)[kind]
    before = seen(night, incident)
    for how in FORGED:
        headers = {"X-Forwarded-Host": "evil.example.org", **how.get("headers", {})}
        answer = post(night, url, form, **{**how, "headers": headers})
        assert answer.status_code == 403
        assert answer.headers["content-type"] == "application/problem+json"
        assert TOKEN not in answer.text
    assert seen(night, incident) == before


@pytest.mark.parametrize("kind", KINDS)
def test_the_signature_is_over_our_public_address_whatever_host_the_request_names(night, incident, twilio, kind):
    url, form = every_callback(twilio)[kind]
    before = seen(night, incident)
    assert post(night, url, form, headers={"Host": "tocsin.internal:8080"}).status_code in {200, 204}
    assert seen(night, incident) != before


@pytest.mark.parametrize("kind", KINDS)
def test_the_signature_may_be_over_our_address_with_its_port_added(night, incident, twilio, kind):
    url, form = every_callback(twilio)[kind]
    before = seen(night, incident)
    assert post(night, url, form, signed_url=url.replace(URL, f"{URL}:8443")).status_code == 403
    assert seen(night, incident) == before
    assert post(night, url, form, signed_url=url.replace(URL, f"{URL}:80")).status_code in {200, 204}
    assert seen(night, incident) != before


def test_an_address_is_signed_with_its_port_or_without():
    assert [set(forms(f"https://{host}/a?b=c:1")) for host in ("t.example.org:8443", "t.example.org", "[::1]:443")] == [
        {"https://t.example.org:8443/a?b=c:1", "https://t.example.org/a?b=c:1"},
        {"https://t.example.org/a?b=c:1", "https://t.example.org:443/a?b=c:1"},
        {"https://[::1]:443/a?b=c:1", "https://[::1]/a?b=c:1"},
    ]


@pytest.mark.parametrize("kind", ["key", "delivered", "busy"])
def test_a_stale_call_changes_nothing(night, incident, twilio, kind, monkeypatch):
    url, form = every_callback(twilio)[kind]
    before, now = seen(night, incident), night.app.database.now()
    later = now + COUNTS_FOR + COUNTS_FOR / 100
    monkeypatch.setattr(type(night.app.database), "now", lambda _self: later)
    answer = post(night, url, form)
    monkeypatch.undo()
    assert answer.status_code == 410
    assert seen(night, incident) == before


@pytest.mark.parametrize("kind", ["key", "delivered", "busy"])
def test_an_address_without_a_time_is_stale(night, incident, twilio, kind):
    url, form = every_callback(twilio)[kind]
    before = seen(night, incident)
    for until in ("", "?until=", "?until=soon", "?until=99999999999x", "?later=99999999999"):
        assert post(night, url.partition("?")[0] + until, form).status_code == 410
    assert seen(night, incident) == before


def test_a_later_time_needs_a_signature_of_its_own(night, incident, twilio):
    url, form = every_callback(twilio)["key"]
    before = seen(night, incident)
    assert post(night, f"{url}9", form, signed_url=url).status_code == 403
    assert seen(night, incident) == before


@pytest.mark.parametrize("kind", KINDS)
def test_a_call_that_is_heard_again_changes_nothing_more_and_is_answered_alike(night, incident, twilio, kind):
    first = post(night, *every_callback(twilio)[kind])
    before = seen(night, incident)
    again = post(night, *every_callback(twilio)[kind])
    assert (again.status_code, again.text) == (first.status_code, first.text)
    assert seen(night, incident) == before


def test_a_key_that_is_heard_again_after_the_climb_went_on_does_not_take_it_again(night, incident, twilio):
    """Somebody who kept a genuine call cannot acknowledge with it later."""
    post(night, *every_callback(twilio)["key"])
    night.ask("resolve", "person:ana", path={"incident": incident}, why="restarted")
    night.ask("reopen", "person:ana", path={"incident": incident}, why="not over")
    before = seen(night, incident)
    post(night, *every_callback(twilio)["key"])
    assert seen(night, incident) == before


def test_pressing_one_acknowledges_as_the_person_who_was_called(night, incident, twilio):
    said = words(post(night, *every_callback(twilio)["key"]))
    assert said == f"You have {incident}: Claudex is down"
    shown, timeline = night.ask("show", path={"incident": incident}), night.ask("timeline", path={"incident": incident})
    assert shown["acknowledged_by"] == "ana"
    [entry] = [it for it in timeline["items"] if it["event"] == "acknowledged"]
    assert (entry["by"], entry["authenticated_by"]) == ("person:ana", "voice")
    assert page_of(night, incident, "voice")["state"] == "acknowledged"


def test_pressing_two_pages_the_next(night, incident, twilio):
    said = words(post(night, call(twilio).keys_url, pressed(call(twilio), "2")))
    assert said == f"Noted: you cannot take {incident}. The next is paged."
    assert {page["person"] for page in night.ask("pages", path={"incident": incident})["items"]} == {"ana", "bo"}


@pytest.mark.parametrize("key", ["3", "#"])
def test_another_key_asks_again_and_only_shows_that_somebody_is_there(night, incident, twilio, key):
    before = night.ask("show", path={"incident": incident})
    answer = post(night, call(twilio).keys_url, pressed(call(twilio), key))
    assert words(answer).startswith("Press 1 to take it.")
    assert ET.fromstring(answer.text).find("Gather").attrib["action"] == call(twilio).keys_url
    assert night.ask("show", path={"incident": incident}) == before
    assert page_of(night, incident, "voice")["state"] == "delivered"


def test_no_key_changes_nothing(night, incident, twilio):
    """A voice box hears everything and presses nothing (RULES.md)."""
    before = seen(night, incident)
    assert words(post(night, call(twilio).keys_url, pressed(call(twilio), ""))).startswith("Press 1")
    post(night, call(twilio).status_url, status(call(twilio), "completed", CallDuration="31"))
    assert seen(night, incident) == before


def test_replying_with_the_code_acknowledges(night, incident, twilio):
    assert words(post(night, REPLY, wrote(code_in(text(twilio))))) == f"You have {incident}: Claudex is down"
    timeline = night.ask("timeline", path={"incident": incident})
    [entry] = [it for it in timeline["items"] if it["event"] == "acknowledged"]
    assert (entry["by"], entry["authenticated_by"]) == ("person:ana", "sms")


def test_replying_no_and_the_code_pages_the_next(night, incident, twilio):
    said = words(post(night, REPLY, wrote(f"NO {code_in(text(twilio))}")))
    assert said == f"Noted: you cannot take {incident}. The next is paged."


@pytest.mark.parametrize("body", ["ok", "", "000000 and more", "I am on holiday until Monday."])
def test_a_reply_without_the_code_changes_nothing_and_is_told_which(night, incident, twilio, body):
    before = seen(night, incident)
    assert f"Reply {code_in(text(twilio))} to take it" in words(post(night, REPLY, wrote(body)))
    assert seen(night, incident) == before


def test_a_wrong_code_changes_nothing_and_is_told_which(night, incident, twilio):
    before, code = seen(night, incident), code_in(text(twilio))
    wrong = f"{(int(code) + 1) % 10**6:06}"
    assert f"Reply {code} to take it" in words(post(night, REPLY, wrote(wrong)))
    assert seen(night, incident) == before


def test_after_too_many_wrong_codes_no_code_counts_and_nothing_is_said(night, incident, twilio, caplog):
    """Whoever forges a number cannot try all codes; the link and the call still count."""
    code = code_in(text(twilio))
    for count in range(WRONG_CODES):
        post(night, REPLY, wrote(f"{(int(code) + 1 + count) % 10**6:06}", sid=f"SM-{count}"))
    before = seen(night, incident)
    assert words(post(night, REPLY, wrote(code, sid="SM-right"))) == ""
    assert seen(night, incident) == before
    assert "too many were wrong" in caplog.text
    assert words(post(night, *every_callback(twilio)["key"])) == f"You have {incident}: Claudex is down"


def test_words_that_are_heard_again_are_answered_once(night, incident, twilio):
    assert "Reply" in words(post(night, REPLY, wrote("hello")))
    assert words(post(night, REPLY, wrote("hello"))) == ""


def test_an_automatic_reply_that_repeats_our_message_changes_nothing(night, incident, twilio):
    before = seen(night, incident)
    post(night, REPLY, wrote(f"I am driving and will read this later: {text(twilio).text}"))
    assert seen(night, incident) == before


def test_the_code_from_another_number_changes_nothing_and_tells_nothing(night, incident, twilio):
    before = seen(night, incident)
    assert words(post(night, REPLY, wrote(code_in(text(twilio)), number="+15550109999"))) == ""
    assert seen(night, incident) == before


@pytest.mark.parametrize("kind", ["key", "reply"])
def test_after_the_round_is_over_an_answer_changes_nothing_and_is_told_who_has_it(night, incident, twilio, kind):
    night.ask("acknowledge", "person:bo", path={"incident": incident})
    before = seen(night, incident)
    assert words(post(night, *every_callback(twilio)[kind])) == f"Bo has {incident}."
    assert seen(night, incident) == before


def test_after_the_incident_is_over_an_answer_is_told_so(night, incident, twilio):
    night.ask("acknowledge", "person:bo", path={"incident": incident})
    night.ask("resolve", "person:bo", path={"incident": incident}, why="restarted")
    assert words(post(night, *every_callback(twilio)["key"])) == f"{incident} is over; nothing was changed."


def test_an_answer_to_what_a_newer_climb_has_replaced_is_told_so(night, incident, twilio):
    night.ask("acknowledge", "person:bo", path={"incident": incident})
    night.ask("decline", "person:bo", path={"incident": incident})
    before = seen(night, incident)
    said = words(post(night, *every_callback(twilio)["key"]))
    assert said == f"{incident} no longer waits for an answer to that message; nothing was changed."
    assert seen(night, incident) == before


def test_receipts_make_pages_delivered(night, incident, twilio):
    post(night, text(twilio).status_url, status(text(twilio), "sent"))
    assert page_of(night, incident, "sms")["state"] == "accepted"
    post(night, text(twilio).status_url, status(text(twilio), "delivered"))
    assert page_of(night, incident, "sms")["state"] == "delivered"


@pytest.mark.parametrize("said", [("undelivered", "30005", "exhausted"), ("failed", "30008", "failed")])
def test_a_text_message_that_did_not_arrive_failed(night, incident, twilio, said):
    word, code, state = said
    post(night, text(twilio).status_url, status(text(twilio), word, ErrorCode=code))
    page = page_of(night, incident, "sms")
    error = f"The text message was not delivered ({word}, error {code})."
    assert (page["state"], page["error"]) == (state, error)


@pytest.mark.parametrize("word", ["busy", "no-answer", "failed", "canceled"])
def test_a_call_that_reached_nobody_failed(night, incident, twilio, word):
    post(night, call(twilio).status_url, status(call(twilio), word))
    assert page_of(night, incident, "voice")["state"] == "failed"


def test_a_call_on_its_way_changes_nothing(night, incident, twilio):
    before = seen(night, incident)
    for word in ("queued", "initiated", "ringing", "in-progress", ""):
        assert post(night, call(twilio).status_url, status(call(twilio), word)).status_code == 204
    assert seen(night, incident) == before


@pytest.mark.parametrize("path", ["status/pg-none", "keys/pg-none"])
def test_a_page_that_is_not_there_is_not_found(night, path):
    url = f"{URL}/callbacks/twilio/{path}?until=99999999999"
    form = {"CallSid": "CA1", "CallStatus": "busy", "Digits": "1"}
    assert post(night, url, form).status_code == 404


@pytest.mark.parametrize("body", [b"", b"\xff\xfe", b"a=1&" * 5000, b"{}"])
def test_what_is_no_form_of_theirs_is_refused(night, body):
    answer = night.client.post("/callbacks/twilio/reply", content=body, headers={"X-Twilio-Signature": "x"})
    assert answer.status_code in {403, 422}


def test_without_an_account_there_is_nobody_to_call_back(house):
    answer = post(house, REPLY, wrote("123456"), token="")
    assert answer.status_code == 404


def test_a_secret_that_cannot_be_read_lets_nobody_in(night, incident, home, twilio):
    def unreadable(_reference):
        raise InvalidError("The secret ${TWILIO_TOKEN} in site.yaml is empty or missing.")

    before = seen(night, incident)
    object.__setattr__(night.app, "resolve", unreadable)
    answer = post(night, *every_callback(twilio)["key"])
    assert answer.status_code == 503
    assert seen(night, incident) == before


def test_a_key_pressed_in_a_test_call_shows_that_it_was_heard(night, home, twilio):
    night.ask("test-page", path={"person": "ana"})
    channels = Switchboard(settings_of(home).environment, URL)
    channels.connect(night.app.database.read(night.app.shelf.active).site)
    [page] = delivery.claim(night.app, "voice", 9)
    delivery.deliver(night.app, channels, page)
    channels.close()
    assert "only a test" not in call(twilio).text
    assert call(twilio).text.startswith("This is Tocsin, calling Ana. TEST page")
    assert words(post(night, call(twilio).keys_url, pressed(call(twilio)))) == "Thank you. This was only a test."
    assert night.ask("page", path={"page": page.id})["state"] == "delivered"
