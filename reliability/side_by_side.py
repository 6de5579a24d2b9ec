"""A node of the release before and one of this release, side by side on one PostgreSQL, under load.

The release before lays out the database and takes alerts. A node of this release starts beside it, which brings the
schema forward while the other goes on; then procedures are applied that only this release knows what to do with: a
Slack channel and how messages are bundled. Both take alerts and send pages, and people acknowledge through both. At
last the new node is ended by SIGKILL: the old one goes on alone, with what the new one left behind, until a new one
comes back. Nothing may be lost, and neither may complain again and again.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import re
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from ruamel.yaml import YAML

from reliability import postgres, releases, telling
from reliability.arrivals import Arrivals
from reliability.books import ENDED, Books, close_books
from reliability.senders import Senders, doors
from reliability.servers import home_with_webhooks, node, temporary_folder
from reliability.waiting import wait_until
from tocsin.bootstrap import open_database
from tocsin.demo.children import ChildError
from tocsin.demo.tocsin_server import Home, TocsinServer, environment
from tocsin.domain.incident import fold
from tocsin.settings import Settings

DRIVER = "side_by_side"
CLAIM = (
    "Nodes of this release and of the one before work on one PostgreSQL under load while this one brings the schema "
    "forward, applies procedures with a channel that only it has, and is killed: no alert and no page is lost, every "
    "timeline verifies, and no log fills with the same error."
)
PEOPLE = 2
EVERY_S = 0.06
"""Between two alerts of one connection: a hundred alerts a second in all."""
WITHIN_S = 90.0
SETTLES_S = 150.0
"""What only the killed node could send waits for ten seconds, then its person's other way is tried."""
ANSWERED_BY_EACH = 5
MOST_COMPLAINTS = 5
"""Of one kind in one node's log; a loop that fails says so every second."""
_LOUD = {"error", "critical"}
_DIFFERS = re.compile(r"INC-\S+|pg-\w+|\d+")
_TAKEN_IN = "tocsin_ingest_accepted_alerts_total "
_SLACK = "TOCSIN_TEST_SLACK"


@dataclass(frozen=True, slots=True)
class Found:
    """What there was in the end.

    Args:
        faults: what is wrong, in sentences.
        figures: what was counted.
    """

    faults: Sequence[str]
    figures: Mapping[str, Any]


@dataclass(slots=True)
class Pair:
    """The two nodes, and where their messages arrive."""

    old: TocsinServer
    new: TocsinServer
    webhooks: Arrivals
    slack: Arrivals
    acknowledged: list[str] = field(default_factory=list)

    def acknowledge(self) -> None:
        """A person acknowledges some incidents through each node."""
        for server in (self.old, self.new):
            with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client:
                client.headers["Authorization"] = f"Bearer {server.token}"
                asked: dict[str, str | int] = {"status": "INVESTIGATING", "limit": 100}
                items = client.get("/api/v1/incidents", params=asked).raise_for_status().json()["items"]
                fresh = [each["id"] for each in items if not each["acknowledged_at"]][:ANSWERED_BY_EACH]
                for incident in fresh:
                    client.post(f"/api/v1/incidents/{incident}/acknowledge", json={}).raise_for_status()
                self.acknowledged += fresh


@contextlib.contextmanager
def pair(folder: Path, url: str) -> Iterator[Pair]:
    """The release before, served on an empty database, and a node of this release that is not started yet.

    Raises:
        NotInHistoryError: the release before cannot be had.
    """
    release = releases.sources(releases.PREVIOUS, folder / "release")
    with Arrivals() as webhooks, Arrivals() as slack:
        home = home_with_webhooks(folder / "old", webhooks.url, url, PEOPLE, release)
        settings = {"TOCSIN_DATABASE_URL": url, _SLACK: slack.url}
        (folder / "new").mkdir()
        fresh = Home(folder / "new", environment(folder / "new", settings), home.token)
        with node(home) as old:
            new = node(fresh)
            new.key = old.key
            try:
                yield Pair(old, new, webhooks, slack)
            finally:
                new.__exit__()


def apply_what_only_the_new_one_knows(both: Pair) -> None:
    """The last of the people is reached by Slack, and by the webhook soon after; messages are bundled quickly.

    Raises:
        ChildError: the procedures were not accepted; the message carries why.
    """
    there = both.new.home / "procedures"
    shutil.copytree(both.old.home / "procedures", there)
    people = json.loads((there / "people.yaml").read_text())
    last = people["people"][f"person{PEOPLE}"]
    last["contacts"].append({"channel": "slack", "address": "U0123"})
    last["rules"] = [{"channel": "slack"}, {"channel": "webhook", "after": "5 s"}]
    (there / "people.yaml").write_text(json.dumps(people))
    _add(there / "site.yaml", slack={"webhook_url": f"${{{_SLACK}}}"})
    _add(there / "procedures.yaml", bundles={"calm": 5, "wait": "1 s", "every": "5 s"})
    done = both.new.cli("apply")
    if done.returncode != 0:
        raise ChildError(f"tocsin apply ended with {done.returncode}.\n{done.stderr}{done.stdout}")


def _add(file: Path, **values: object) -> None:
    yaml = YAML()
    content = yaml.load(file)
    content.update(values)
    yaml.dump(content, file)


def side_by_side(url: str, folder: Path, seconds: float, every_s: float = EVERY_S) -> Found:
    """Run the story once.

    Args:
        url: an empty PostgreSQL database.
        folder: for homes and sources, empty.
        seconds: each of its three parts takes: together, with the new channel, the old one alone.
        every_s: seconds between two alerts of one connection.

    Raises:
        NotInHistoryError: the release before cannot be had.
        ChildError: a node did not start; the message carries why.
        TimeoutError: what should have come did not.
    """
    with pair(folder, url) as both:
        with Senders(doors(both.old), 2, called="first", every_s=every_s) as first:
            _go_on(first, 1)
            telling.progress("the new release starts beside the old one")
            began = time.monotonic()
            both.new.start()
            migrated = time.monotonic()
            with Senders(doors(both.new, both.old), called="second", every_s=every_s) as second:
                _go_on(second, seconds)
                apply_what_only_the_new_one_knows(both)
                both.acknowledge()
                _go_on(second, seconds)
                wait_until(lambda: both.slack.all, WITHIN_S, "the new release writes to Slack")
                taken = _taken_in(both.old), _taken_in(both.new)
                both.new.kill()
                telling.progress("the new release was killed")
                _go_on(second, seconds)
        accepted = first.accepted | second.accepted
        books = close_books(both.old, both.webhooks, SETTLES_S)
        telling.progress("the old one has done what was left; the new one comes back")
        both.new.start()
        lost = _lost(books, accepted)
        faults = [*_faults(both, books, first.strange + second.strange), *_unfolded(both.new), *_complaints(both)]
    return Found(
        faults=[*(f"lost: {each}" for each in lost), *faults, *(["a node took no alerts"] if not all(taken) else [])],
        figures={
            "release_before": releases.RELEASES[releases.PREVIOUS][:12],
            "accepted": len(accepted),
            "by_old": taken[0],
            "by_new": taken[1],
            "unavailable": first.unavailable + second.unavailable,
            "incidents": len(books.entries),
            "pages": len(books.pages),
            "slack_messages": len(both.slack.all),
            "given_up_by_old": sum(_given_up(page) for page in books.pages),
            "acknowledged": len(both.acknowledged),
            "duplicates": books.duplicates,
            "longest_gap_s": _longest_gap(accepted.values()),
            "longest_gap_while_migrating_s": _longest_gap(at for at in accepted.values() if began <= at <= migrated),
            "lost": len(lost),
        },
    )


def _longest_gap(instants: Iterable[float]) -> float:
    """The longest time in which no alert was accepted, in seconds."""
    return round(max((later - earlier for earlier, later in itertools.pairwise(sorted(instants))), default=0.0), 2)


def _go_on(senders: Senders, seconds: float) -> None:
    """Until alerts were accepted for so long."""
    until, before = time.monotonic() + seconds, len(senders.accepted)
    wait_until(lambda: time.monotonic() > until and len(senders.accepted) > before, WITHIN_S, "alerts are accepted")


def _taken_in(server: TocsinServer) -> int:
    """How many alerts came through this node."""
    with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client:
        lines = client.get("/metrics", headers={"Authorization": f"Bearer {server.token}"}).text.splitlines()
    return int(
        sum(float(line.split()[-1]) for line in lines if line.startswith("tocsin_ingest_accepted_alerts_total "))
    )


def _lost(books: Books, accepted: Iterable[str]) -> list[str]:
    """Alerts that are not there, incidents nobody was paged about, pages that came to no good end."""
    reached = {_addressed(page) for page in books.pages if page["id"] in books.arrived}
    unsent = []
    for page in books.pages:
        ended = page["state"] in ENDED and (page["channel"] == "slack" or page["state"] == "superseded")
        went_on = _given_up(page) and _addressed(page) in reached
        if not (ended or went_on or page["id"] in books.arrived):
            unsent.append(f"page {page['id']} by {page['channel']} ({page['state']})")
    return [*books.unstored(accepted), *books.unpaged, *unsent]


def _given_up(page: Mapping[str, Any]) -> bool:
    """Whether a node that does not have the channel failed it, so that the person's other way was tried."""
    return page["channel"] == "slack" and page["state"] in {"failed", "exhausted"}


def _addressed(page: Mapping[str, Any]) -> tuple[str, int, str]:
    """Who was to be reached about what, whatever the way."""
    return str(page["incident"]), int(page["round"]), str(page["person"])


def _faults(both: Pair, books: Books, strange: Iterable[str]) -> list[str]:
    """What else is wrong, in sentences."""
    states = {entry.id: entry for entry in books.entries}
    missing = [each for each in both.acknowledged if each not in states]
    return [
        *(f"stored more than once: {each}" for each in books.twice),
        *(f"timeline that does not verify: {each}" for each in books.unverified),
        *(f"acknowledged and gone: {each}" for each in missing),
        *(f"answered so that a sender gives up: {each}" for each in strange),
    ]


def _unfolded(server: TocsinServer) -> list[str]:
    """Incidents whose stored state is not what their log comes to, by this release's rules."""
    database = open_database(Settings.from_environment(server.env))
    with contextlib.closing(database):
        every = database.read(lambda tx: tx.incidents.page_of("", "", 10**6))
        return [
            f"state that is not its log's: {each.id}"
            for each in every
            if each != fold(database.read(lambda tx, which=each.id: tx.incidents.events(which)))  # type: ignore[misc]
        ]


def _complaints(both: Pair) -> Iterator[str]:
    """What a node says too often. Numbers and ids do not make it another complaint."""
    for name, server in (("the old node", both.old), ("the new node", both.new)):
        said = Counter(_complaint(line) for line in (server.home / "serve.log").read_text().splitlines())
        yield from (f"{name} says {n} times: {what}" for what, n in said.items() if what and n > MOST_COMPLAINTS)


def _complaint(line: str) -> str:
    """What an error says, without what differs from one to the next; empty for a line that is none."""
    try:
        said = json.loads(line)
    except ValueError:
        return "" if line.startswith("INFO") else _DIFFERS.sub("…", line)
    return _DIFFERS.sub("…", str(said["event"])) if said.get("level") in _LOUD else ""


def main() -> int:
    """Run it and conclude."""
    parser = telling.options(__doc__)
    parser.add_argument("--seconds", type=float, default=15.0, help="length of each of the three parts (default 15)")
    chosen = parser.parse_args()
    with postgres.database(chosen.database_url) as url, temporary_folder() as folder:
        try:
            found = side_by_side(url, folder, chosen.seconds)
        except releases.NotInHistoryError as error:
            return telling.conclude(DRIVER, CLAIM, holds=False, skipped=str(error))
    for fault in found.faults[:20]:
        telling.progress(fault)
    return telling.conclude(DRIVER, CLAIM, holds=not found.faults, faults=len(found.faults), **found.figures)


if __name__ == "__main__":
    sys.exit(main())
