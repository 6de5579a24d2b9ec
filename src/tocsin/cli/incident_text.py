"""An incident in lines for people: the first line is the answer, everything fits 80 columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any

from tocsin.cli.printing import WIDTH, cut, paint, printable, table, wrapped
from tocsin.cli.times import age, distance, local, parsed
from tocsin.domain.severity import Severity

Data = Mapping[str, Any]

COLOURS = {Severity.CRITICAL: ("bold", "red"), Severity.HIGH: ("red",), Severity.MEDIUM: ("yellow",), Severity.LOW: ()}
_STEPS_SHOWN = 4
_CAUSES = {
    "ladder": "nobody acknowledged",
    "resolution": "acknowledged, not resolved",
    "stale": "silent since the acknowledgement",
    "offer-expired": "hand-over not accepted",
}


def moved(incident: Data, what: str, now: datetime | None = None) -> Iterator[str]:
    """What a command did, in two lines: the new state, and what happens next."""
    now = now or datetime.now(UTC)
    yield f"{incident['id']} {what}. {holder(incident, now)}"
    yield paint(
        f"{_badge(incident)}  {cut(printable(incident['title']), 50)}", *COLOURS[Severity(incident["severity"])]
    )


def holder(incident: Data, now: datetime, zone: tzinfo | None = None) -> str:
    """Who has it, and until when: the sentence that everything else explains."""
    if incident.get("resolved_at"):
        ended = parsed(incident["resolved_at"])
        how = f"closed as {incident['closed_as']}" if incident.get("closed_as") else "resolved"
        by = f" by {printable(incident['resolved_by'])}" if incident.get("resolved_by") else ""
        return f"It is over: {how}{by} at {local(ended, now, zone)}."
    due = _due(incident, now, zone)
    if incident.get("acknowledged_at"):
        since = local(parsed(incident["acknowledged_at"]), now, zone)
        who = printable(incident.get("acknowledged_by") or "Somebody")
        return f"{who} has it since {since}; {due}."
    return f"Nobody has it yet; {due}."


def _due(incident: Data, now: datetime, zone: tzinfo | None) -> str:
    if not incident.get("next_due_at"):
        return "nothing more happens by itself"
    at = parsed(incident["next_due_at"])
    return f"next {local(at, now, zone)} ({distance(at, now)})"


def _badge(incident: Data) -> str:
    level = f" L{incident['level']}" if incident.get("level") else ""
    return f"{incident['severity']}{level} {incident['status']}"


def incident_lines(incident: Data, steps: Data, now: datetime, zone: tzinfo | None = None) -> Iterator[str]:
    """Everything about one incident.

    Args:
        incident: the answer of `show`.
        steps: the answer of `next`.
        now: the present, aware.
        zone: for the times; None is the system's.
    """
    yield paint(holder(incident, now, zone), "bold")
    yield ""
    severity = Severity(incident["severity"])
    yield f"{incident['id']}  {paint(severity.value, *COLOURS[severity])}  {incident['status']}, {incident['phase']}"
    yield from wrapped("", printable(incident["title"]), 2)
    yield ""
    for label, text in _facts(incident, now, zone):
        yield from wrapped(label, text, 14)
    if steps["items"]:
        yield ""
        yield from next_lines({"items": steps["items"][:_STEPS_SHOWN]}, now, zone)
        if len(steps["items"]) > _STEPS_SHOWN:
            yield f"  and so on: tocsin next {incident['id']}"


def _facts(incident: Data, now: datetime, zone: tzinfo | None) -> Iterator[tuple[str, str]]:
    yield "service", printable(incident["service"])
    for label, name in (("impact", "impact"), ("users", "users"), ("symptoms", "symptoms")):
        if incident.get(name):
            yield label, printable(incident[name])
    for label, name in (("declared", "declared_at"), ("acknowledged", "acknowledged_at"), ("resolved", "resolved_at")):
        if incident.get(name):
            at = parsed(incident[name])
            yield label, f"{local(at, now, zone)} ({distance(at, now)})"
    acting = " (acting)" if incident.get("commander_acting") else ""
    yield "commander", f"{printable(incident.get('commander') or 'nobody yet')}{acting}"
    for held in incident.get("roles", ()):
        if held["role"] != "commander":
            yield held["role"], printable(held["person"])
    for offer in incident.get("offers", ()):
        yield "asked", f"{printable(offer['person'])} to be {offer['role']}"
    if incident.get("level"):
        yield "paged", f"up to level {incident['level']}, round {incident['round']}"
    yield "alerts", _alerts(incident)
    yield "pages", str(incident["pages"])
    yield "procedures", str(incident["procedures"])[:12]


def _alerts(incident: Data) -> str:
    remarks = [f"{incident['firing']} firing"] if incident.get("firing") else []
    remarks += ["flapping"] if incident.get("flapping") else []
    remarks += ["all clear, so the ladder waits"] if incident.get("held") else []
    return f"{incident['alerts']} ({', '.join(remarks)})" if remarks else str(incident["alerts"])


def next_lines(steps: Data, now: datetime, zone: tzinfo | None = None) -> list[str]:
    """The ladder ahead: when, which level, who, why."""
    if not steps["items"]:
        return ["Nothing more happens by itself."]
    rows = [_step(step, now, zone) for step in steps["items"]]
    return ["If nothing happens until then:", *("  " + line for line in table(rows))]


def _step(step: Data, now: datetime, zone: tzinfo | None) -> list[str]:
    at = parsed(step["at"])
    levels = ", ".join(f"L{level}" for level in step.get("levels") or ())
    told = [", ".join(printable(person) for person in step.get(name) or ()) for name in ("people", "posts")]
    people, posts = told[0], f"{told[1]}, told without waking" if told[1] else ""
    who = "; ".join(filter(None, (people, posts))) or "nobody on call"
    why = _CAUSES.get(step.get("cause", ""), printable(step.get("cause", "")))
    return [local(at, now, zone), distance(at, now), levels, f"{who} ({why})" if why else who]


def list_lines(answer: Data, now: datetime) -> Iterator[str]:
    """Incidents, one per line."""
    items = answer["items"]
    if not items:
        yield "There are no such incidents."
        return
    rows = [
        [
            one["id"],
            one["severity"],
            one["status"],
            _short_holder(one),
            age(parsed(one["declared_at"]), now),
            printable(one["title"]),
        ]
        for one in items
    ]
    head, *lines = table([["INC", "SEVERITY", "STATUS", "WHO", "AGE", "TITLE"], *rows])
    yield paint(head, "dim")
    for one, line in zip(items, lines, strict=True):
        ended = bool(one.get("resolved_at"))
        yield paint(line, *(("dim",) if ended else COLOURS[Severity(one["severity"])]))
    if answer.get("next"):
        yield f"There are more: tocsin list --cursor {answer['next']}"


def _short_holder(incident: Data) -> str:
    if incident.get("acknowledged_at") and incident.get("acknowledged_by"):
        return cut(printable(incident["acknowledged_by"]), 8)
    return "-" if incident.get("resolved_at") else "nobody"


def timeline_lines(answer: Data, now: datetime, zone: tzinfo | None = None) -> Iterator[str]:
    """What happened: when, what, and who did it where that is not Tocsin itself."""
    for entry in answer["items"]:
        by = "" if entry["by"] == "system" else f" [{_actor(entry)}]"
        stamp = local(parsed(entry["at"]), now, zone)
        yield from wrapped(stamp, f"{printable(entry['summary'])}{by}", max(len(stamp) + 2, 10))
    if answer.get("next"):
        yield f"There is more: --cursor {answer['next']}"


def _actor(entry: Data) -> str:
    who = printable(str(entry["by"]).partition(":")[2] or entry["by"])
    return f"{who}, {entry['authenticated_by']}" if entry.get("authenticated_by") else who


def proof_lines(answer: Data) -> Iterator[str]:
    """Whether the chain holds."""
    if answer["verified"]:
        yield paint("The timeline is whole: every entry follows from the one before it.", "green")
    else:
        yield paint("The timeline has been changed:", "bold", "red")
        yield from (f"  {printable(fault)}" for fault in answer["faults"])
    yield cut(f"head {answer['head']}", WIDTH)
