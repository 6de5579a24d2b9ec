"""Calls and text messages of a real server: a pair of calls, answers, and calls back that must change nothing.

python -m reliability.night [--seconds 150] [--database-url URL]
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self, TypeVar

import httpx

from reliability.providers import Behaviour, FakeSlack, FakeTwilio, Sent
from reliability.servers import temporary_folder
from tocsin.demo.children import ChildError
from tocsin.demo.smtp_sink import SmtpSink
from tocsin.demo.tocsin_server import Home, TocsinServer, lay_out

T = TypeVar("T")
ANA = "+15550100001"
SLACK = ("slack", "U012AB3CD", None)
"""She is in Slack, too; only a test page goes there."""
REPLY = "/callbacks/twilio/reply"
WITHIN_S = 60.0
"""How long anything but a second call may take; a busy machine is no failure."""
TOLD_WITHIN_S = 2.5
"""Results of sends are on the timeline after about one."""


class Night:
    """A server whose level 2 is Ana, who is called and texted at once and mailed much later; above is Bo.

    Args:
        database_url: an empty PostgreSQL database; None for SQLite in a home of its own.
    """

    def __init__(self, database_url: str | None = None) -> None:
        self._database_url = database_url
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Start everything."""
        enter = self._stack.enter_context
        self.twilio = enter(FakeTwilio())
        self.slack = enter(FakeSlack())
        self.sink = enter(SmtpSink())
        settings = {"TWILIO_TOKEN": self.twilio.token, "SLACK_WEBHOOK": self.slack.webhook_url}
        if self._database_url:
            settings["TOCSIN_DATABASE_URL"] = self._database_url
        home = _home(enter(temporary_folder()) / "home", self.twilio, self.sink, settings)
        self.server = enter(TocsinServer(home, service="claudex", sink=self.sink))
        headers = {"Authorization": f"Bearer {self.server.token}"}
        self.api = enter(
            httpx.Client(base_url=f"{self.server.url}/api/v1", headers=headers, timeout=30, trust_env=False)
        )
        return self

    def __exit__(self, *_: object) -> None:
        """Stop everything."""
        self._stack.close()

    def declare(self, title: str) -> str:
        """Begin a CRITICAL incident; its id."""
        asked = {"title": title, "service": "claudex", "severity": "CRITICAL"}
        return str(self.api.post("/incidents", json=asked).raise_for_status().json()["id"])

    def about(self, incident: str, what: str = "") -> Any:  # noqa: ANN401 - JSON
        """What the API shows of an incident."""
        return self.api.get(f"/incidents/{incident}{what}").raise_for_status().json()

    def seen(self, incident: str) -> list[Any]:
        """Everything that a call of a provider could change."""
        return [self.about(incident, what) for what in ("", "/timeline", "/pages")]

    def page(self, incident: str, channel: str) -> dict[str, Any]:
        """Ana's first page by a channel."""
        pages = self.about(incident, "/pages")["items"]
        return next(it for it in pages if (it["person"], it["channel"], it["attempt"]) == ("ana", channel, 1))

    def sent(self, incident: str, kind: str) -> Sent:
        """The message (`messages`) or call (`calls`) about an incident, once the server knows that it was taken."""
        channel = "voice" if kind == "calls" else "sms"
        until(lambda: self.page(incident, channel)["state"] not in {"planned", "sending"})
        page = self.page(incident, channel)["id"]
        known: list[Sent] = getattr(self.twilio, kind)
        return next(sent for sent in known if f"/status/{page}?" in sent.status_url)

    def acknowledged(self, incident: str) -> list[tuple[str, str]]:
        """Who acknowledged, and how we know."""
        timeline = self.about(incident, "/timeline")["items"]
        return [(it["by"], it["authenticated_by"]) for it in timeline if it["event"] == "acknowledged"]

    def reply(self, text: str, number: str = ANA, **more: str) -> httpx.Response:
        """Somebody writes a text message."""
        return self.twilio.reply(self.server.url + REPLY, number, text, **more)


def until(found: Callable[[], T], seconds: float = WITHIN_S) -> T:
    """Wait for something to be so.

    Raises:
        TimeoutError: it did not come about.
    """
    ends = time.monotonic() + seconds
    while True:
        value = found()
        if value:
            return value
        if time.monotonic() > ends:
            raise TimeoutError(f"nothing came of it within {seconds:g} s")
        time.sleep(0.05)


def _home(path: Path, twilio: FakeTwilio, sink: SmtpSink, settings: Mapping[str, str]) -> Home:
    values = {
        "mail.host": "127.0.0.1",
        "mail.port": sink.port,
        "sms.base_url": twilio.base_url,
        "sms.account_sid": twilio.account,
        "sms.auth_token": "${TWILIO_TOKEN}",
        "sms.sender": twilio.number,
        "slack.webhook_url": "${SLACK_WEBHOOK}",
    }
    home = lay_out(path, values=values, settings=settings)
    ways = [("voice", ANA, 0), ("sms", ANA, 0), ("email", "ana@example.org", 30)]
    ana = {
        "name": "Ana",
        "contacts": [{"channel": channel, "address": address} for channel, address, _ in (*ways, SLACK)],
        "rules": [{"channel": channel, "after": f"{after} min"} for channel, _, after in ways],
        "quiet": "email",
    }
    bo = {"name": "Bo", "contacts": [{"channel": "console", "address": "-"}]}
    people = {
        "people": {"ana": ana, "bo": bo},
        "schedules": {"ana": {"people": ["ana"]}, "bo": {"people": ["bo"]}},
        "staffing": {1: ["bo"], 2: ["ana"], 3: ["bo"], 4: ["bo"]},
    }
    service = {"title": "Claudex", "team": "Claudex", "group_by": ["alertname"]}
    (home.path / "procedures" / "people.yaml").write_text(json.dumps(people))
    (home.path / "procedures" / "services.yaml").write_text(json.dumps({"services": {"claudex": service}}))
    done = home.cli("apply")
    if done.returncode != 0:
        raise ChildError(f"tocsin apply ended with {done.returncode}.\n{done.stderr}{done.stdout}")
    return home


def answered_by_key(night: Night) -> dict[str, Any]:
    """Ana is called and presses 1."""
    began = time.monotonic()
    incident = night.declare("Key")
    call = night.sent(incident, "calls")
    pressed = time.monotonic()
    said = night.twilio.press(call, "1").text
    return {
        "incident": incident,
        "call_after_s": round(call.at - began, 2),
        "answered_after_s": round(time.monotonic() - pressed, 2),
        "holds": night.acknowledged(incident) == [("person:ana", "voice")] and "You have" in said,
    }


def answered_by_text(night: Night) -> dict[str, Any]:
    """Ana is texted and replies with the code."""
    incident = night.declare("Text")
    message = night.sent(incident, "messages")
    said = night.reply(code_in(message)).text
    return {
        "incident": incident,
        "length": len(message.text),
        "holds": night.acknowledged(incident) == [("person:ana", "sms")] and "You have" in said,
    }


def code_in(message: Sent) -> str:
    """The code that a text message asks for."""
    found = re.search(r"Reply (\d{6}) ", message.text)
    assert found is not None, message.text
    return found[1]


def refused(night: Night) -> dict[str, Any]:
    """Calls back that are forged, stale or repeated, wrong codes, other numbers, a voice box: none changes anything."""
    incident = night.declare("Forged")
    call, message = night.sent(incident, "calls"), night.sent(incident, "messages")
    code, twilio = code_in(message), night.twilio
    old = FakeTwilio(token="another-account's")
    stale = Sent(call.sid, {**call.fields, "Twiml": re.sub(r"until=\d+", "until=1700000000", call.fields["Twiml"])})
    before = until(lambda: settled(night, incident))
    turned_away = [
        old.press(call, "1"),
        old.report(call, "busy"),
        old.report(message, "delivered"),
        old.reply(night.server.url + REPLY, ANA, code),
        twilio.press(stale, "1"),
    ]
    harmless = [
        twilio.press(call, ""),
        twilio.report(call, "ringing"),
        night.reply(f"{(int(code) + 1) % 10**6:06}"),
        night.reply("I am on holiday."),
        night.reply(f"I am driving. {message.text}"),
        night.reply(code, number="+15550109999"),
    ]
    unchanged = night.seen(incident) == before
    night.reply(code, MessageSid="SM-kept-by-somebody")
    taken = night.acknowledged(incident) == [("person:ana", "sms")]
    before = until(lambda: settled(night, incident))
    again = [night.reply(code, MessageSid="SM-kept-by-somebody"), twilio.press(call, "1")]
    old.server_close()
    statuses = [answer.status_code for answer in turned_away]
    fine = all(answer.status_code in {200, 204} for answer in (*harmless, *again))
    return {
        "incident": incident,
        "turned_away": statuses,
        "without_effect": len(turned_away) + len(harmless) + len(again),
        "holds": set(statuses) <= {403, 410} and fine and unchanged and taken and night.seen(incident) == before,
    }


def settled(night: Night, incident: str) -> list[Any]:
    """What there is to see, once nothing is under way any more and the results of all sends are told; empty before."""
    pages = night.about(incident, "/pages")["items"]
    if any(it["state"] == "sending" or (it["state"] == "planned" and not it["urgent"]) for it in pages):
        return []
    before = night.seen(incident)
    time.sleep(TOLD_WITHIN_S)
    return before if night.seen(incident) == before else []


def lost(night: Night) -> dict[str, Any]:
    """The provider takes a call and a message and loses both: the mail that would come much later comes now."""
    night.twilio.behaviour = Behaviour.LOSES
    began = time.monotonic()
    try:
        incident = night.declare("Lost")
        until(lambda: night.page(incident, "email")["state"] == "accepted")
    finally:
        night.twilio.behaviour = Behaviour.WORKS
    after = time.monotonic() - began
    night.api.post(f"/incidents/{incident}/acknowledge", headers={"Tocsin-As": "bo"}, json={}).raise_for_status()
    return {"incident": incident, "other_way_after_s": round(after, 1), "holds": after <= 30}


def calls_about(night: Night, title: str) -> list[Sent]:
    """The calls about the incident with a title."""
    return [call for call in night.twilio.calls if f"Critical: {title}." in call.text]


def paired(night: Night) -> dict[str, Any]:
    """Nobody answers: a second call from the same number follows within three minutes."""
    incident = night.declare("Pair")
    night.twilio.report(night.sent(incident, "calls"), "no-answer")
    until(lambda: len(calls_about(night, "Pair")) > 1, 120)
    first, second = calls_about(night, "Pair")[:2]
    gap = second.at - first.at
    same = first.fields["From"] == second.fields["From"] == night.twilio.number
    return {"incident": incident, "second_call_after_s": round(gap, 1), "holds": same and 30 <= gap <= 180}


def main() -> int:
    """Run everything, each on the same server."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=150.0, help="a pair of calls is left out below 120")
    parser.add_argument("--database-url", help="an empty PostgreSQL database; SQLite when left out")
    asked = parser.parse_args()
    began = time.monotonic()
    pairs = asked.seconds >= 120
    steps = [answered_by_key, answered_by_text, refused, lost, *([paired] if pairs else [])]
    figures: dict[str, Any] = {"second_call_after_s": None}
    held = []
    with Night(asked.database_url) as night:
        for step in steps:
            print(f"{step.__name__} …", file=sys.stderr)
            line = step(night)
            print(json.dumps({"driver": "night", "step": step.__name__, **line}), flush=True)
            held.append(line.pop("holds"))
            figures |= {key: value for key, value in line.items() if key != "incident"}
        figures["calls_after_an_answer"] = sum(len(calls_about(night, it)) - 1 for it in ("Key", "Text", "Forged"))
    claim = (
        f"{'Calls come in pairs, a' if pairs else 'A'} key and a text reply acknowledge, and calls back that are not "
        "genuine change nothing."
    )
    holds = all(held) and not figures["calls_after_an_answer"]
    seconds = round(time.monotonic() - began, 1)
    print(json.dumps({"driver": "night", "claim": claim, "holds": holds, **figures, "seconds": seconds}), flush=True)
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
