"""The node's own dead man's switch: whichever part does not work, the watchdog is not asked any more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import uvicorn

from reliability.waiting import wait_until
from reliability.watchdog import Watchdog
from tests.acceptance.web.conftest import SETUP, settings_of
from tocsin import canary as module
from tocsin.application import deliver, timekeeping
from tocsin.application.administration import NewProcedures, procedures_apply
from tocsin.bootstrap import open_application
from tocsin.node import Node, running
from tocsin.procedures.loader import document
from tocsin.web.app import create_app
from tocsin.web.server import Server, listen

WITHIN_S = 30.0


@dataclass
class Flying:
    """A whole node whose canaries fly each second, and its watchdog; `hung` holds whatever waits for it."""

    node: Node
    watchdog: Watchdog
    server: Server
    hung: threading.Event
    landed: list[str]


@pytest.fixture
def flying(home, monkeypatch) -> Iterator[Flying]:
    monkeypatch.setattr(module, "FIRST_AFTER_S", 0.1)
    monkeypatch.setattr(module, "AGAIN_AFTER_S", 0.1)
    monkeypatch.setattr(module, "ARRIVES_WITHIN_S", 1.0)
    monkeypatch.setattr(module, "_DOOR_S", 1.0)
    hung = threading.Event()
    with Watchdog() as watchdog, listen("127.0.0.1", 0) as listening:
        site = home / "procedures" / "site.yaml"
        said = site.read_text().replace('heartbeat_url: ""', f"heartbeat_url: {watchdog.url}")
        site.write_text(said.replace("heartbeat_every: 1 min", "heartbeat_every: 1s"))
        apply(home)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with running(settings_of(home, url), url) as node:
            web = create_app(node.app, node.intake)
            config = uvicorn.Config(web.asgi, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
            server = Server(config, web.live)
            thread = threading.Thread(target=asyncio.run, args=(server.serve([listening]),))
            thread.start()
            landed: list[str] = []
            note = node.canary._landed
            monkeypatch.setattr(node.canary, "_landed", lambda problem: (landed.append(problem), note(problem)))
            try:
                yield Flying(node, watchdog, server, hung, landed)
            finally:
                hung.set()
                server.should_exit = True
                thread.join(WITHIN_S)


def apply(home):
    with open_application(settings_of(home)) as app:
        procedures_apply(app, SETUP, NewProcedures(document(home / "procedures").data))


def hangs(flying, monkeypatch, owner, name):
    inner = getattr(owner, name)
    monkeypatch.setattr(owner, name, lambda *args: (flying.hung.wait(WITHIN_S), inner(*args))[1])


def keeper(flying, monkeypatch):
    hangs(flying, monkeypatch, timekeeping, "next_tick")


def dispatcher(flying, monkeypatch):
    hangs(flying, monkeypatch, timekeeping, "next_page")


def workers(flying, monkeypatch):
    hangs(flying, monkeypatch, deliver, "deliver")


def intake(flying, _monkeypatch):
    flying.node.intake._queue.put(None)


def writer(flying, _monkeypatch):
    threading.Thread(target=flying.node.app.database.transact, args=(lambda _tx: flying.hung.wait(WITHIN_S),)).start()


def door(flying, _monkeypatch):
    flying.server.should_exit = True


@pytest.mark.parametrize("part", [keeper, dispatcher, workers, intake, writer, door])
def test_when_any_part_dies_the_watchdog_is_not_asked_any_more(flying, monkeypatch, part):
    wait_until(lambda: len(flying.watchdog.asked) >= 2, WITHIN_S, "the watchdog is asked")
    part(flying, monkeypatch)
    wait_until(lambda: flying.landed[-1], WITHIN_S, "a canary does not come through")
    asked = len(flying.watchdog.asked)
    so_far = len(flying.landed)
    wait_until(lambda: len(flying.landed) > so_far, WITHIN_S, "another one flew")
    assert flying.landed[-1] != ""
    assert len(flying.watchdog.asked) == asked
    assert list(flying.node.app.flights.troubles())


def test_canaries_leave_no_incident_and_a_watchdog_that_refuses_is_told_of(flying):
    wait_until(lambda: len(flying.watchdog.asked) >= 1, WITHIN_S, "the watchdog is asked")
    assert flying.node.app.database.read(lambda tx: tx.incidents.count("")) == 0
    flying.watchdog.status = 500
    wait_until(lambda: flying.node.app.flights.unasked, WITHIN_S, "it is told of")
    (warning,) = flying.node.app.flights.warnings()
    assert "answered 500" in warning
    assert list(flying.node.app.flights.troubles()) == []
