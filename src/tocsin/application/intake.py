"""Between the doors and the database: requests that wait together are committed together.

A door awaits `submit`, which returns after the COMMIT that contains the decision; there is no inbox to apply later.
"""

from __future__ import annotations

import asyncio
import logging
import queue
import threading
from collections.abc import Sequence
from contextlib import suppress

from tocsin.application import canary
from tocsin.application.app import Application
from tocsin.application.doorstep import Doorstep, Waiting
from tocsin.application.ingest import Delivery, ingest
from tocsin.application.records import Integration
from tocsin.application.refusals import refuse
from tocsin.application.set_aside import SET_ASIDE
from tocsin.domain.alerts import Signal
from tocsin.domain.errors import HeldError, UnavailableError

KEYS_KEPT_S = 2.0
ANSWER_WITHIN_S = 8.0
"""A sender gets its 503 before it stops listening: Prometheus waits ten seconds."""
KNOWN_WITHIN_S = 1.0
"""How long a sender whose key is known waits for news about keys."""
STOP_WITHIN_S = 10.0
log = logging.getLogger("tocsin.intake")


class Intake:
    """The one thread that turns deliveries into transactions.

    Args:
        app: the application.
        own: senders of this process's own, which no table has.
    """

    def __init__(self, app: Application, own: Sequence[Integration] = ()) -> None:
        self._app = app
        self._own = own
        self._queue: queue.SimpleQueue[tuple[Doorstep, list[Waiting]] | None] = queue.SimpleQueue()
        self._doorstep: Doorstep | None = None
        self._thread = threading.Thread(target=self._run, name="tocsin-intake", daemon=True)
        self._keys: dict[str, Integration] = {}
        self._keys_at: float | None = None
        self._looking: asyncio.Task[None] | None = None
        self._closing = False
        self._gate = threading.Lock()
        self.accepted = 0

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def stop(self) -> None:
        """Finish what waits, then end; later submissions are refused as unavailable."""
        with self._gate:
            self._closing = True
            while self._doorstep is not None and (batch := self._doorstep.take()):
                self._queue.put((self._doorstep, batch))
            self._queue.put(None)
        self._thread.join(STOP_WITHIN_S)
        if self._thread.is_alive():
            log.error("The database does not answer; what still waited was not stored, and its senders try again.")

    @property
    def closing(self) -> bool:
        """Whether the process is shutting down."""
        return self._closing

    @property
    def is_alive(self) -> bool:
        """Whether deliveries are taken in."""
        return self._thread.is_alive()

    def known(self, key: str) -> Integration | None:
        """The integration of a key as far as it was looked up within the last two seconds. Only in an event loop."""
        if self._keys_at is None or asyncio.get_running_loop().time() - self._keys_at >= KEYS_KEPT_S:
            return None
        return self._keys.get(key)

    async def integration(self, key: str) -> Integration | None:
        """The integration of a key; None when there is none or it was revoked (noticed within two seconds).

        Raises:
            UnavailableError: the database is out of reach and the key is not known from before.
        """
        if (fresh := self.known(key)) is not None:
            return fresh
        loop = asyncio.get_running_loop()
        known = self._keys.get(key)
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S if known is None else KNOWN_WITHIN_S):
                if not await self._look(loop) and key not in self._keys:
                    await self._look(loop)  # what was under way already may not have seen a key made just now
        except (TimeoutError, UnavailableError) as error:
            if known is not None:
                return known
            raise _unanswered(error) from error
        return self._keys.get(key)

    async def _look(self, loop: asyncio.AbstractEventLoop) -> bool:
        """Read the keys anew, one look at a time whoever waits for it; whether this call began it."""
        looking = self._looking
        begins = looking is None or looking.done() or looking.get_loop() is not loop
        if begins:
            looking = self._looking = loop.create_task(self._read_keys(loop))
            looking.add_done_callback(_heard)
        assert looking is not None, "one is under way"
        await asyncio.shield(looking)
        return begins

    async def _read_keys(self, loop: asyncio.AbstractEventLoop) -> None:
        found = await loop.run_in_executor(None, self._app.database.read, lambda tx: tx.accounts.integrations())
        self._keys = {item.key: item for item in (*found, *self._own) if item.revoked_at is None}
        self._keys_at = loop.time()

    async def submit(self, integration: Integration, signals: Sequence[Signal]) -> None:
        """Store a delivery; returns once it is on disk.

        Raises:
            UnavailableError: it could not be stored; the sender is to try again.
        """
        await self.hand_in(integration, signals)

    def hand_in(self, integration: Integration, signals: Sequence[Signal]) -> asyncio.Future[None]:
        """Have a delivery stored; done once it is on disk, or with an `UnavailableError`. Only in an event loop.

        Raises:
            UnavailableError: nothing is taken in any more.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        with self._gate:  # whatever waits before the end is worked off before the end
            if self._closing:
                raise UnavailableError("Tocsin is shutting down; nothing was stored, send it again.")
            patience = loop.call_later(ANSWER_WITHIN_S, _give_up, done)
            self._doorstep_of(loop).put(Waiting(Delivery(integration, signals), done, patience))
        return done

    def _doorstep_of(self, loop: asyncio.AbstractEventLoop) -> Doorstep:
        """A process has one loop; whoever waited in one that has ended waits no more."""
        if self._doorstep is None or self._doorstep.loop is not loop:
            doorstep = Doorstep(loop, lambda batch: self._queue.put((doorstep, batch)))
            self._doorstep = doorstep
        return self._doorstep

    async def refuse(self, integration: Integration, detail: str, body: bytes) -> None:
        """Tell the people on call that a sender's payload was refused."""
        app = self._app

        def commit() -> None:
            if app.database.transact(lambda tx: refuse(app, tx, integration, detail, body)):
                app.bell.ring()

        await asyncio.get_running_loop().run_in_executor(None, commit)

    def _run(self) -> None:
        while (handed := self._queue.get()) is not None:
            self._store(*handed)

    def _store(self, doorstep: Doorstep, batch: list[Waiting]) -> None:
        """Commit and answer. Whatever goes wrong here is ours to mend, so it is a 503: senders drop what gets a 4xx.

        What is in the way of one delivery need not be in the way of others. Nobody waits any more for those whose
        senders were told to try again.
        """
        wanted = [one.delivery for one in batch if not one.done.done()]
        alone = len(batch) == 1
        try:
            if wanted:
                self._commit(wanted)
        except UnavailableError as error:
            if alone or not isinstance(error, HeldError):
                _answer(doorstep, batch, error)
                return
        except Exception as error:
            log.exception("Deliveries, first one of %s, could not be stored.", batch[0].delivery.integration.name)
            if alone:
                self._keep_sound(batch[0].delivery)
                problem = UnavailableError(f"Not all of it could be stored ({error}); send it again.")
                _answer(doorstep, batch, problem)
                return
        else:
            _answer(doorstep, batch, None)
            return
        for one in batch:
            self._store(doorstep, [one])

    def _keep_sound(self, delivery: Delivery) -> None:
        """Store what can be of a delivery that cannot be stored as a whole; its sender hears 503, and sends it again.

        Halves of halves: one alert that is in the way costs a few tries, and the others do not wait for it.
        """
        signals, middle = delivery.signals, len(delivery.signals) // 2
        if not middle:
            SET_ASIDE.note(f"An alert of {delivery.integration.name} cannot be stored; its sender tries again.")
            return
        for half in (signals[:middle], signals[middle:]):
            part = Delivery(delivery.integration, half)
            try:
                self._commit([part])
            except UnavailableError:
                return
            except Exception:
                log.debug("Some of %s is in the way.", delivery.integration.name, exc_info=True)
                self._keep_sound(part)

    def _commit(self, deliveries: list[Delivery]) -> None:
        app = self._app
        changed = app.database.transact(lambda tx: ingest(app, tx, deliveries))
        app.crash("ingest.after_commit")
        self.accepted += sum(len(one.signals) for one in deliveries if not canary.is_sender(one.integration))
        if changed:
            app.bell.ring()


def _unanswered(error: Exception) -> UnavailableError:
    if isinstance(error, UnavailableError):
        return error
    return UnavailableError("The database does not answer in time. Nothing is promised to be stored; send it again.")


def _heard(looking: asyncio.Task[None]) -> None:
    """Whoever waited for the keys may have gone meanwhile: what came of it is heard by nobody else."""
    if not looking.cancelled():
        looking.exception()


def _give_up(done: asyncio.Future[None]) -> None:
    if not done.done():
        done.set_exception(_unanswered(TimeoutError()))


def _answer(doorstep: Doorstep, batch: list[Waiting], problem: UnavailableError | None) -> None:
    """Wake every door that waits by one call; nobody waits on a loop that was closed meanwhile."""
    with suppress(RuntimeError):
        doorstep.loop.call_soon_threadsafe(doorstep.answer, batch, problem)
