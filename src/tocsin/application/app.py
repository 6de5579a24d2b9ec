"""What every use case is handed: where things are kept, what time it is, which procedures hold."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tocsin.application.breaker import Providers
from tocsin.application.flights import Flights
from tocsin.application.ports import Database, Transaction
from tocsin.application.set_aside import SET_ASIDE
from tocsin.domain.errors import ProceduresError, UnavailableError
from tocsin.domain.procedures import Procedures

Compile = Callable[[bytes, str], Procedures]


class Shelf:
    """The versions of the procedures this process has looked at; the pointer to the active one is in the database.

    Args:
        compile_version: turns a kept version's bytes and its hash into procedures.
    """

    def __init__(self, compile_version: Compile) -> None:
        self._compile = compile_version
        self._versions: dict[str, Procedures] = {}
        self._good: Procedures | None = None

    def version(self, transaction: Transaction, version: str) -> Procedures:
        """The procedures an incident is bound to.

        Raises:
            UnavailableError: the database does not have that version.
        """
        known = self._versions.get(version)
        if known is None:
            data = transaction.accounts.procedures(version)
            if data is None:
                raise UnavailableError(
                    f"The procedures version {version[:12] or '(none)'} is not in the database. "
                    "Apply some first: tocsin apply DIR. Nothing was lost."
                )
            known = self._versions[version] = self._compile(data, version)
        return known

    def rehearse(self, data: bytes, version: str) -> Procedures:
        """Compile a document that is not kept yet; raises what is wrong with it."""
        return self._compile(data, version)

    def active(self, transaction: Transaction) -> Procedures:
        """The procedures in force now; the last good ones where those cannot be read: somebody's rules, not none."""
        version = transaction.accounts.active_version()
        try:
            self._good = self.version(transaction, version)
        except (ProceduresError, UnavailableError, ValueError) as problem:
            good = self._good or self._newest(transaction)
            if good is None or not version:
                raise
            said = f"The procedures in force, {version[:12]}, cannot be read; {good.version[:12]} hold instead."
            SET_ASIDE.note(said, problem)
            self._good = good
        return self._good

    def _newest(self, transaction: Transaction) -> Procedures | None:
        """The newest version that can be read."""
        for version in transaction.accounts.versions():
            with suppress(ProceduresError, UnavailableError, ValueError):
                return self.version(transaction, version)
        return None


class Bell:
    """Wakes whoever waits for work: rung after every commit that may have left some."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._rings = 0

    @property
    def rings(self) -> int:
        """How often it was rung; hand it to `wait` to miss none."""
        return self._rings

    def ring(self) -> None:
        """Wake everybody."""
        with self._condition:
            self._rings += 1
            self._condition.notify_all()

    def wait(self, heard: int, seconds: float) -> int:
        """Wait for a ring after the first `heard`, or until `seconds` have passed; how often it was rung by then."""
        with self._condition:
            self._condition.wait_for(lambda: self._rings != heard, seconds)
            return self._rings


def no_crash(_point: str) -> None:
    """What a crash point does outside tests: nothing."""


@dataclass(frozen=True, slots=True)
class Application:
    """One running Tocsin, as the use cases see it.

    Args:
        database: where everything is kept.
        shelf: procedures by version.
        link_key: secret that signs acknowledge links.
        public_url: how people reach the pages; without a trailing slash. Empty: the procedures' own.
        listening_url: how programs on this machine reach this process; empty when it does not listen.
        node: name of this process among its peers.
        bell: rung after commits that leave work.
        providers: what this process knows of those it sends by.
        machines: names of channels that programs read; what goes by any other is gathered (`application.bundles`).
        flights: what became of this process's canaries.
        resolve: turns what site.yaml says of a secret into the secret; raises InvalidError when there is none.
        crash: called with the name of each named crash point (`TOCSIN_CRASH_AT`).
    """

    database: Database
    shelf: Shelf
    link_key: bytes
    public_url: str = ""
    listening_url: str = ""
    node: str = "local"
    bell: Bell = field(default_factory=Bell)
    providers: Providers = field(default_factory=Providers)
    machines: frozenset[str] = frozenset()
    flights: Flights = field(default_factory=Flights)
    resolve: Callable[[str], str] = str
    crash: Callable[[str], None] = no_crash

    def base_url(self, procedures: Procedures) -> str:
        """Where people reach the pages.

        A site that still has an address of this machine is being tried out: the port really listened on is then better
        than the one that was written down.
        """
        said = (self.public_url or procedures.site.public_url).rstrip("/")
        here = not self.public_url and urlsplit(said).hostname in {"127.0.0.1", "localhost", "::1"}
        return self.listening_url if here and self.listening_url else said
