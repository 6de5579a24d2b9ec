"""A full disk, a database that is gone, a clock that jumps, a poison row in every queue, and the watchdog that notices.

Each is done to a real `tocsin serve` under load: what was answered by a 2xx must be there and everything else must have
been a 503, what became due meanwhile must go out at once afterwards, people must hear by mail that Tocsin is degraded,
and the outside watchdog must not be asked while it is. On SQLite, and on PostgreSQL where it is that which goes away.
"""

from __future__ import annotations

import os
import re
import resource
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import httpx

from reliability.books import ENDED, Books, close_books
from reliability.postgres import OwnPostgres, own_postgres
from reliability.senders import Door, Senders, doors
from reliability.servers import SERVICE, temporary_folder
from reliability.telling import conclude, options, progress, tell
from reliability.waiting import wait_until
from reliability.watchdog import Watchdog
from tocsin.demo.children import LOOPBACK, Child
from tocsin.demo.smtp_sink import ReceivedMail, SmtpSink
from tocsin.demo.tocsin_server import TocsinServer, lay_out

DRIVER = "faults"
CLAIM = (
    "A full disk, a database that is gone, a clock that jumps, one poison row in each queue: nothing is lost, what was "
    "due goes out within seconds, people hear of it by mail, and the watchdog is not asked meanwhile."
)
AFTER_S, EVERY_S = 3, 3
"""The grace before the mail, and how often a canary flies, of these servers; a team's are a minute each."""
SECOND_RUNG_S = 6
WITHIN_S = 60.0
PUNCTUAL_S = 5.0
"""How soon what was due must be sent once it can be; the promise is two seconds of a node being able to."""
_ALL = 10**9
_SHOWN = 10
JUMPS_S = (3600, -3600, 3 * 86400, -3 * 86400)


@dataclass(frozen=True, slots=True)
class Scene:
    """A server, the mail that leaves it, and its watchdog."""

    server: TocsinServer
    sink: SmtpSink
    watchdog: Watchdog

    def ready(self) -> dict[str, Any]:
        """What `/readyz` says."""
        answer = httpx.get(f"{self.server.url}/readyz", trust_env=False, timeout=20)
        said: dict[str, Any] = answer.json()
        return said | {"status_code": answer.status_code}

    def send(self, name: str, severity: str = "critical") -> int:
        """Send one alert. Returns the status of the answer."""
        body = Door("").body(name, name, severity)
        return httpx.post(self.server.urls["alertmanager"], json=body, trust_env=False, timeout=20).status_code

    def mail(self, wanted: Callable[[ReceivedMail], bool], what: str) -> float:
        """Wait for a mail. Returns when it came, on `time.monotonic`."""
        wait_until(lambda: any(map(wanted, self.sink.messages)), WITHIN_S, what)
        return time.monotonic()

    def told(self, subject: str, since: int = 0) -> float:
        """Wait until people are told of Tocsin's own state. Returns when they were."""
        wait_until(
            lambda: any(subject in mail.subject for mail in self.sink.messages[since:]), WITHIN_S, f"mail: {subject}"
        )
        return time.monotonic()


@contextmanager
def scene(folder: Path, database_url: str | None = None) -> Iterator[Scene]:
    """A server whose CRITICAL ladder climbs after seconds, and which tells of its troubles after seconds."""
    with SmtpSink() as sink, Watchdog() as watchdog:
        values: dict[str, object] = {
            "mail.host": LOOPBACK,
            "mail.port": sink.port,
            "heartbeat_url": watchdog.url,
            "heartbeat_every": f"{EVERY_S}s",
            "degraded.after": f"{AFTER_S}s",
        }
        home = lay_out(folder, values=values, settings={"TOCSIN_DATABASE_URL": database_url} if database_url else {})
        file = home.path / "procedures" / "procedures.yaml"
        rung = "{after: 5 min, page: [3]}"
        file.write_text(file.read_text().replace(rung, f"{{after: {SECOND_RUNG_S}s, page: [3]}}", 1))
        assert home.cli("apply").returncode == 0
        with TocsinServer(home, service=SERVICE, sink=sink) as server:
            made = Scene(server, sink, watchdog)
            wait_until(lambda: watchdog.asked, WITHIN_S, "the watchdog is asked")
            yield made


def out_of_order(at: Scene, gone: AbstractContextManager[None], seconds: float) -> dict[str, Any]:
    """Take something away from a server under load for so long, and look at everything.

    Returns:
        What was seen; `faults` is what was wrong.
    """
    with Senders(doors(at.server), 2, every_s=0.05, together=_ALL, severities=("warning",)) as senders:
        wait_until(lambda: len(senders.accepted) > 10, WITHIN_S, "alerts are accepted")
        assert at.send("due-meanwhile") == httpx.codes.ACCEPTED
        before = len(at.sink.messages)
        with gone:
            began = time.monotonic()
            told = at.told("Tocsin is degraded", before) - began
            said = at.ready()
            refused = senders.unavailable
            wait_until(lambda: senders.unavailable > refused, WITHIN_S, "senders are told to try again")
            wait_until(lambda: time.monotonic() > began + max(seconds, SECOND_RUNG_S + 2), seconds + 60, "time passes")
            pinged, ended, mails = at.watchdog.since(began + 1), time.monotonic(), len(at.sink.messages)
        due = at.mail(partial(_is_rung, name="due-meanwhile", level=3), "what became due is sent") - ended
        wait_until(lambda: at.ready()["status_code"] == httpx.codes.OK, WITHIN_S, "/readyz is content")
        at.told("All well again", mails)
        wait_until(lambda: at.watchdog.since(ended), WITHIN_S, "the watchdog is asked again")
        flowing = len(senders.accepted)
        wait_until(lambda: len(senders.accepted) > flowing + 10, WITHIN_S, "alerts are accepted again")
    books = close_books(at.server, at.sink)
    lost = _lost(books, at.sink, senders)
    wrong = (
        lost
        + [f"timeline that does not verify: {it}" for it in books.unverified]
        + [f"an answer that senders give up on: {it}" for it in senders.strange]
    )
    wrong += ["the watchdog was asked meanwhile"] * bool(pinged)
    wrong += [] if said["reasons"] or said["warnings"] else ["/readyz says nothing"]
    wrong += [] if due < PUNCTUAL_S else [f"what was due came {due:.1f} s after it could"]
    return {
        "accepted": len(senders.accepted),
        "answered_503": senders.unavailable,
        "gone_s": round(ended - began, 1),
        "told_after_s": round(told, 1),
        "due_after_s": round(due, 1),
        "lost": len(lost),
        "wrong": wrong[:_SHOWN],
    }


def _lost(books: Books, sink: SmtpSink, senders: Senders) -> list[str]:
    """What a promise was made about and is not there. One mail may tell of several incidents, so their ids count."""
    told = {name for mail in sink.messages for name in re.findall(r"INC-\d+-\d+(?:-\d+)?", mail.text)}
    wrong = {
        "answered by a 2xx and not stored": books.unstored(senders.accepted),
        "stored more than once": books.twice,
        "incident that nobody was told of": [entry.id for entry in books.entries if entry.id not in told],
        "page that did not come to its end": [page["id"] for page in books.pages if page["state"] not in ENDED],
    }
    return [f"{what}: {which}" for what, each in wrong.items() for which in each]


def _is_rung(mail: ReceivedMail, name: str, level: int) -> bool:
    return name in mail.subject and f" L{level}:" in mail.subject


@contextmanager
def full_disk(server: TocsinServer) -> Iterator[None]:
    """Whatever the process writes to a file fails, as on a full disk; for root too."""
    assert server.process is not None
    before = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (1, before[1]))
    try:
        yield
    finally:
        resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, before)


@contextmanager
def stopped(postgres: OwnPostgres) -> Iterator[None]:
    """PostgreSQL is gone."""
    postgres.stop()
    try:
        yield
    finally:
        postgres.start()


def frozen(at: Scene) -> dict[str, Any]:
    """The whole process stands still (SIGSTOP): nobody is left to tell, so it is the watchdog who must notice."""
    assert at.server.process is not None
    os.kill(at.server.process.pid, signal.SIGSTOP)
    began = time.monotonic()
    wait_until(lambda: time.monotonic() > began + 3 * EVERY_S, WITHIN_S, "time passes")
    asked = at.watchdog.since(began + 1)
    os.kill(at.server.process.pid, signal.SIGCONT)
    resumed = time.monotonic()
    wait_until(lambda: at.watchdog.since(resumed), WITHIN_S, "the watchdog is asked again")
    return {"lost": 0, "wrong": ["the watchdog was asked meanwhile"] * bool(asked)}


POISON = {
    "a page of an unknown topic": "UPDATE pages SET topic = 'of-a-release-to-come', state = '?' WHERE id IN "
    "(SELECT id FROM pages WHERE incident_id <> '' LIMIT 1)",
    "a page in no lane": "UPDATE pages SET lane = 9, state = 'planned', wake_at = 0, attempt = 99 WHERE id IN "
    "(SELECT id FROM pages WHERE incident_id <> '' ORDER BY id DESC LIMIT 1)",
    "a result that cannot be read": "UPDATE pages SET reported = 0, state = '?', settled_at = 1000000000000000000 "
    "WHERE id IN (SELECT id FROM pages WHERE incident_id <> '' LIMIT 1 OFFSET 2)",
    "an incident's state": "UPDATE incidents SET state = x'ff', next_due_at = 0 "
    "WHERE id = (SELECT min(id) FROM incidents)",
    "and its log": "UPDATE events SET body = x'ff' WHERE incident_id = (SELECT min(id) FROM incidents)",
    "an alert": "UPDATE alerts SET payload = x'ff', first_payload = x'ff', last_seen_at = 1000000000000000000, "
    "digest = 'text', starts_at = 'x' WHERE id = (SELECT max(id) FROM alerts)",
    "an override": "INSERT INTO overrides (id, schedule, person, starts_at, ends_at) "
    "VALUES ('ovr-x', 'nobody', 'nobody', 0, 1000000000000000000)",
    "an integration": "INSERT INTO integrations (id, name, key_value, service, created_at) "
    "VALUES ('int-x', 'x', 'x', 'claudex', 1000000000000000000)",
    "the procedures in force": "INSERT INTO procedures (version, data, applied_at) VALUES ('spoiled', x'ff', 0)",
    "their name": "UPDATE settings SET value = CAST('spoiled' AS BLOB) WHERE name = 'active-procedures'",
}
"""One row of each queue, and of what every decision reads."""


def poisoned(at: Scene) -> dict[str, Any]:
    """Spoil one row of every queue while the server is down, and see that others' pages are as quick as before."""
    assert [at.send(name) for name in ("first", "second", "third")] == [httpx.codes.ACCEPTED] * 3
    close_books(at.server, at.sink)
    at.server.stop()
    with closing(sqlite3.connect(at.server.home / "tocsin.db")) as database, database:
        for statement in POISON.values():
            database.execute(statement)
    before = len(at.sink.messages)
    at.server.start()
    assert [at.send(name) for name in ("fresh", "second", "first")] == [httpx.codes.ACCEPTED] * 3
    sent = time.monotonic()
    paged = at.mail(lambda mail: "fresh" in mail.subject or "fresh" in mail.text, "the fresh incident is paged") - sent
    at.told("Tocsin needs a look", before)
    wait_until(lambda: at.watchdog.since(sent), WITHIN_S, "the watchdog is asked")
    said = at.ready()["warnings"]
    plain = {mail.message["X-Tocsin-Incident"] for mail in at.sink.messages[before:]}
    wrong = [] if paged < PUNCTUAL_S else [f"the fresh incident was paged after {paged:.1f} s"]
    wrong += [f"/readyz does not say: {part}" for part in ("Page pg-", "INC-", "ovr-x", "procedures in force")
              if not any(part in warning for warning in said)]  # fmt: skip
    return {"rows": len(POISON), "paged_after_s": round(paged, 1), "told": len(said), "mailed_of": len(plain),
            "lost": 0 if not wrong else 1, "wrong": wrong}  # fmt: skip


def jumped(folder: Path) -> dict[str, Any]:
    """Set the system's clock of a server ±1 h and ±3 d between two rungs: each ladder stays on time."""
    offset, late, wrong = folder / "offset", [], []
    offset.parent.mkdir(parents=True, exist_ok=True)
    offset.write_text("0")
    with scene(folder / "home") as at:
        at.server.stop()
        argv = [sys.executable, "-m", "reliability.shifted", str(offset), "serve", "--host", LOOPBACK]
        env = at.server.env | {"PYTHONPATH": f"{Path.cwd()}{os.pathsep}{at.server.env['PYTHONPATH']}"}
        at.server.process = Child([*argv, "--port", str(at.server.port)], log=folder / "serve.log", env=env)
        at.server.wait_until_ready()
        for jump in JUMPS_S:
            name = f"jump{jump}"
            assert at.send(name) == httpx.codes.ACCEPTED
            began = time.monotonic()
            offset.write_text(str(jump))
            second = at.mail(partial(_is_rung, name=name, level=3), f"level 3 of {name}") - began
            late.append(round(second - SECOND_RUNG_S, 2))
            said = at.ready()
            if not any("clock of this machine was set" in warning for warning in said["warnings"]):
                wrong.append(f"/readyz does not tell of a jump by {jump} s")
            offset.write_text("0")
        at.told("Tocsin needs a look")
        wrong += [f"level 3 was paged {each} s after it was due" for each in late if abs(each) > PUNCTUAL_S]
        books = close_books(at.server, at.sink)
        return {"jumps_s": list(JUMPS_S), "late_s": late, "lost": len(books.unpaged), "wrong": wrong}


def main() -> int:
    parser = options(__doc__)
    parser.add_argument(
        "--minutes", type=float, default=0.25, help="how long each database is gone (the issue's is 10)"
    )
    chosen = parser.parse_args()
    seconds, seen = chosen.minutes * 60, {}
    with temporary_folder() as folder:
        for name, fault in _faults(folder, seconds).items():
            progress(name)
            try:
                seen[name] = fault()
            except (TimeoutError, AssertionError) as error:
                seen[name] = {"lost": 1, "wrong": [str(error)]}
            tell(DRIVER, fault=name, **seen[name])
    return conclude(
        DRIVER,
        CLAIM,
        holds=not any(each["wrong"] for each in seen.values()),
        faults=len(seen),
        lost=sum(each["lost"] for each in seen.values()),
        gone_minutes=chosen.minutes,
    )


def _faults(folder: Path, seconds: float) -> dict[str, Callable[[], dict[str, Any]]]:
    def disk() -> dict[str, Any]:
        with scene(folder / "disk") as at:
            return out_of_order(at, full_disk(at.server), seconds)

    def database() -> dict[str, Any]:
        with own_postgres() as postgres, scene(folder / "database", postgres.url) as at:
            return out_of_order(at, stopped(postgres), seconds)

    def still() -> dict[str, Any]:
        with scene(folder / "still") as at:
            return frozen(at)

    def rows() -> dict[str, Any]:
        with scene(folder / "rows") as at:
            return poisoned(at)

    return {
        "full disk": disk,
        "database gone": database,
        "process frozen": still,
        "poison rows": rows,
        "clock jumps": lambda: jumped(folder / "clock"),
    }


if __name__ == "__main__":
    sys.exit(main())
