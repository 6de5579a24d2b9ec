"""Where the parts are put together: the one place that knows which database, clock and channels there are."""

from __future__ import annotations

import json
import os
import secrets
import signal
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from tocsin.application.app import Application, Shelf, no_crash
from tocsin.application.ports import Channel, Transaction
from tocsin.channels import MACHINES, REGISTRY, ChannelSettings
from tocsin.db.clock import SteadyClock
from tocsin.db.sqlite import SqliteDatabase
from tocsin.domain.errors import InvalidError
from tocsin.domain.procedures import Procedures, Site
from tocsin.procedures.compiled import compile_document
from tocsin.procedures.secret import resolve_secret
from tocsin.settings import Settings

if TYPE_CHECKING:
    from tocsin.db.postgres import PostgresDatabase

CRASH_POINTS = frozenset(
    {
        "ingest.before_commit",
        "ingest.after_commit",
        "decide.before_commit",
        "decide.after_commit",
        "page.after_claim",
        "page.after_send",
        "page.before_result",
        "step.after_intent",
        "step.after_effect",
    }
)
"""Where `TOCSIN_CRASH_AT` can end the process (INTERFACE.md *Settings*)."""

_LINK_KEY = "link-key"


def compile_version(data: bytes, version: str) -> Procedures:
    """Procedures from the bytes they are kept as."""
    return compile_document(json.loads(data), version)


@contextmanager
def open_application(settings: Settings, listening_url: str = "") -> Iterator[Application]:
    """Open the database, bring it to the latest schema, and put the application around it.

    Args:
        settings: where it is; on SQLite the caller holds the home's lock.
        listening_url: how programs on this machine reach this process; empty when it does not listen.

    Raises:
        UnavailableError: the database is out of reach, or a newer release wrote it.
    """
    database = open_database(settings)
    try:
        database.migrate()
        newest = database.read(lambda tx: tx.newest_event_at())
        if newest is not None:
            database.not_before(newest)
        yield Application(
            database=database,
            shelf=Shelf(compile_version),
            link_key=_link_key(settings, database.transact),
            public_url=settings.public_url,
            listening_url=listening_url,
            node=f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}",
            machines=MACHINES,
            resolve=lambda text: resolve_secret(text, settings.environment),
            crash=crash_at(settings.crash_at),
        )
    finally:
        database.close()


def open_database(settings: Settings) -> SqliteDatabase | PostgresDatabase:
    """The database these settings name, whatever schema it has.

    Raises:
        UnavailableError: it is out of reach.
    """
    if settings.is_sqlite:
        return SqliteDatabase(settings.database_file, SteadyClock())
    from tocsin.db.postgres import PostgresDatabase  # noqa: PLC0415 - libpq costs 0.2 s that SQLite users need not pay

    return PostgresDatabase(str(settings.database_url), time.monotonic)


def _link_key(settings: Settings, transact: Callable[[Callable[[Transaction], bytes]], bytes]) -> bytes:
    """`TOCSIN_SECRET_KEY`, or one made once and kept in the database, so that every node signs alike."""
    if settings.secret_key:
        return settings.secret_key.encode()

    def work(transaction: Transaction) -> bytes:
        kept = transaction.accounts.get(_LINK_KEY)
        if kept is None:
            kept = secrets.token_bytes(32)
            transaction.accounts.put(_LINK_KEY, kept)
        return kept

    return transact(work)


def crash_at(setting: str) -> Callable[[str], None]:
    """What happens at crash points: nothing, or SIGKILL at the N-th pass of one of them.

    Args:
        setting: "NAME" or "NAME:N"; empty for nothing.

    Raises:
        InvalidError: there is no such point.
    """
    if not setting:
        return no_crash
    name, _, count = setting.partition(":")
    if name not in CRASH_POINTS or not (count or "1").isdecimal():
        raise InvalidError(
            f"TOCSIN_CRASH_AT is '{setting}'; it is NAME[:N] with one of {', '.join(sorted(CRASH_POINTS))}."
        )
    left = [int(count or 1)]

    def reached(point: str) -> None:
        if point == name:
            left[0] -= 1
            if left[0] == 0:
                os.kill(os.getpid(), getattr(signal, "SIGKILL", signal.SIGTERM))

    return reached


class Switchboard(Mapping[str, Channel]):
    """The channels of this node, made anew when the company values they were made from change.

    Args:
        environ: where `${NAME}` references of site.yaml are looked up, and whether webhooks may lead into private
            networks (TOCSIN_ALLOW_PRIVATE=1).
        public_url: how people reach the pages, when the settings say so.
        own: channels of this node's own by name, beside those that contacts can name.
    """

    def __init__(self, environ: Mapping[str, str], public_url: str, own: Mapping[str, Channel] | None = None) -> None:
        self._own = dict(own or {})
        self._environ = environ
        self._public_url = public_url
        self._site: Site | None = None
        self._channels: dict[str, Channel] = {}

    def connect(self, site: Site) -> None:
        """Use these company values from now on."""
        if site == self._site:
            return
        settings = ChannelSettings(
            site=replace(site, public_url=self._public_url or site.public_url),
            resolve=lambda text: resolve_secret(text, self._environ),
            allow_private=self._environ.get("TOCSIN_ALLOW_PRIVATE") == "1",
        )
        before, self._channels = self._channels, {name: make(settings) for name, make in REGISTRY.items()} | self._own
        self._site = site
        for channel in before.values():
            channel.close()

    def __getitem__(self, name: str) -> Channel:
        return self._channels[name]

    def __iter__(self) -> Iterator[str]:
        return iter((*REGISTRY, *self._own))

    def __len__(self) -> int:
        return len(REGISTRY) + len(self._own)

    def close(self) -> None:
        """Let go of every connection."""
        for channel in self._channels.values():
            channel.close()
