"""What the files say about each other: names that lead nowhere, levels without anybody, values nobody has filled in.

These checks read the trees rather than the validated models, so that a slip in one place hides nothing in another.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Final

from tocsin.procedures.faults import Fault
from tocsin.procedures.fields import LEVELS, nearest
from tocsin.procedures.tree import Node, Scalar, Series, Table, find, part, scalars, texts

_PLACEHOLDER: Final = re.compile(
    r"(?i:\bchange[-_]?me\b|\byour[-_](company|domain|name)\b|(?<![\w-])company\.com\b)"
    r"|\bTODO\b|\bFIXME\b|\[[A-Z][A-Z0-9_ /-]+\]|<[A-Z][A-Z0-9_ -]+>|\{\{.*\}\}"
)
"""What templates leave for people to fill in; "[ZOOM_LINK]" and "company.com" are the procedures' own (decision S)."""


def placeholders(trees: Mapping[str, Node]) -> Iterator[Fault]:
    """Every value that was left for people to fill in (decision S).

    Args:
        trees: those files that could be read, by name.
    """
    for file, tree in trees.items():
        for scalar in scalars(tree):
            if isinstance(scalar.value, str) and (found := _PLACEHOLDER.search(scalar.value)):
                yield Fault(file, scalar.place, f"{found[0]!r} is a placeholder; write your own value")


def dangling(trees: Mapping[str, Node]) -> Iterator[Fault]:
    """Everything that is wrong between files.

    Args:
        trees: those files that could be read, by name.
    """
    services, people = trees.get("services.yaml"), trees.get("people.yaml")
    if people is None:
        return
    known = tuple(part(people, "people").keys)
    for schedule in part(people, "schedules").values.values():
        if isinstance(schedule, Table):
            yield from _unknown("people.yaml", "person", schedule.values.get("people"), known)
    staffings = [("people.yaml", part(people, "staffing"))]
    each = part(services, "services").values.values()
    staffings += [("services.yaml", part(service, "staffing")) for service in each]
    schedules = tuple(part(people, "schedules").keys)
    for file, staffing in staffings:
        for schedules_of_level in staffing.values.values():
            yield from _unknown(file, "schedule", schedules_of_level, schedules)
    yield from _unstaffed(people, services)
    if isinstance(trees.get("site.yaml"), Table):
        yield from _unequipped(people, trees["site.yaml"])


def _unknown(file: str, kind: str, names: Node | None, known: tuple[str, ...]) -> Iterator[Fault]:
    for place, name in texts(names):
        if name not in known:
            yield Fault(file, place, f"there is no {kind} {name!r} in people.yaml; {nearest(name, known)}")


_WRITE_WHERE: Final = "write where the secret is: ${NAME}"
_ACCOUNT: Final = (
    ("sms", "account_sid", "write the account, such as AC…"),
    ("sms", "auth_token", _WRITE_WHERE),
    ("sms", "sender", "write the number that messages and calls come from, such as '+15550100001'"),
)
_NEEDED: Final = (
    ("webhook", "a webhook", (("webhook", "secret", _WRITE_WHERE),)),
    ("slack", "a Slack contact", (("slack", "webhook_url", _WRITE_WHERE),)),
    ("sms", "a number for text messages", _ACCOUNT),
    ("voice", "a number for calls", _ACCOUNT),
)
"""What a channel needs of `site.yaml`, so that a contact without it does not fail only when it is needed."""


def _unequipped(people: Node, site: Node) -> Iterator[Fault]:
    said = set()
    for channel, has, values in _NEEDED:
        name = _first_with(channel, people)
        for table, key, remedy in values if name else ():
            value = part(site, table).values.get(key)
            if (isinstance(value, Scalar) and value.value) or (table, key) in said:
                continue
            said.add((table, key))
            message = f"{table}.{key} is missing, and {name!r} has {has}; {remedy}"
            yield Fault("site.yaml", find(site, [table, key], key=True), message)


def _first_with(channel: str, people: Node) -> str:
    """The first person with a contact of a channel; empty when nobody has one."""
    for name, person in part(people, "people").values.items():
        contacts = person.values.get("contacts") if isinstance(person, Table) else None
        for contact in contacts.items if isinstance(contacts, Series) else ():
            found = part(contact).values.get("channel")
            if isinstance(found, Scalar) and found.value == channel:
                return name
    return ""


def _unstaffed(people: Node, services: Node | None) -> Iterator[Fault]:
    """A level that neither the default nor some service staffs would page nobody."""
    default = part(people, "staffing")
    if not isinstance(people, Table) or not isinstance(people.values.get("staffing"), Table):
        return  # said already: the key is missing, or not a mapping
    for level in map(str, LEVELS):
        if level in default.values:
            continue
        without = [
            name
            for name, service in part(services, "services").values.items()
            if level not in part(service, "staffing").values
        ]
        if without or services is None:
            message = f"staffing: nobody is at level {level}; add {level}: [name of a schedule]"
            yield Fault("people.yaml", find(people, ["staffing"], key=True), message)
