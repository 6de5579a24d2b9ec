"""★ One incident's whole life in acts, each observed from outside: by HTTP, by mail, by how a process ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from tocsin.demo.alerting import ALERT
from tocsin.demo.api import Api
from tocsin.demo.mails import PageMail, of_level, read_page
from tocsin.demo.smtp_sink import ReceivedMail
from tocsin.demo.stage import SERVICE, Stage
from tocsin.demo.steps import UnmetError

_OK, _ACCEPTED, _SEE_OTHER, _BROKEN = 200, 202, 303, 503
_FIRST_CLIMB = timedelta(minutes=5)
_SLACK = timedelta(seconds=0.2)
"""The mail server's clock and the database's are read one after the other."""
_QUIET_FOR = timedelta(seconds=1)
"""How long after its moment a page that must not come is waited for; one that does come takes some milliseconds."""
_RESTORED = "configuration restored from the backup; --validate-config and /healthz are green again"

T = TypeVar("T")


@dataclass(slots=True)
class Story:
    """What the acts have learned so far.

    Args:
        stage: where it plays.
        incident: its id, once there is one.
        first: the page to level 2.
        second: the page to level 3.
        holder: the person who acknowledged.
        missed: the round that the acknowledgement stopped.
        shown: how many entries of the timeline the audience has seen.
    """

    stage: Stage
    incident: str = ""
    first: PageMail | None = None
    second: PageMail | None = None
    holder: str = ""
    missed: Mapping[str, Any] = field(default_factory=dict)
    shown: int = 0

    def show(self) -> dict[str, Any]:
        """The incident as the API shows it."""
        return self.stage.api.get(f"/incidents/{self.incident}")

    def tell_news(self) -> None:
        """Pass on what is new on the timeline."""
        if not self.incident:
            return
        entries = self.stage.api.get(f"/incidents/{self.incident}/timeline")["items"]
        for entry in entries[self.shown :]:
            self.stage.steps.audience.happened(entry)
        self.shown = len(entries)

    def mail(self, is_it: Callable[[ReceivedMail], bool], expected: str, after_s: float = 0) -> ReceivedMail:
        """Wait for a mail.

        Raises:
            UnmetError: it did not come; says which did.
        """
        sink = self.stage.sink

        def look() -> ReceivedMail | None:
            return next(filter(is_it, sink.messages), None)

        def seen() -> str:
            came = [f"{mail.subject} (to {', '.join(mail.recipients)})" for mail in sink.messages]
            return "; ".join(came) or "no mail at all"

        return self.stage.steps.until(look, expected, seen, after_s)


def play(stage: Stage, until: str = "") -> Story:
    """Play the story.

    Args:
        stage: everything it needs, running.
        until: name of the act to stop after; "" plays them all.

    Raises:
        StepFailedError: something was not observed.
        LookupError: there is no such act.
    """
    names = [act.__name__ for act in ACTS]
    if until and until not in names:
        raise LookupError(f"There is no act {until!r}; there are {', '.join(names)}.")
    story = Story(stage)
    stage.steps.meanwhile.append(story.tell_news)
    for name, act in zip(names, ACTS, strict=True):
        act(story)
        if name == until:
            break
    return story


def fault(story: Story) -> None:
    """The product's configuration is broken, and everybody can see it."""
    product, steps = story.stage.product, story.stage.steps
    with steps.step("fault", "Its configuration is broken, for real") as observed:
        line = product.break_configuration()
        steps.until(
            lambda: True if product.health()[0] == _BROKEN and product.config_valid() == 0 else None,
            "claudex to answer 503 and to say claudex_config_valid 0",
            lambda: f"{product.health()[0]} and claudex_config_valid {product.config_valid()}",
        )
        said = product.health()[1].splitlines()[-1].rpartition("/")[2]
        observed.note("written", f"config.toml: {line}")
        observed.note("claudex", f"/healthz 503 · claudex_config_valid 0 · {said}")


def alert(story: Story) -> None:
    """Alertmanager's webhook is taken: the alert is on disk."""
    with story.stage.steps.step("alert", "Alertmanager's webhook about it is taken: 202, so it is on disk") as observed:
        _send_webhook(story, "firing")
        observed.note("sent", f"{ALERT}, severity critical, to /ingest/KEY/alertmanager")


def incident(story: Story) -> None:
    """It is a CRITICAL incident, and level 2 is paged at once."""
    api, steps = story.stage.api, story.stage.steps
    with steps.step("incident", "It is a CRITICAL incident at level 2") as observed:
        opened = steps.until(
            lambda: next(iter(api.get("/incidents?status=open")["items"]), None),
            "an open incident",
            lambda: "none",
        )
        found = (opened["severity"], opened["level"], opened["service"])
        if found != ("CRITICAL", 2, SERVICE):
            raise UnmetError(f"CRITICAL at level 2 on {SERVICE}", f"{found[0]} at level {found[1]} on {found[2]}")
        story.incident = opened["id"]
        observed.note("incident", f"{opened['id']} {opened['title']}")


def mail(story: Story) -> None:
    """Real mail reaches the person on call at level 2."""
    with story.stage.steps.step("mail", "Real mail reaches whoever is on call at level 2") as observed:
        came = story.mail(of_level(2, story.incident), "a mail whose subject begins with CRITICAL L2")
        story.first = read_page(came)
        story.first.tell(observed)


def climb(story: Story) -> None:
    """Nobody answers, so it climbs to level 3, and not before its time."""
    wait = story.stage.pace.of(_FIRST_CLIMB)
    wait_s = wait.total_seconds()
    with story.stage.steps.step("climb", f"Nobody answers: after {wait_s:g} s it climbs to level 3") as observed:
        expected = f"a mail whose subject begins with CRITICAL L3, {wait_s:g} s after the declaration"
        came = story.mail(of_level(3, story.incident), expected, wait_s)
        after = came.received_at - _instant(story.show()["declared_at"])
        if after < wait - _SLACK:
            raise UnmetError(expected, f"one after {after.total_seconds():.2f} s")
        story.second = read_page(came)
        story.second.tell(observed)


def look(story: Story) -> None:
    """Looking at the link shows the incident and acknowledges nothing: mail scanners follow links."""
    with story.stage.steps.step("look", "Looking at the link shows the incident and changes nothing") as observed:
        answer = _anonymous(story, "GET")
        if answer[0] != _OK or story.incident not in answer[1]:
            raise UnmetError(f"200 and a page about {story.incident}", f"{answer[0]}: {answer[1][:200]}")
        at = story.show()["acknowledged_at"]
        if at is not None:
            raise UnmetError("nobody to have it after a GET", f"it counts as acknowledged since {at}")
        observed.note("GET", "200, a page with one button; the incident is still unacknowledged")


def acknowledge(story: Story) -> None:
    """Using the link acknowledges as the person it was sent to."""
    with story.stage.steps.step("acknowledge", "Using the link acknowledges, as the person it was sent to") as observed:
        pages = story.stage.api.get(f"/incidents/{story.incident}/pages")["items"]
        person = _first(page["person"] for page in pages if page["level"] == 3 and page["urgent"])  # noqa: PLR2004 - L3
        ahead = story.stage.api.get(f"/incidents/{story.incident}/next")["items"]
        status, body = _anonymous(story, "POST")
        found = story.show()
        if (status, found["acknowledged_by"], found["commander"]) != (_SEE_OTHER, person, person):
            seen = (
                f"{status}, acknowledged by {found['acknowledged_by']}, commanded by {found['commander']} {body[:200]}"
            )
            raise UnmetError(f"303, acknowledged and commanded by {person}", seen)
        story.holder = person
        taken_at = _instant(found["acknowledged_at"])
        story.missed = _first(step for step in ahead if _instant(step["at"]) > taken_at)
        observed.note("POST", f"303; {person} has it, and commands until somebody is named")


def taken(story: Story) -> None:
    """Whoever was paged before gets one quiet message that it is taken."""
    assert story.first is not None
    paged_before = story.first.to
    with story.stage.steps.step("taken", "Whoever was paged before hears that it is taken") as observed:
        came = story.mail(
            lambda one: " has it: " in one.subject and story.incident in one.subject and paged_before in one.recipients,
            f'a mail "… has it" to {paged_before}',
        )
        observed.note("mail to", paged_before)
        observed.note("subject", came.subject)


def quiet(story: Story) -> None:
    """The round that would have come does not come."""
    stopped_at = _instant(story.missed["at"])
    levels = ", ".join(f"L{level}" for level in story.missed["levels"])
    with story.stage.steps.step("quiet", f"Nobody else is woken: the page to {levels} does not go out") as observed:
        story.stage.steps.until(
            lambda: True if datetime.now(UTC) > stopped_at + _QUIET_FOR else None,
            "time to pass",
            lambda: "a clock that stands still",
            (stopped_at - datetime.now(UTC)).total_seconds(),
        )
        taken_at = _instant(story.show()["acknowledged_at"])
        pages = story.stage.api.get(f"/incidents/{story.incident}/pages")["items"]
        planned = [page["id"] for page in pages if page["urgent"] and _instant(page["intended_at"]) > taken_at]
        woken = [
            one.subject
            for one in story.stage.sink.messages
            if one.subject.startswith("CRITICAL L") and one.received_at >= stopped_at
        ]
        if woken or planned:
            raise UnmetError("no page after the acknowledgement", "; ".join([*woken, *planned]))
        observed.note("due", f"{story.missed['summary']}, at {stopped_at.astimezone():%H:%M:%S}: no mail came")


def mend(story: Story) -> None:
    """The configuration is mended, and the product says so."""
    product, steps = story.stage.product, story.stage.steps
    with steps.step("mend", "The configuration is restored from its backup") as observed:
        product.restore_configuration()
        said = product.run("--validate-config")
        steps.until(
            lambda: True if product.health()[0] == _OK and product.config_valid() == 1 else None,
            "claudex to answer 200 and to say claudex_config_valid 1",
            lambda: f"{product.health()[0]} and claudex_config_valid {product.config_valid()}",
        )
        observed.note("validated", said.rpartition("/")[2])
        observed.note("claudex", "/healthz 200 · claudex_config_valid 1")


def cleared(story: Story) -> None:
    """Alertmanager says that the alert is over; that alone resolves nothing."""
    with story.stage.steps.step("cleared", "Alertmanager's webhook says it is over; a person still has to") as observed:
        _send_webhook(story, "resolved")
        story.stage.steps.until(
            lambda: True if story.show()["firing"] == 0 else None,
            "no alert firing",
            lambda: f"{story.show()['firing']} firing",
        )
        found = story.show()
        if found["resolved_at"] is not None:
            raise UnmetError("the incident to stay open until a person resolves it", found["status"])
        observed.note("alerts", f"0 of {found['alerts']} firing; the incident is {found['status']}")


def resolve(story: Story) -> None:
    """The commander resolves it by a signed statement."""
    api = story.stage.api
    with story.stage.steps.step("resolve", "The commander resolves it, with a signed statement") as observed:
        granted = api.post("/tokens", {"role": "commander", "person": story.holder, "name": "demo"})
        with Api(story.stage.server.url, granted["token"]) as commander:
            found = commander.post(f"/incidents/{story.incident}/resolve", {"why": _RESTORED})
        if (found["status"], found["resolved_by"]) != ("RESOLVED", story.holder):
            raise UnmetError(f"RESOLVED by {story.holder}", f"{found['status']} by {found['resolved_by']}")
        observed.note("signed by", f"{story.holder}, with a token of their own")
        observed.note("statement", _RESTORED)


def all_clear(story: Story) -> None:
    """Everybody who was told gets the all-clear."""
    with story.stage.steps.step("all_clear", "Everybody who was told gets the all-clear") as observed:
        told = sorted({to for one in story.stage.sink.messages for to in one.recipients})
        for address in told:
            story.mail(_all_clear_to(address, story.incident), f"an all-clear to {address}")
        observed.note("mail to", ", ".join(told))


def verify(story: Story) -> None:
    """The timeline proves that nobody rewrote it."""
    with story.stage.steps.step("verify", "The timeline is whole: every hash follows from the one before") as observed:
        story.tell_news()
        done = story.stage.server.cli("timeline", story.incident, "--verify")
        said = done.stdout.splitlines()[-2:]
        if done.returncode != 0:
            raise UnmetError(
                "tocsin timeline --verify to end with 0", " ".join([str(done.returncode), *said, done.stderr])
            )
        observed.note("command", f"tocsin timeline {story.incident} --verify")
        for line in said:
            observed.note("said", line)


ACTS: tuple[Callable[[Story], None], ...] = (
    *(fault, alert, incident, mail, climb, look, acknowledge, taken, quiet, mend, cleared, resolve, all_clear, verify),
)
"""The story, in order; an act's name is the name of its step."""


def _send_webhook(story: Story, status: str) -> None:
    payload = story.stage.rule.webhook()
    if payload["status"] != status:
        raise UnmetError(f"the metrics to say {status}", str(payload["status"]))
    answer = story.stage.api.ask("POST", story.stage.server.urls["alertmanager"], payload)
    if answer.status_code != _ACCEPTED or answer.json() != {"accepted": 1, "rejected": []}:
        raise UnmetError("202 and one alert accepted", f"{answer.status_code} {answer.text[:200]}")


def _anonymous(story: Story, method: str) -> tuple[int, str]:
    """Status and body of a request to the link in level 3's mail, from somebody without a token."""
    assert story.second is not None
    with Api(story.stage.server.url) as browser:
        answer = browser.ask(method, story.second.link)
        return answer.status_code, answer.text


def _first(items: Iterable[T]) -> T:
    for item in items:
        return item
    raise LookupError("the API's answer does not hold what the demo looks for: a page to level 3 and a round to come")


def _all_clear_to(address: str, incident_id: str) -> Callable[[ReceivedMail], bool]:
    return lambda one: one.subject.startswith(f"All clear: {incident_id}") and address in one.recipients


def _instant(stamp: str) -> datetime:
    return datetime.fromisoformat(stamp)
