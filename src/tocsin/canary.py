"""The node's own dead man's switch: a canary goes the whole way an alert goes, and only then the watchdog is asked.

Door, intake, commit, claim, send, result, and after that a round of the keeper: whatever of these does not work, the
pings stop, and a watchdog outside (`heartbeat_url` of site.yaml) raises the alarm. A worker has no door and pings
nobody; its canaries begin at the commit.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta

from tocsin.application import canary
from tocsin.application.app import Application
from tocsin.application.ports import ChannelError, Message, Receipt
from tocsin.application.records import Integration, Page, PageState
from tocsin.channels.sending.posting import Posting, anywhere, origin, web_address
from tocsin.domain.errors import TocsinError
from tocsin.engine import Pulse

LOOK_EVERY_S = 0.1
FIRST_AFTER_S = 5.0
AGAIN_AFTER_S = 10.0
"""How soon the next one flies when one did not come through."""
ARRIVES_WITHIN_S = 30.0
PING_S = 8.0
STOP_WITHIN_S = 10.0
_DOOR_S = 10.0
log = logging.getLogger("tocsin.canary")


def _detail(body: bytes) -> str:
    """What a problem+json says."""
    with suppress(ValueError, TypeError, KeyError):
        return str(json.loads(body)["detail"])
    return body[:300].decode("utf-8", "replace")


class LostError(Exception):
    """A canary did not come through; says where it was seen last."""


class Perch:
    """`application.ports.Channel` in which canaries end."""

    def send(self, _message: Message, _deadline: float) -> Receipt:
        """Take it."""
        return Receipt(delivered=True)

    def close(self) -> None:
        """Nothing is held."""


class Canary:
    """Sends canaries and asks the watchdog.

    Args:
        app: the application; its `flights` say what became of them.
        sender: who they come from, known to this node's intake.
        pulse: of this node's engine.
    """

    def __init__(self, app: Application, sender: Integration, pulse: Pulse) -> None:
        self._app = app
        self._sender = sender
        self._pulse = pulse
        self._posting = Posting(anywhere)
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="tocsin-canary", daemon=True)

    def start(self) -> None:
        """Begin; the first one flies after a few seconds, when whoever started this is listening."""
        flights = self._app.flights
        flights.every, flights.began_at = timedelta(minutes=1), flights.clock() + FIRST_AFTER_S
        self._thread.start()

    def stop(self) -> None:
        """Send no more."""
        self._stopping.set()
        self._thread.join(STOP_WITHIN_S)
        self._posting.close()

    def _run(self) -> None:
        """★ The error boundary of canaries: whatever goes wrong with one is said, and the next one flies."""
        pause = FIRST_AFTER_S
        while not self._stopping.wait(pause):
            began, problem = time.monotonic(), ""
            try:
                self.fly()
            except (LostError, TocsinError, ChannelError) as error:
                problem = str(error)
            except Exception as error:
                log.exception("A canary met an error.")
                problem = repr(error)
            if not self._stopping.is_set():
                self._landed(problem)
            every = (self._app.flights.every or timedelta(minutes=1)).total_seconds()
            pause = max(0.0, (min(every, AGAIN_AFTER_S) if problem else every) - (time.monotonic() - began))

    def _landed(self, problem: str) -> None:
        flights = self._app.flights
        if problem and problem != flights.trouble:
            log.error("A canary did not come through, so the watchdog is not asked: %s", problem)
        if flights.trouble and not problem:
            log.warning("Canaries come through again.")
        flights.trouble = problem

    def fly(self) -> None:
        """Send one through the whole path and, when it came through, ask the watchdog.

        Raises:
            LostError: it did not come through in time.
            ChannelError: the door cannot be reached.
            TocsinError: the database is out of reach, or the door refused it.
        """
        app = self._app
        site = app.database.read(app.shelf.active).site
        app.flights.every = site.heartbeat_every
        flight = secrets.token_hex(8)
        self._send_in(flight)
        self._await(lambda: self._sent(flight), "It was stored, and the engine has not sent it.")
        arrived = time.monotonic()
        self._await(
            lambda: self._kept_on(arrived), "It was sent, and the keeper, who climbs the ladders, stands still."
        )
        app.flights.arrived_at = app.flights.clock()
        if site.heartbeat_url and app.listening_url:
            self._ping(site.heartbeat_url)

    def _send_in(self, flight: str) -> None:
        app = self._app
        if not app.listening_url:
            app.database.transact(lambda tx: canary.take_in(app, tx, [canary.signal(flight)]))
            app.bell.ring()
            return
        url = f"{app.listening_url}/ingest/{self._sender.key}/alertmanager"
        headers = [("Content-Type", "application/json"), ("User-Agent", "Tocsin")]
        answer = self._posting.post(url, headers, json.dumps(canary.payload(flight)).encode(), _DOOR_S, "The own door")
        if not answer.taken:
            raise LostError(f"The own door answered {answer.status}. {_detail(answer.body)}")

    def _await(self, holds: Callable[[], bool], otherwise: str) -> None:
        until = time.monotonic() + ARRIVES_WITHIN_S
        while not holds():
            if time.monotonic() > until or self._stopping.wait(LOOK_EVERY_S):
                raise LostError(f"After {ARRIVES_WITHIN_S:.0f} s: {otherwise}")

    def _sent(self, flight: str) -> bool:
        def find() -> Page | None:
            return self._app.database.read(lambda tx: tx.pages.get(canary.page_id(flight)))

        page = find()
        if page is not None and page.state is PageState.EXHAUSTED:
            raise LostError(f"Another node had to set it aside: {page.error}")
        return page is not None and page.state is PageState.DELIVERED

    def _kept_on(self, since: float) -> bool:
        return self._pulse.beats.get("keeper", 0.0) > since and "keeper" not in self._pulse.trouble

    def _ping(self, url: str) -> None:
        """Ask for the watchdog's address; what is secret in it is not said."""
        problem = self._asked(url)
        if problem and problem != self._app.flights.unasked:
            log.error("The watchdog could not be told that this node works: %s", problem)
        self._app.flights.unasked = problem

    def _asked(self, url: str) -> str:
        """What went wrong with asking; empty when nothing did."""
        parts = web_address(url)
        if parts is None:
            return "heartbeat_url in site.yaml is no address that can be asked for."
        called = f"The watchdog at {origin(parts)}"
        try:
            answer = self._posting.get(url, PING_S, called)
        except ChannelError as error:
            return error.detail
        return "" if answer.taken else f"{called} answered {answer.status}."
