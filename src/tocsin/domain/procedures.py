"""A team's procedures as values: what a loaded and validated procedures directory means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from tocsin.domain.alerts import Grouping
from tocsin.domain.people import Person, Role
from tocsin.domain.policy import Policy
from tocsin.domain.schedules import Schedule
from tocsin.domain.severity import Severity


@dataclass(frozen=True, slots=True)
class Mail:
    """How mail goes out; values may be `${ENV}` references until they are used."""

    host: str = "localhost"
    port: int = 25
    security: str = "none"
    username: str = ""
    password: str = ""
    sender: str = "tocsin@example.org"


@dataclass(frozen=True, slots=True)
class Degraded:
    """When people hear that Tocsin itself cannot do its work.

    Args:
        after: how long something is wrong before the first mail.
        every: how long until it is said again while it lasts.
        to: mail addresses that are told beside whoever is on call.
    """

    after: timedelta = timedelta(minutes=1)
    every: timedelta = timedelta(minutes=10)
    to: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Telephone:
    """How text messages and calls go out: an account with a service that speaks Twilio's API.

    Args:
        base_url: where that API is.
        account_sid: the account; empty when there is none.
        auth_token: its secret, as a reference; it also signs what the service calls back with.
        sender: the number that messages and calls come from, always the same one.
    """

    base_url: str = ""
    account_sid: str = ""
    auth_token: str = ""
    sender: str = ""


@dataclass(frozen=True, slots=True)
class Site:
    """Company values (decision S): asked for at set-up, live, never bound to an incident."""

    organization: str = ""
    public_url: str = ""
    support_address: str = ""
    status_page_url: str = ""
    conference_url: str = ""
    heartbeat_url: str = ""
    heartbeat_every: timedelta = timedelta(minutes=1)
    degraded: Degraded = field(default_factory=Degraded)
    mail: Mail = field(default_factory=Mail)
    telephone: Telephone = field(default_factory=Telephone)
    slack_webhook: str = ""
    webhook_secret: str = ""


@dataclass(frozen=True, slots=True)
class Service:
    """Something that can break.

    Args:
        id: what the `service` label of an alert says.
        title: what people call it.
        grouping: how its alerts become incidents.
        staffing: level to the schedules that staff it, first to last.
        team: who owns it.
    """

    id: str
    title: str
    grouping: Grouping
    staffing: Mapping[int, tuple[str, ...]]
    team: str = ""


@dataclass(frozen=True, slots=True)
class RoleDescription:
    """What the team calls one of the five roles, and what it answers for (R1)."""

    title: str
    responsibility: str


@dataclass(frozen=True, slots=True)
class Bundles:
    """How what goes to one person by one channel is gathered, so that a flood does not bury them.

    Args:
        calm: as many pages within `every` are no flood.
        wait: how long a page that is not the first waits for company.
        every: in a flood, the time between one message and the next.
    """

    calm: int = 5
    wait: timedelta = timedelta(seconds=2)
    every: timedelta = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class SeverityDescription:
    """How people recognise a severity (R5).

    Args:
        criteria: what makes an incident this severe.
        symptoms: what users or monitoring report when it is.
    """

    criteria: tuple[str, ...] = ()
    symptoms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Procedures:
    """One version of a team's procedures.

    Args:
        version: hash of what was loaded.
        policy: the timings incidents declared under this version are bound to.
        services: by id; never empty.
        people: by id.
        schedules: by id.
        site: company values.
        pack: name of the pack these procedures were started from.
        title: what people call them.
        roles: the five roles, in the team's words (R1).
        severities: how each level is recognised (R5).
        bundles: how messages to people are gathered.
    """

    version: str
    policy: Policy
    services: Mapping[str, Service]
    people: Mapping[str, Person]
    schedules: Mapping[str, Schedule]
    site: Site
    pack: str = ""
    title: str = ""
    roles: Mapping[Role, RoleDescription] = field(default_factory=dict)
    severities: Mapping[Severity, SeverityDescription] = field(default_factory=dict)
    bundles: Bundles = field(default_factory=Bundles)

    def service(self, name: str | None, fallback: str) -> Service:
        """The named service, or the integration's own when the label names none we know (RULES.md)."""
        return self.services.get(name or "") or self.services.get(fallback) or next(iter(self.services.values()))
