"""A small world around the application: a store in memory, a clock set by hand, channels that keep what they are sent.

The team has one person at each level; everybody is reached by mail at once and by webhook two minutes later.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.contract.store.reaching import spoil
from tests.unit.application.hand_clock import HandClock
from tests.unit.domain.promised import POLICY
from tocsin.application import deliver as delivery
from tocsin.application import timekeeping
from tocsin.application.app import Application, Shelf
from tocsin.application.catalogue import OPERATIONS
from tocsin.application.ingest import Delivery, ingest
from tocsin.application.ports import Channel, ChannelError, Database, Message, Receipt
from tocsin.application.records import Integration, Page
from tocsin.bootstrap import compile_version
from tocsin.db.clock import SteadyClock
from tocsin.db.sqlite import SqliteDatabase
from tocsin.domain.alerts import Grouping, Signal
from tocsin.domain.events import Actor, Event
from tocsin.domain.incident import Incident
from tocsin.domain.people import Contact, Notify, Person
from tocsin.domain.procedures import Procedures, Service, Site
from tocsin.domain.schedules import Schedule
from tocsin.domain.severity import Severity

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
"""A Monday."""

BY_LABEL = {
    "critical": Severity.CRITICAL,
    "error": Severity.HIGH,
    "warning": Severity.MEDIUM,
    "info": Severity.LOW,
}


def person(name: str, **facts: Any) -> Person:
    """Somebody reached by mail at once and by webhook after two minutes."""
    usual = Person(
        name,
        name.title(),
        (Contact("email", f"{name}@example.org"), Contact("webhook", f"https://hooks.example.org/{name}")),
        (Notify("email"), Notify("webhook", timedelta(minutes=2))),
    )
    return replace(usual, **facts)


PEOPLE = {name: person(name) for name in ("ana", "bo", "cem", "dee")}
LEVELS = {1: "ana", 2: "bo", 3: "cem", 4: "dee"}


def service(name: str, **facts: Any) -> Service:
    grouping = Grouping(service=name, by_name={"ClaudexDown": Severity.CRITICAL}, by_label=BY_LABEL)
    usual = Service(name, name.title(), grouping, {level: (f"level-{level}",) for level in LEVELS})
    return replace(usual, **facts)


def procedures(version: str = "v1", **facts: Any) -> Procedures:
    """The team's procedures, with the timings of RULES.md."""
    usual = Procedures(
        version=version,
        policy=replace(POLICY, version=version),
        services={name: service(name) for name in ("claudex", "docs")},
        people=PEOPLE,
        schedules={f"level-{level}": Schedule(f"level-{level}", (name,)) for level, name in LEVELS.items()},
        site=Site(organization="Example", public_url="https://tocsin.example.org"),
    )
    return replace(usual, **facts)


class RecordingChannel:
    """`application.ports.Channel` that keeps what it was given; `fails` has what the next sends end in."""

    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.fails: list[ChannelError] = []
        self.down: ChannelError | None = None
        self.proves_delivery = False
        self.meanwhile: Callable[[Message], None] = lambda _message: None

    def send(self, message: Message, deadline: float) -> Receipt:
        """Take the message, or fail as it was told to."""
        assert deadline == delivery.SEND_DEADLINE_S
        self.meanwhile(message)
        error = self.fails.pop(0) if self.fails else self.down
        if error is not None:
            raise error
        self.sent.append(message)
        return Receipt(f"provider-{len(self.sent)}", delivered=self.proves_delivery)

    def close(self) -> None:
        """Nothing is held."""


def laid_out(folder: Path) -> sqlite3.Connection:
    """A database of the latest schema, to make stores in memory from."""
    store = SqliteDatabase(folder / "template.db", SteadyClock())
    store.migrate()
    store.close()
    return sqlite3.connect(folder / "template.db", check_same_thread=False)


def in_memory(template: sqlite3.Connection, clock: HandClock) -> SqliteDatabase:
    """A store in memory with the latest schema and nothing in it."""
    store = SqliteDatabase(":memory:", clock)
    template.backup(store._writer_connection)
    return store


@dataclass
class World:
    """The application and everything around it.

    Args:
        database: where it keeps things.
        clock: the time, unless the database has its own.
        crash: called at every crash point.
    """

    database: Database
    clock: HandClock
    crash: Callable[[str], None] = lambda _point: None
    known: dict[str, Procedures] = field(default_factory=dict)
    email: RecordingChannel = field(default_factory=RecordingChannel)
    webhook: RecordingChannel = field(default_factory=RecordingChannel)

    def __post_init__(self) -> None:
        self.app = self.node("n1")
        self.apply(procedures())
        self.prometheus = self.integration("prometheus")

    def node(self, name: str) -> Application:
        """One more process on the same database."""
        return Application(
            database=self.database,
            shelf=Shelf(self._compile),
            link_key=b"secret",
            node=name,
            machines=frozenset({"webhook"}),
            crash=self.crash,
        )

    @property
    def channels(self) -> Mapping[str, Channel]:
        return {"email": self.email, "webhook": self.webhook}

    def _compile(self, data: bytes, version: str) -> Procedures:
        return self.known[version] if version in self.known else compile_version(data, version)

    def apply(self, wanted: Procedures) -> None:
        """Put procedures in force."""
        self.known[wanted.version] = wanted
        self.app.shelf._versions.pop(wanted.version, None)
        now = self.database.now()
        self.database.transact(lambda tx: tx.accounts.save_procedures(wanted.version, b"by hand", now))

    def integration(self, name: str, belongs_to: str = "claudex") -> Integration:
        """One more sender."""
        made = Integration(f"int-{name}", name, f"key-{name}", belongs_to, self.database.now())
        self.database.transact(lambda tx: tx.accounts.add_integration(made))
        return made

    def ingest(self, *signals: Signal, sender: Integration | None = None) -> bool:
        """One request of a sender."""
        return self.ingest_all([Delivery(sender or self.prometheus, signals)])

    def ingest_all(self, deliveries: Sequence[Delivery]) -> bool:
        """Several requests in one commit."""
        return self.database.transact(lambda tx: ingest(self.app, tx, deliveries))

    def begin(self, severity: Severity = Severity.HIGH) -> Incident:
        """An incident of that severity, from an alert, with its first round open."""
        label = next(word for word, meaning in BY_LABEL.items() if meaning is severity)
        self.ingest(signal(severity=label))
        return self.incident()

    def incident(self, name: str = "last") -> Incident:
        def work(tx: Any) -> Incident:
            return tx.incidents.load(tx.incidents.resolve_name(name)[0])

        return self.database.read(work)

    def incidents(self) -> list[Incident]:
        """All, oldest first."""
        return self.database.read(lambda tx: tx.incidents.page_of("", "", 1000))[::-1]

    def events(self, kind: type[Event] | None = None, name: str = "last") -> list[Any]:
        """What happened to an incident, or only one kind of it."""
        happened = self.database.read(lambda tx: tx.incidents.events(tx.incidents.resolve_name(name)[0]))
        return [event for event in happened if kind is None or isinstance(event, kind)]

    def pages(self, name: str = "last") -> list[Page]:
        return self.database.read(lambda tx: tx.pages.page_of(tx.incidents.resolve_name(name)[0], "", 1000))

    def alerts(self, name: str = "last") -> list[dict[str, Any]]:
        return self.database.read(lambda tx: tx.alerts.page_of(tx.incidents.resolve_name(name)[0], 0, 1000))

    def spoil(self, statement: str, *values: Any) -> None:
        """Change what is stored behind the application's back."""
        spoil(self.database, statement, *values)

    def does(self, who: str, operation: str, body: Any = None, **where: str) -> Any:
        """A signed-in person uses an operation, on the newest incident unless another is named."""
        asked = OPERATIONS[operation]
        where = {"incident": "last", **where} if "{incident}" in asked.path else where
        actor = Actor(f"person:{who}", "session")
        return asked.run(self.app, actor, asked.body() if body is None else body, **where)

    def tick(self) -> timekeeping.Ticked:
        return timekeeping.tick(self.app)

    def send_due(self, app: Application | None = None) -> list[delivery.Outcome | None]:
        """Claim and deliver everything that is due on every channel."""
        node, outcomes = app or self.app, []
        for name in self.channels:
            outcomes += [delivery.deliver(node, self.channels, page) for page in delivery.claim(node, name, 1000)]
        return outcomes

    def pass_time(self, minutes: float) -> None:
        """Let time pass: at every instant at which something is due it is done."""
        until = self.clock.at + timedelta(minutes=minutes)
        while True:
            waits = [it for it in (timekeeping.next_tick(self.app), timekeeping.next_page(self.app)) if it is not None]
            wait = max(min(waits, default=timedelta.max), timedelta(0))
            if wait > until - self.clock.at:
                break
            self.clock.at += wait
            self.tick()
            self.send_due()
        self.clock.at = until


def signal(name: str = "DiskFull", *, firing: bool = True, **facts: Any) -> Signal:
    """An alert as a source reads it; labels may be given by name, `instance` separates alerts."""
    rest = {key: facts.pop(key) for key in ("starts_at", "ends_at", "annotations", "link") if key in facts}
    labels = {"alertname": name, "service": "claudex", **facts}
    return Signal({key: value for key, value in labels.items() if value is not None}, firing, **rest)
