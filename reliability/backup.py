"""A backup under load, and its restore on either database.

A server takes alerts and sends pages while `tocsin backup` runs beside it; then it is ended by SIGKILL, and the file is
put into an empty home and an empty PostgreSQL database. Each is served: what was answered by a 2xx before the backup
began is there, every timeline verifies against the head that the file has of it, and what was still to be sent goes
out. It begins once on SQLite and once on PostgreSQL.
"""

from __future__ import annotations

import contextlib
import json
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from reliability import postgres, telling
from reliability.arrivals import Arrivals
from reliability.books import Books, came_out, close_books
from reliability.senders import Senders, doors
from reliability.servers import home_with_webhooks, node, temporary_folder
from reliability.waiting import wait_until
from tocsin.demo.children import ChildError
from tocsin.demo.tocsin_server import Home, TocsinServer, environment, run_tocsin

DRIVER = "backup"
CLAIM = (
    "A backup taken under load, on SQLite and on PostgreSQL, brings back on either of them every alert that was "
    "accepted before it began, timelines that verify against the heads in it, and the pages that were still to be sent."
)
KINDS = ("sqlite", "postgresql")
FLOWS_WITHIN_S = 60.0
PER_SECOND = 10
"""At least so many alerts are accepted in each second of load before a backup begins."""
EVERY_S = 0.02
"""Between two alerts of one connection. Each is an incident that pages `PEOPLE`: more than is sent in that time."""
PEOPLE = 3
_SHARE = 0.99


@dataclass(frozen=True, slots=True)
class Saved:
    """A backup, and what is known of the moment it was taken at.

    Args:
        file: the backup.
        said: what `tocsin backup --json` said.
        accepted: alerts that were answered by a 2xx before it began.
        waiting: ids of pages in it that were still to be sent, or being sent.
        heads: hash of the newest link in it, by incident.
        took_s: seconds the command took.
        before: seconds that each answer took until it began.
        meanwhile: the same of those that were under way while it ran.
    """

    file: Path
    said: Mapping[str, Any]
    accepted: frozenset[str]
    waiting: frozenset[str]
    heads: Mapping[str, str]
    took_s: float
    before: Sequence[float]
    meanwhile: Sequence[float]


@dataclass(frozen=True, slots=True)
class Restored:
    """What there is after a restore.

    Args:
        missing: alerts accepted before the backup that are not there.
        unproven: incidents whose timeline does not verify, or not against the head in the backup.
        unsent: pages that were to be sent by the backup, or came later, and did not come to their end.
        restore_s: seconds the command took.
        ready_s: seconds from the start of the server until it was ready.
    """

    missing: Sequence[str]
    unproven: Sequence[str]
    unsent: Sequence[str]
    restore_s: float
    ready_s: float

    @property
    def whole(self) -> bool:
        """Whether nothing is missing."""
        return not (self.missing or self.unproven or self.unsent)


def save_under_load(server: TocsinServer, file: Path, seconds: float) -> Saved:
    """Back up a server that is ready while it takes alerts; it goes on running.

    Args:
        server: which.
        file: where the backup goes.
        seconds: of load before the backup begins.

    Raises:
        TimeoutError: alerts were not accepted.
        ChildError: the backup was refused; the message carries why.
    """
    with Senders(doors(server), every_s=EVERY_S, together=1, severities=("error",)) as senders:
        enough = time.monotonic() + seconds
        wait_until(
            lambda: time.monotonic() > enough and len(senders.accepted) > PER_SECOND * seconds,
            FLOWS_WITHIN_S,
            "alerts are accepted",
        )
        accepted, began = frozenset(senders.accepted), time.monotonic()
        said = _command(server.env, "backup", str(file))
        ended = time.monotonic()
        wait_until(lambda: senders.waits[-1][0] > ended, FLOWS_WITHIN_S, "alerts are accepted afterwards")
    waiting, heads = _inside(file)
    return Saved(
        file=file,
        said=said,
        accepted=accepted,
        waiting=waiting,
        heads=heads,
        took_s=round(ended - began, 2),
        before=[wait for at, wait in senders.waits if at <= began],
        meanwhile=[wait for at, wait in senders.waits if at > began and at - wait < ended],
    )


def restore(saved: Saved, home: Home, key: str, sink: Arrivals) -> Restored:
    """Restore into a home and a database in which there is nothing, serve it, and look at everything.

    Args:
        saved: what is restored.
        home: neither laid out nor served, with a token of the server that was saved.
        key: of that server's integration.
        sink: where both servers' pages arrive.

    Raises:
        ChildError: it was refused, or the server did not start; the message carries why.
    """
    began = time.monotonic()
    said = _command(home.env, "restore", str(saved.file))
    restored, before = time.monotonic(), came_out(sink)
    server = node(home)
    server.key = key
    with server:
        ready = time.monotonic()
        books = close_books(server, sink)
        unproven = [*said["unproven"], *books.unverified, *_other_heads(server, saved.heads)]
    if said["heads"] != saved.said["heads"]:
        unproven.append("the hash over all heads")
    return Restored(
        missing=books.unstored(saved.accepted),
        unproven=unproven,
        unsent=_unsent(saved.waiting, books, came_out(sink) - before),
        restore_s=round(restored - began, 2),
        ready_s=round(ready - restored, 2),
    )


def _unsent(waiting: frozenset[str], books: Books, since: Counter[str]) -> list[str]:
    ended = {page["id"] for page in books.pages if page["state"] == "superseded"} | set(since)
    return [*sorted(waiting - ended), *(page["id"] for page in books.unsent)]


def _other_heads(server: TocsinServer, heads: Mapping[str, str]) -> Iterator[str]:
    """Incidents whose timeline does not hold the link that was their newest one in the backup."""
    with httpx.Client(base_url=server.url, trust_env=False, timeout=30) as client:
        client.headers["Authorization"] = f"Bearer {server.token}"
        for incident, head in heads.items():
            asked: dict[str, str | int] = {"verify": "true", "limit": 1, "head": head}
            answer = client.get(f"/api/v1/incidents/{incident}/timeline", params=asked)
            if answer.status_code != httpx.codes.OK or answer.json()["verified"] is not True:
                yield incident


def _inside(file: Path) -> tuple[frozenset[str], dict[str, str]]:
    """Pages in a backup that are to be sent or are being sent, and the heads of its timelines."""
    with contextlib.closing(sqlite3.connect(file)) as reading:
        waiting = reading.execute("SELECT id FROM pages WHERE state IN ('planned', 'sending')").fetchall()
        heads = reading.execute("SELECT id, head_hash FROM incidents").fetchall()
    return frozenset(page for (page,) in waiting), {incident: head.hex() for incident, head in heads}


def _command(env: Mapping[str, str], verb: str, file: str) -> dict[str, Any]:
    done = run_tocsin(env, verb, file, "--json")
    if done.returncode != 0:
        raise ChildError(f"tocsin {verb} ended with {done.returncode}.\n{done.stderr}{done.stdout}")
    said: dict[str, Any] = json.loads(done.stdout)
    return said


@contextlib.contextmanager
def places(folder: Path, postgres_url: str) -> Iterator[dict[str, Mapping[str, str]]]:
    """Settings of a fresh database of each kind, by its name."""
    folder.mkdir()
    with postgres.fresh_database(postgres_url) as url:
        yield {"sqlite": {}, "postgresql": {"TOCSIN_DATABASE_URL": url}}


def round_trips(
    kind: str, postgres_url: str, seconds: float, into: Sequence[str] = KINDS
) -> tuple[Saved, list[Restored]]:
    """Save a server of one kind under load, end it, and restore it on others; each restore is told.

    Args:
        kind: of database the alerts are taken on, one of `KINDS`.
        postgres_url: a server whose user may create databases.
        seconds: of load before the backup begins.
        into: kinds of database it is restored on, one after the other.

    Raises:
        ChildError: a command or a server failed; the message carries why.
        TimeoutError: what should have come did not.
    """
    found = []
    with temporary_folder() as folder, Arrivals() as sink:
        with places(folder / "first", postgres_url) as settings:
            url = settings[kind].get("TOCSIN_DATABASE_URL")
            home = home_with_webhooks(folder / "first" / "home", sink.url, url, PEOPLE)
            with node(home) as server:
                saved = save_under_load(server, folder / "backup.db", seconds)
                server.kill()
        for target in into:
            telling.progress(f"{kind}: {saved.said['incidents']} incidents saved; restoring on {target}")
            with places(folder / target, postgres_url) as settings:
                path = folder / target / "home"
                empty = Home(path, environment(path, settings[target]), home.token)
                found.append(restore(saved, empty, server.key, sink))
            _tell(kind, target, saved, found[-1])
    return saved, found


def _tell(kind: str, target: str, saved: Saved, restored: Restored) -> None:
    telling.tell(
        DRIVER,
        source=kind,
        target=target,
        accepted_before=len(saved.accepted),
        incidents=saved.said["incidents"],
        events=saved.said["events"],
        megabytes=round(saved.said["bytes"] / 1e6, 1),
        waiting_pages=len(saved.waiting),
        backup_s=saved.took_s,
        answer_ms_p99_before=_ms(saved.before),
        answer_ms_p99_meanwhile=_ms(saved.meanwhile),
        restore_s=restored.restore_s,
        ready_s=restored.ready_s,
        missing=len(restored.missing),
        unproven=len(restored.unproven),
        unsent=len(restored.unsent),
    )


def _ms(waits: Sequence[float]) -> float:
    """Milliseconds within which 99% were answered."""
    return round(sorted(waits)[int(_SHARE * len(waits))] * 1000, 1) if waits else 0.0


def main() -> int:
    """Run every way round and conclude."""
    parser = telling.options(__doc__)
    parser.add_argument("--seconds", type=float, default=2.0, help="load before each backup (default 2)")
    chosen = parser.parse_args()
    found: list[Restored] = []
    waiting, alerts = [], 0
    with contextlib.ExitStack() as running:
        url = chosen.database_url or running.enter_context(postgres.own_postgres()).url
        for kind in KINDS:
            saved, restored = round_trips(kind, url, chosen.seconds)
            found += restored
            waiting.append(len(saved.waiting))
            alerts += len(saved.accepted)
    return telling.conclude(
        DRIVER,
        CLAIM,
        holds=all(each.whole for each in found) and all(waiting),
        round_trips=len(found),
        alerts=alerts,
        waiting_pages=waiting,
        missing=sum(len(each.missing) for each in found),
        unproven=sum(len(each.unproven) for each in found),
        unsent=sum(len(each.unsent) for each in found),
        slowest_restore_s=max(each.restore_s for each in found),
    )


if __name__ == "__main__":
    sys.exit(main())
