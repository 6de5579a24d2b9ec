"""Keeps what an earlier release wrote, for the tests of upgrades: `python -m tools.keep_release 0001`.

The release's own sources are taken out of the history and run: a home is laid out, alerts and people do everything that
leaves a row somewhere, `tocsin backup` saves it, and the file is written as SQL to tests/samples/releases/0001.sql. A
release that is out writes no other rows any more, so this is run once, by whoever adds the migration after it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sqlite3
import tempfile
from collections.abc import Mapping
from pathlib import Path

import httpx

from reliability import releases
from reliability.waiting import wait_until
from tocsin.demo.children import ChildError, free_port
from tocsin.demo.tocsin_server import Home, TocsinServer, environment, run_tocsin

SAMPLES = releases.CHECKOUT / "tests" / "samples" / "releases"
WITHIN_S = 60.0
PEOPLE = {
    "people": {
        "ana": {
            "name": "Ana",
            "contacts": [{"channel": "console", "address": "-"}, {"channel": "email", "address": "ana@example.org"}],
            "rules": [{"channel": "console"}, {"channel": "email"}],
        },
        "bo": {
            "name": "Bo",
            "contacts": [{"channel": "email", "address": "bo@example.org"}],
            "rules": [{"channel": "email"}],
        },
        "cem": {
            "name": "Cem",
            "contacts": [
                {"channel": "console", "address": "-"},
                {"channel": "webhook", "address": "http://192.0.2.1/refused"},
            ],
            "rules": [{"channel": "console"}, {"channel": "webhook"}],
        },
    },
    "schedules": {
        "first": {"people": ["ana"], "rotation": "always"},
        "second": {"people": ["bo"], "rotation": "always"},
        "third": {"people": ["cem"], "rotation": "always"},
    },
    "staffing": {1: ["first"], 2: ["second"], 3: ["third"], 4: ["third"]},
}
"""One way always works, one leads to a port at which nobody listens, one would be refused for good."""


class Story:
    """What happens on the server of an earlier release, through its doors, its API and its command line."""

    def __init__(self, server: TocsinServer) -> None:
        self._server = server
        self._client = httpx.Client(base_url=server.url, trust_env=False, timeout=30)
        self._client.headers["Authorization"] = f"Bearer {server.token}"

    def tell(self) -> None:
        """Leave a row of every kind, in every state that does not take hours to come about."""
        created = _json(self._server.env, "tokens", "create", "--role", "commander", "--person", "ana", "--json")
        self._ana = {**self._server.env, "TOCSIN_URL": self._server.url, "TOCSIN_TOKEN": str(created["token"])}
        stands_in = (
            "--schedule",
            "first",
            "--person",
            "cem",
            "--from",
            "2036-01-01 09:00",
            "--until",
            "2036-01-02 09:00",
        )
        _json(self._server.env, "override", "add", *stands_in, "--json")
        self.alert("Unanswered", "critical", "a", "b")
        self.alert("Answered", "error", "a")
        self.alert("Resolved", "warning", "a")
        self.alert("Reopened", "error", "a")
        self.alert("Closed", "error", "a")
        self.alert("Flapping", "error", "a")
        self.alert("Low", "info", "a")
        for _ in range(4):
            self.alert("Flapping", "error", "a", firing=False)
            self.alert("Flapping", "error", "a")
        self.alert("Cleared", "error", "a")
        self.alert("Cleared", "error", "a", firing=False)
        self._declare("Nobody can log in", "--severity", "HIGH", "--symptom", "login fails")
        self._settle()
        self._on("Answered", "ack")
        self._on("Answered", "note", before=("the queue is full, naïve as that sounds",))
        self._on("Answered", "assign", before=("commander", "bo"))
        self._on("Resolved", "ack")
        self._on("Resolved", "resolve", "--why", "restarted", "--take-command")
        self._on("Reopened", "ack")
        self._on("Reopened", "resolve", "--why", "restarted", "--take-command")
        self._on("Reopened", "reopen", "--why", "it is back")
        self._on("Closed", "ack")
        self._on("Closed", "close", "--as", "false-alarm", "--why", "a test of the monitor")
        self._on("Low", "severity", before=("MEDIUM",))
        self._on("Nobody can log in", "escalate", "--why", "it is everybody")
        self._session()
        self._settle()

    def alert(self, name: str, severity: str, *instances: str, firing: bool = True) -> None:
        """One request of a monitor."""
        state = "firing" if firing else "resolved"
        alerts = [
            {
                "status": state,
                "labels": {"alertname": name, "severity": severity, "service": "app", "instance": instance},
                "annotations": {"summary": f"{name} on {instance} → look"},
            }
            for instance in instances
        ]
        body = {"version": "4", "status": state, "alerts": alerts}
        httpx.post(self._server.urls["alertmanager"], json=body, trust_env=False).raise_for_status()

    def _declare(self, title: str, *options: str) -> None:
        _json(self._ana, "declare", title, "--service", "app", *options, "--json")

    def _on(self, title: str, verb: str, *options: str, before: tuple[str, ...] = ()) -> None:
        """Ana does something to an incident."""
        _json(self._ana, verb, *options, "--json", *before, self._incident(title))

    def _incident(self, title: str) -> str:
        items = self._client.get("/api/v1/incidents").raise_for_status().json()["items"]
        return next(str(item["id"]) for item in items if str(item["title"]).startswith(title))

    def _session(self) -> None:
        """Ana opens the link of one of her pages and acknowledges with it."""
        said = self._server.process.log.read_text() if self._server.process else ""
        link = next(word for word in said.split() if word.startswith(f"{self._server.url}/a/"))
        httpx.post(link, trust_env=False, timeout=30)

    def _settle(self) -> None:
        """Until the pages that can be sent are, and what came of them is on the timelines."""
        wait_until(lambda: self._counts().get("sending", 0) == 0 and self._lag() < 1, WITHIN_S, "pages have settled")

    def _counts(self) -> dict[str, float]:
        lines = self._client.get("/metrics").text.splitlines()
        told = (line.rpartition(" ") for line in lines if line.startswith("tocsin_pages{"))
        return {name.partition('"')[2].rpartition('"')[0]: float(value) for name, _, value in told}

    def _lag(self) -> float:
        return float(self._client.get("/readyz").json()["engine_lag_seconds"])


def write(schema: str) -> Path:
    """Run the release and keep what it wrote. Returns the file."""
    with tempfile.TemporaryDirectory(prefix="tocsin-release-") as scratch:
        folder = Path(scratch)
        release = releases.sources(schema, folder / "release")
        home = Home(folder / "home", environment(folder / "home", {}), "")
        old = releases.of(home, release)
        made = _json(old.env, "init", "--pack", "generic", "--defaults", f"--set=mail.port={free_port()}", "--json")
        (home.path / "procedures" / "people.yaml").write_text(json.dumps(PEOPLE))
        _json(old.env, "apply", "--json")
        server = TocsinServer(Home(home.path, old.env, str(made["token"])), service="app")
        server.env["PYTHONPATH"] = str(release)
        with server:
            Story(server).tell()
            _json(server.env, "backup", str(folder / "backup.db"), "--json")
            server.kill()
        target = SAMPLES / f"{schema}.sql"
        with contextlib.closing(sqlite3.connect(folder / "backup.db")) as saved:
            saved.execute("UPDATE pages SET owner = 'a-node' WHERE owner <> ''")  # else it is this machine's name
            target.write_text("\n".join(saved.iterdump()) + "\n", encoding="utf-8")
    return target


def _json(env: Mapping[str, str], *args: str) -> dict[str, object]:
    done = run_tocsin(env, *args)
    if done.returncode != 0:
        raise ChildError(f"tocsin {' '.join(args)} ended with {done.returncode}.\n{done.stderr}{done.stdout}")
    said: dict[str, object] = json.loads(done.stdout)
    return said


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("schema", choices=sorted(releases.RELEASES))
    print(write(parser.parse_args().schema))
