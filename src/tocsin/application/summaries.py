"""The timeline in words: one sentence an event, for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Data = Mapping[str, Any]
Names = Mapping[str, str]

_CAUSES = {
    "ladder": "paging",
    "resolution": "acknowledged but not resolved; paging",
    "stale": "nobody has done anything since the acknowledgement; paging again",
    "severity": "the severity was raised; paging",
    "refire": "it fires again; paging",
    "reopened": "it was not over; paging",
    "escalated": "escalated by hand; paging",
    "unreachable": "nobody at the level before could be reached; paging",
    "offer": "asking to take over:",
    "offer-expired": "the hand-over was not accepted in time; paging",
    "declined": "paging the next:",
    "fallback": "paging",
}


def summarize(event: str, data: Data, by: str, names: Names) -> str:
    """One sentence.

    Args:
        event: its name on the log.
        data: its facts, with the words of people put back in.
        by: who did it, as on the log.
        names: person ids to names.
    """
    who = _who(by, names)
    return _SENTENCES[event](data, who, names)


def _who(by: str, names: Names) -> str:
    kind, _, name = by.partition(":")
    return names.get(name, name) if kind == "person" else name or "Tocsin"


def _name(person: str, names: Names) -> str:
    return names.get(person, person)


def _because(data: Data) -> str:
    return f": {data['why']}" if data["why"] else "."


def _round(data: Data, _who: str, names: Names) -> str:
    said = [f"{_name(target['person'], names)}{_level(target['level'])}" for target in data["targets"]]
    told = [f"{_name(post['person'], names)}{_level(post['level'])}" for post in data["posts"]]
    sentence = f"Round {data['round']}: {_CAUSES[data['cause']]} {', '.join(said) or 'nobody: nobody can be reached'}"
    if told:
        sentence += f"; told without waking: {', '.join(told)}"
    for empty, instead in data["fell_through"]:
        sentence += f"; level {empty} has nobody on call, so level {instead}"
    for level in data["unverified"]:
        sentence += f"; level {level} has nobody with a verified way to be reached"
    return sentence + "."


def _level(level: int) -> str:
    return f" (L{level})" if level else ""


def _severity(data: Data, who: str, _names: Names) -> str:
    if data["was"] == data["severity"]:
        return f"{who} confirmed {data['severity']}{_because(data)}"
    recomputed = "a new climb starts" if data["raised"] else "every deadline is recomputed"
    return f"{who} changed {data['was']} to {data['severity']}; {recomputed}{_because(data)}"


def _assigned(data: Data, _who: str, names: Names) -> str:
    how = "is acting" if data["acting"] else "is now"
    before = f", after {_name(data['was'], names)}" if data["was"] else ""
    return f"{_name(data['person'], names)} {how} {data['role']}{before}{_because(data)}"


def _results(data: Data, _who: str, _names: Names) -> str:
    counts: dict[str, int] = {}
    for result in data["results"]:
        counts[result["state"]] = counts.get(result["state"], 0) + 1
    return "Pages: " + ", ".join(f"{count} {state}" for state, count in sorted(counts.items())) + "."


def _acknowledged(data: Data, _who: str, names: Names) -> str:
    return f"{_name(data['person'], names)} {'has it' if data['taken'] else 'is on it'}."


def _attached(data: Data, who: str, _names: Names) -> str:
    parts = [f"{data[kind]} {words}" for kind, words in (("new", "new"), ("refired", "fired again")) if data[kind]]
    return f"Alerts from {who}: {', '.join(parts)}."


def _cleared(data: Data, who: str, _names: Names) -> str:
    held = "; all clear, the ladder waits" if data["held"] else ""
    return f"{data['cleared']} alert{'' if data['cleared'] == 1 else 's'} cleared by {who}{held}."


_SENTENCES: Mapping[str, Callable[[Data, str, Names], str]] = {
    "declared": lambda data, who, _names: f"{who} declared {data['severity']} on {data['service']}: {data['title']}",
    "alerts_attached": _attached,
    "joining_posted": lambda _data, _who, _names: "Whoever has it is told of the alerts that joined meanwhile.",
    "alerts_cleared": _cleared,
    "resumed": lambda _data, _who, _names: "It fires again: the ladder goes on where it was held.",
    "flapping_marked": lambda data, _who, _names: f"Flapping: {data['flaps']} re-fires; they open no more rounds.",
    "round_opened": _round,
    "acknowledged": _acknowledged,
    "acknowledgement_voided": lambda data, _who, names: (
        f"The acknowledgement of {_name(data['person'], names)} is void; the ladder resumes."
    ),
    "severity_changed": _severity,
    "escalated": lambda data, who, _names: f"{who} escalated to level {data['level']}{_because(data)}",
    "role_offered": lambda data, who, names: (
        f"{who} asks {_name(data['person'], names)} to be {data['role']}{_because(data)}"
    ),
    "role_assigned": _assigned,
    "declined": lambda data, _who, names: f"{_name(data['person'], names)} cannot take it{_because(data)}",
    "noted": lambda data, who, _names: f"{who}: {data['text']}",
    "pages_reported": _results,
    "level_unreachable": lambda data, _who, _names: f"Nobody paged at level {data['level']} can be reached.",
    "resolved": lambda data, who, _names: f"{who} resolved it: {data['why']}",
    "close_proposed": lambda data, who, _names: (
        f"{who} proposes to close it as {data['closed_as']}; a second person must say the same{_because(data)}"
    ),
    "closed": lambda data, who, _names: f"{who} closed it as {data['closed_as']}{_because(data)}",
    "reopened": lambda data, who, _names: f"{who} reopened it{_because(data)}",
}
"""Every event of the log; a test holds this table to the events there are."""
