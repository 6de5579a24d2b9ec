"""The small world at night: its people are called first, texted a minute later, and mailed after ten."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta

from tests.unit.application.world import PEOPLE, RecordingChannel, World, procedures
from tocsin.application import receipts
from tocsin.application.answers import Given, Heard, Said, answer
from tocsin.application.ports import Channel, Message, Outcome, Receipt, Word
from tocsin.application.records import Page
from tocsin.domain.people import Contact, Notify, Person
from tocsin.domain.procedures import Telephone

NUMBERS = {name: f"+1555010000{number}" for number, name in enumerate(PEOPLE, 1)}
ACCOUNT = Telephone("https://api.example.org", "AC1", "${TOKEN}", "+15550100000")


def reachable(name: str, *ways: str, **facts: object) -> Person:
    """Somebody with these ways, a minute apart; by default a call and a text message, and mail much later."""
    addresses = {"voice": NUMBERS[name], "sms": NUMBERS[name], "email": f"{name}@example.org"}
    after = {"voice": 0, "sms": 1, "email": 10}
    chosen = ways or tuple(addresses)
    person = Person(
        name,
        name.title(),
        tuple(Contact(way, addresses[way]) for way in chosen),
        tuple(Notify(way, timedelta(minutes=after[way])) for way in chosen),
        quiet="email",
    )
    return replace(person, **facts)


class Taking(RecordingChannel):
    """A channel whose provider reports later.

    Args:
        prefix: of the ids it gives.
        receipt: what it promises of each message.
    """

    def __init__(self, prefix: str, receipt: Receipt) -> None:
        super().__init__()
        self._prefix, self._receipt = prefix, receipt

    def send(self, message: Message, deadline: float) -> Receipt:
        """Take the message, or fail as it was told to."""
        super().send(message, deadline)
        return replace(self._receipt, provider_id=f"{self._prefix}{len(self.sent)}")


def _calls() -> Taking:
    return Taking("CA", Receipt(word_within=timedelta(seconds=25), again_after=timedelta(seconds=75)))


def _texts() -> Taking:
    return Taking("SM", Receipt(word_within=timedelta(seconds=20)))


@dataclass
class Night(World):
    """The world with a telephone."""

    voice: Taking = field(default_factory=_calls)
    sms: Taking = field(default_factory=_texts)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.team(*(reachable(name) for name in PEOPLE))

    @property
    def channels(self) -> Mapping[str, Channel]:
        return {"email": self.email, "webhook": self.webhook, "voice": self.voice, "sms": self.sms}

    def team(self, *people: Person) -> None:
        """Put these people in place of those of the same names."""
        known = {**PEOPLE, **{person.id: person for person in people}}
        usual = procedures()
        self.apply(procedures("night", people=known, site=replace(usual.site, telephone=ACCOUNT)))

    def pass_time(self, minutes: float) -> None:
        """Let time pass second by second; what is due is done, missing words of providers are missed."""
        until = self.clock.at + timedelta(minutes=minutes)
        while self.clock.at < until:
            super().pass_time(min(1 / 60, (until - self.clock.at).total_seconds() / 60))
            receipts.overdue(self.app)

    def page(self, channel: str, person: str = "", attempt: int = 1) -> Page:
        """The newest urgent page by a channel."""
        found = [
            page
            for page in self.pages()
            if page.urgent and page.channel == channel and page.attempt == attempt and person in {"", page.person}
        ]
        return found[-1]

    def word(self, page: Page, outcome: Outcome, callback: str = "once", **facts: object) -> None:
        """The provider says what became of a page."""
        word = Word(page.provider_id, outcome, "It did not arrive." if outcome is Outcome.FAILED else "")
        receipts.hear(self.app, page.id, replace(word, **facts), f"{callback} {page.id}")

    def answers(self, page: Page, said: Said = Said.TAKE, callback: str = "answer", by: str = "voice") -> Heard:
        """The person answers."""
        return answer(self.app, Given(page, said, by, f"{callback} {page.id}", page.provider_id))

    def seen(self) -> tuple[object, ...]:
        """Everything that an answer or a receipt could change."""
        return self.incident(), self.events(), self.pages()
