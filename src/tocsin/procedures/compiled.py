"""From the stored form of procedures to the values the core works with.

A server starts from the version its database holds, so this needs neither YAML nor validation, and does not load them.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, time, timedelta
from typing import Any

from tocsin.domain.alerts import Grouping
from tocsin.domain.errors import ProceduresError
from tocsin.domain.people import Contact, Notify, Person, Role
from tocsin.domain.policy import Calendar, Policy, Rung, Timings, Wait
from tocsin.domain.procedures import (
    Bundles,
    Degraded,
    Mail,
    Procedures,
    RoleDescription,
    Service,
    SeverityDescription,
    Site,
    Telephone,
)
from tocsin.domain.rounds import VOICE
from tocsin.domain.schedules import Coverage, Schedule
from tocsin.domain.severity import Severity

Data = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Document:
    """One version of a team's procedures as it is stored: plain data, every default filled in, no secret in it.

    Args:
        version: SHA-256 of the data as canonical JSON, hexadecimal.
        data: what `compile_document` reads; JSON carries it unchanged.
    """

    version: str
    data: dict[str, Any]


def seal(data: dict[str, Any]) -> Document:
    """Give data its version: the hash of its UTF-8 JSON with sorted keys and no spaces."""
    canonical = json.dumps(data, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return Document(hashlib.sha256(canonical.encode()).hexdigest(), data)


def compile_document(data: Data, version: str) -> Procedures:
    """Turn stored procedures into values.

    Args:
        data: `Document.data`, or the same read back from JSON.
        version: `Document.version`.

    Raises:
        ProceduresError: the data is not what `tocsin.procedures.loader.document` makes.
    """
    try:
        return _procedures(data, version)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ProceduresError(
            [f"version {version[:12]}:1:1: the stored procedures cannot be read ({error!r}); run `tocsin apply` again"]
        ) from error


def _procedures(data: Data, version: str) -> Procedures:
    rules = data["procedures"]
    labels = {label.lower(): Severity(meaning) for label, meaning in rules["alerts"]["severity_labels"].items()}
    default = data["people"]["staffing"]
    return Procedures(
        version=version,
        policy=_policy(rules, version),
        services={each["id"]: _service(each, labels, default) for each in data["services"]["services"]},
        people={name: _person(name, each, rules) for name, each in data["people"]["people"].items()},
        schedules={name: _schedule(name, each, rules) for name, each in data["people"]["schedules"].items()},
        site=_site(data["site"]),
        pack=rules["pack"],
        title=rules["title"],
        roles={role: RoleDescription(**rules["roles"][role]) for role in Role},
        bundles=_bundles(rules.get("bundles", {})),
        severities={severity: _description(rules["severities"][severity]) for severity in Severity},
    )


def _bundles(rules: Data) -> Bundles:
    """Versions kept by releases that gathered nothing say nothing."""
    usual = Bundles()
    return Bundles(
        calm=rules.get("calm", usual.calm),
        wait=timedelta(seconds=rules["wait"]) if "wait" in rules else usual.wait,
        every=timedelta(seconds=rules["every"]) if "every" in rules else usual.every,
    )


def _policy(rules: Data, version: str) -> Policy:
    alerts = rules["alerts"]
    return Policy(
        version=version,
        timings={severity: _timings(rules["severities"][severity]) for severity in Severity},
        levels={int(level): name for level, name in rules["levels"].items()},
        calendar=Calendar(
            timezone=rules["timezone"],
            workdays=frozenset(rules["business_hours"]["days"]),
            opens=time.fromisoformat(rules["business_hours"]["opens"]),
            holidays=frozenset(map(date.fromisoformat, rules["holidays"])),
        ),
        default_level=rules["default_level"],
        reopen_within=timedelta(seconds=alerts["reopen_within"]),
        flaps=alerts["flaps"],
        flap_window=timedelta(seconds=alerts["flap_window"]),
        offer_within=timedelta(seconds=rules["offer_within"]),
    )


def _timings(severity: Data) -> Timings:
    return Timings(
        respond_within=_span_or_wait(severity["respond_within"]),
        unacknowledged=tuple(map(_rung, severity["unacknowledged"])),
        repeat_every=_span(severity["repeat_every"]),
        acknowledged=tuple(map(_rung, severity["acknowledged"])),
        stale_after=_span(severity["stale_after"]),
        void_after=timedelta(seconds=severity["void_after"]),
        climbs_when_clear=severity["climbs_when_clear"],
        update_every=_span(severity["update_every"]),
        voice=severity["voice"],
    )


def _rung(rung: Data) -> Rung:
    only = rung["channels"]
    return Rung(
        after=_span_or_wait(rung["after"]),
        page=tuple(rung["page"]),
        post=tuple(rung["post"]),
        channels=None if only is None else tuple(only),
    )


def _description(severity: Data) -> SeverityDescription:
    return SeverityDescription(criteria=tuple(severity["criteria"]), symptoms=tuple(severity["symptoms"]))


def _service(service: Data, labels: Mapping[str, Severity], default: Data) -> Service:
    staffing = {int(level): tuple(schedules) for level, schedules in {**default, **service["staffing"]}.items()}
    return Service(
        id=service["id"],
        title=service["title"],
        grouping=Grouping(
            service=service["id"],
            group_by=tuple(service["group_by"]),
            by_name={name: Severity(severity) for name, severity in service["alerts"].items()},
            by_label=labels,
        ),
        staffing=dict(sorted(staffing.items())),
        team=service["team"],
    )


def _person(name: str, person: Data, rules: Data) -> Person:
    contacts = tuple(Contact(**contact) for contact in person["contacts"])
    first = next(contact.channel for contact in contacts if contact.verified)
    chosen = person["rules"] or [{"channel": first, "after": 0}]
    return Person(
        id=name,
        name=person["name"],
        contacts=contacts,
        rules=tuple(Notify(rule["channel"], timedelta(seconds=rule["after"])) for rule in chosen),
        quiet=person["quiet"] or next((it.channel for it in contacts if it.verified and it.channel != VOICE), first),
        timezone=person["timezone"] or rules["timezone"],
    )


def _schedule(name: str, schedule: Data, rules: Data) -> Schedule:
    return Schedule(
        id=name,
        people=tuple(schedule["people"]),
        rotation=schedule["rotation"],
        starts_on=date.fromisoformat(schedule["starts_on"]),
        handover=time.fromisoformat(schedule["handover"]),
        timezone=schedule["timezone"] or rules["timezone"],
        coverage=_coverage(schedule["coverage"], rules["business_hours"]),
    )


def _coverage(coverage: Data | str | None, business_hours: Data) -> Coverage | None:
    match coverage:
        case None:
            return None
        case str():
            hours = business_hours
        case _:
            hours = coverage
    opens, closes = time.fromisoformat(hours["opens"]), time.fromisoformat(hours["closes"])
    return Coverage(days=frozenset(hours["days"]), opens=opens, closes=closes)


def _site(site: Data) -> Site:
    return Site(
        organization=site["organization"],
        public_url=site["public_url"],
        support_address=site["support_address"],
        status_page_url=site["status_page_url"],
        conference_url=site["conference_url"],
        heartbeat_url=site["heartbeat_url"],
        heartbeat_every=timedelta(seconds=site.get("heartbeat_every", 60)),
        degraded=_degraded(site.get("degraded")),
        mail=Mail(**site["mail"]),
        telephone=Telephone(**(site["sms"] or {})),
        slack_webhook=(site["slack"] or {}).get("webhook_url", ""),
        webhook_secret=(site["webhook"] or {}).get("secret", ""),
    )


def _degraded(said: Data | None) -> Degraded:
    """Versions of the first release do not have it."""
    if said is None:
        return Degraded()
    return Degraded(timedelta(seconds=said["after"]), timedelta(seconds=said["every"]), tuple(said["to"]))


def _span(seconds: int | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _span_or_wait(stored: int | str) -> timedelta | Wait:
    return Wait(stored) if isinstance(stored, str) else timedelta(seconds=stored)
