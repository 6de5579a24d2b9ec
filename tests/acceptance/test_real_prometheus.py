"""The whole way with real programs: Debian's Prometheus and Alertmanager watch a product whose configuration breaks."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tocsin.demo.children import Child, free_port
from tocsin.demo.claudex import install
from tocsin.demo.claudex.home import Home as ClaudexHome
from tocsin.demo.smtp_sink import ReceivedMail
from tocsin.demo.tocsin_server import TocsinServer

LEVEL_2 = {"cem@example.org", "dee@example.org"}
"""Who staffs level 2 in the claudex-windows pack, week about."""
WITHIN = 40.0
"""Seconds from the fault to the mail: scrape, evaluation and Alertmanager's own pace take up to five of them."""

RULES = """
groups:
  - name: claudex
    rules:
      - alert: ConfigurationInvalid
        expr: claudex_config_valid == 0
        labels: {severity: critical, service: claudex}
        annotations: {summary: "claudex refuses its configuration on {{ $labels.instance }}"}
      - alert: ClaudexDown
        expr: up{job="claudex"} == 0
        labels: {severity: critical, service: claudex}
        annotations: {summary: "claudex does not answer on {{ $labels.instance }}"}
"""

PROMETHEUS = """
global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}
rule_files: [rules.yml]
scrape_configs:
  - job_name: claudex
    static_configs: [{{targets: ["127.0.0.1:{claudex}"]}}]
alerting:
  alertmanagers:
    - static_configs: [{{targets: ["127.0.0.1:{alerts}"]}}]
{authorization}
"""

ALERTMANAGER = """
route: {{receiver: tocsin, group_by: [alertname, service], group_wait: 0s, group_interval: 1s, repeat_interval: 1m}}
receivers:
  - name: tocsin
    webhook_configs: [{{url: "{url}"}}]
"""


@dataclass(frozen=True)
class Watched:
    """A running claudex that a Prometheus scrapes."""

    claudex: ClaudexHome
    process: Child


class Programs:
    """Starts the real programs, on free loopback ports and below one folder."""

    def __init__(self, folder: Path, needs: Callable[[str], str], running: ExitStack) -> None:
        self._folder = folder
        self._needs = needs
        self._running = running

    def claudex(self) -> tuple[Watched, int]:
        """The product, freshly installed, initialised and serving; with its port."""
        command = str(install(self._folder / "bin"))
        home, port = ClaudexHome(self._folder / "claudex"), free_port()
        environment = os.environ | {"CLAUDEX_HOME": str(home.root)}
        with Child([command, "--init"], log=self._folder / "init.log", env=environment) as initialised:
            assert initialised.process.wait(timeout=20) == 0
        child = self._start("claudex", [command, "serve", f"--port={port}"], f"{port}/healthz", environment)
        return Watched(home, child), port

    def prometheus(self, claudex_port: int, alerts_port: int, key: str = "") -> None:
        """Prometheus, scraping claudex every second and sending alerts to a port, with a key if there is one."""
        program, port = self._needs("prometheus"), free_port()
        authorization = f"      authorization: {{credentials: {key}}}" if key else ""
        config = self._folder / "prometheus.yml"
        config.write_text(PROMETHEUS.format(claudex=claudex_port, alerts=alerts_port, authorization=authorization))
        (self._folder / "rules.yml").write_text(RULES)
        argv = [
            program,
            f"--config.file={config}",
            f"--storage.tsdb.path={self._folder / 'tsdb'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--log.level=warn",
        ]
        self._start("prometheus", argv, f"{port}/-/ready")

    def alertmanager(self, url: str) -> int:
        """Alertmanager, sending every group at once to a webhook; its port."""
        program, port = self._needs("prometheus-alertmanager"), free_port()
        config = self._folder / "alertmanager.yml"
        config.write_text(ALERTMANAGER.format(url=url))
        argv = [
            program,
            f"--config.file={config}",
            f"--storage.path={self._folder / 'alertmanager'}",
            f"--web.listen-address=127.0.0.1:{port}",
            "--cluster.listen-address=",
            "--log.level=warn",
        ]
        self._start("alertmanager", argv, f"{port}/-/ready")
        return port

    def _start(self, name: str, argv: list[str], ready: str, environment: dict[str, str] | None = None) -> Child:
        child = self._running.enter_context(Child(argv, log=self._folder / f"{name}.log", env=environment))
        child.wait_until_ready(f"http://127.0.0.1:{ready}", timeout=30)
        return child


@pytest.fixture
def programs(tmp_path: Path, needs: Callable[[str], str]) -> Iterator[Programs]:
    folder = tmp_path / "programs"
    folder.mkdir()
    with ExitStack() as running:
        yield Programs(folder, needs, running)


def wakes_level_2(mail: ReceivedMail) -> bool:
    return "CRITICAL" in mail.subject and not LEVEL_2.isdisjoint(mail.recipients)


def newest(server: TocsinServer) -> dict[str, object]:
    shown = server.cli("show", "last", "--json")
    assert shown.returncode == 0, shown.stderr
    incident = json.loads(shown.stdout)
    assert isinstance(incident, dict)
    return incident


def link_in(mail: ReceivedMail, server: TocsinServer) -> str:
    found = re.search(re.escape(server.url) + r"/a/[^\s>]+", mail.text)
    assert found is not None, mail.text
    return found[0]


def test_a_broken_configuration_wakes_level_2_by_mail_with_a_link_that_works(
    server: TocsinServer, programs: Programs
) -> None:
    """R18, R75: alert → Prometheus → Alertmanager → Tocsin → mail; CRITICAL starts at L2."""
    watched, claudex_port = programs.claudex()
    programs.prometheus(claudex_port, programs.alertmanager(server.urls["alertmanager"]))
    assert server.sink.messages == ()

    watched.claudex.config.write_text("workers = many\n")

    mail = server.sink.wait_for(wakes_level_2, WITHIN)
    incident = newest(server)
    assert (incident["severity"], incident["level"], incident["service"]) == ("CRITICAL", 2, "claudex")
    assert str(incident["id"]) in mail.subject + mail.text
    assert "ConfigurationInvalid" in mail.subject + mail.text

    link = link_in(mail, server)
    shown = httpx.get(link, trust_env=False)
    assert shown.status_code == 200
    assert str(incident["id"]) in shown.text
    assert newest(server)["acknowledged_at"] is None, "looking at a link must not acknowledge"

    acted = httpx.post(link, trust_env=False, follow_redirects=True)
    assert acted.status_code == 200
    assert newest(server)["acknowledged_at"] is not None


def test_prometheus_itself_can_send_to_tocsin(server: TocsinServer, programs: Programs) -> None:
    """R18 without an Alertmanager in between: Prometheus posts to `/api/v2/alerts` with the key as its credentials."""
    watched, claudex_port = programs.claudex()
    programs.prometheus(claudex_port, server.port, server.key)

    watched.process.kill()

    mail = server.sink.wait_for(wakes_level_2, WITHIN)
    assert "ClaudexDown" in mail.subject + mail.text
    assert newest(server)["severity"] == "CRITICAL"
