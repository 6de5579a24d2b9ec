"""What `tocsin doctor` looks at: each check says what it found, and what would be right when something is not."""

from __future__ import annotations

import os
import platform
import shutil
import socket
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from pathlib import Path
from urllib.parse import urlsplit

from tocsin.cli.backend import open_backend
from tocsin.cli.home_lock import holder, read_server, take_lock
from tocsin.domain.errors import ProceduresError, TocsinError
from tocsin.domain.procedures import Procedures
from tocsin.settings import KNOWN, Settings

_LITTLE_SPACE = 500_000_000
_CONNECT_WITHIN = 3.0
_CLOCKS_MAY_DIFFER = timedelta(seconds=5)
_LOOPBACK = ("localhost", "127.", "::1")
_TEST_SUITE = "TOCSIN_TEST_"


class State(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one check."""

    subject: str
    state: State
    detail: str


def ok(subject: str, detail: str) -> Finding:
    """All is as it should be."""
    return Finding(subject, State.OK, detail)


def warn(subject: str, detail: str) -> Finding:
    """Somebody should look at this."""
    return Finding(subject, State.WARN, detail)


def fail(subject: str, detail: str) -> Finding:
    """This keeps pages from going out, or Tocsin from working at all."""
    return Finding(subject, State.FAIL, detail)


def examine(settings: Settings) -> Iterator[Finding]:
    """Every check that makes sense for these settings, in the order in which one would look.

    Args:
        settings: with `url` set, the server is far away and only the way there is looked at.
    """
    yield ok("python", f"{platform.python_version()} on {platform.system()}")
    yield from _environment(settings)
    if settings.url:
        yield _server_answers(settings)
        return
    yield from _home(settings)
    yield _running(settings)
    database = _look_at_database(settings)
    yield from database.findings
    try:
        procedures = _procedures(settings)
    except ProceduresError as error:
        more = f" and {len(error.faults) - 1} more" if len(error.faults) > 1 else ""
        yield fail("procedures", f"{error.faults[0]}{more}; see them all with 'tocsin check {settings.procedures}'.")
        return
    yield _active(settings, procedures, database.active)
    yield _mail(settings, procedures)
    yield from _telephone(settings, procedures)
    yield _public_url(settings.public_url or procedures.site.public_url)


def _environment(settings: Settings) -> Iterator[Finding]:
    if settings.crash_at:
        yield fail("settings", f"TOCSIN_CRASH_AT={settings.crash_at} will kill the process; unset it outside tests.")
    unknown = sorted(
        name
        for name in settings.environment
        if name.startswith("TOCSIN_") and name not in KNOWN and not name.startswith(_TEST_SUITE)
    )
    if unknown:
        yield warn("settings", f"{', '.join(unknown)} means nothing to Tocsin; it may be misspelt.")
    elif not settings.crash_at:
        yield ok("settings", f"read from the environment and {settings.home / '.env'}")


def _server_answers(settings: Settings) -> Finding:
    try:
        with open_backend(settings) as backend:
            version = str(backend.call("procedures", {})["version"])
    except TocsinError as error:
        return fail("server", error.detail)
    return ok("server", f"{settings.url} answers and accepts the token; procedures {version[:12]}")


def _home(settings: Settings) -> Iterator[Finding]:
    if not settings.home.is_dir():
        yield fail("home", f"{settings.home} does not exist; 'tocsin init' lays it out.")
        return
    loose = [path for path in (settings.home, settings.home / ".env") if _others_may(path)]
    if loose:
        yield warn("home", f"others may read {loose[0]}; run: chmod go-rwx {loose[0]}")
    elif not os.access(settings.home, os.W_OK):
        yield fail("home", f"{settings.home} cannot be written to by this user.")
    else:
        yield ok("home", f"{settings.home}, for its owner alone")
    free = shutil.disk_usage(settings.home).free
    if free < _LITTLE_SPACE:
        yield warn("disk", f"{free / 1e6:.0f} MB are left where the home is; make room before it is full.")
    else:
        yield ok("disk", f"{free / 1e9:.1f} GB are free")


def _others_may(path: Path) -> bool:
    return os.name == "posix" and path.exists() and bool(stat.S_IMODE(path.stat().st_mode) & 0o077)


def _running(settings: Settings) -> Finding:
    server = read_server(settings)
    if server is not None and server.answers():
        return ok("server", f"runs at {server.url} (process {server.pid})")
    if not settings.home.is_dir():
        return warn("server", "none runs here.")
    lock = take_lock(settings)
    if lock is None:
        return fail("server", f"{holder(settings)} holds the home's lock, but no server answers in it.")
    lock.release()
    if settings.is_sqlite:
        return warn("server", "none runs in this home, so nothing is sent; start one with 'tocsin serve'.")
    return warn("server", "none runs in this home; pages go out as long as another node runs on this database.")


@dataclass(frozen=True, slots=True)
class _Database:
    """What the database shows; `active` is the version of the procedures in force, None when nobody can tell."""

    findings: tuple[Finding, ...]
    active: str | None = None


def _look_at_database(settings: Settings) -> _Database:
    if settings.is_sqlite and not settings.database_file.exists():
        return _Database((fail("database", f"there is none at {settings.database_file}; 'tocsin init' lays it out."),))
    from tocsin.bootstrap import open_database
    from tocsin.db.schema import LATEST

    try:
        with closing(open_database(settings)) as database:
            version = database.version()
            if version != LATEST:
                detail = f"has schema {version or '(none)'}, this release {LATEST}; run 'tocsin migrate'."
                return _Database((fail("database", detail),))
            kind = str(settings.database_file) if settings.is_sqlite else "PostgreSQL"
            newest, active = database.read(lambda tx: (tx.newest_event_at(), tx.accounts.active_version()))
            clock = compare_clocks(datetime.now(UTC), database.now(), newest)
            return _Database((ok("database", f"{kind}, schema {version}"), clock), active)
    except TocsinError as error:
        return _Database((fail("database", error.detail),))


def compare_clocks(here: datetime, there: datetime, newest: datetime | None) -> Finding:
    """Judge this machine's clock.

    Args:
        here: its present, aware UTC.
        there: the database's present.
        newest: when the newest event happened; None when there is none.
    """
    if abs(there - here) > _CLOCKS_MAY_DIFFER:
        return warn("clock", f"this machine and the database differ by {abs(there - here).total_seconds():.0f} s.")
    if newest is not None and newest - here > _CLOCKS_MAY_DIFFER:
        return warn("clock", f"the newest event is from {newest:%Y-%m-%d %H:%M:%S} UTC, which is still to come here.")
    return ok("clock", f"{here:%Y-%m-%d %H:%M:%S} UTC")


def _procedures(settings: Settings) -> Procedures:
    from tocsin.procedures.loader import load

    return load(settings.procedures)


def _active(settings: Settings, procedures: Procedures, active: str | None) -> Finding:
    if active == procedures.version:
        return ok("procedures", f"{settings.procedures} is valid and active, version {active[:12]}")
    if active:
        return warn(
            "procedures",
            f"{settings.procedures} is valid, but {active[:12]} is active and not {procedures.version[:12]}; "
            "'tocsin apply' makes it so.",
        )
    unknown = "nobody can tell which version is active" if active is None else "no version is active"
    return fail("procedures", f"{settings.procedures} is valid, but {unknown}; 'tocsin apply' makes it so.")


def _mail(settings: Settings, procedures: Procedures) -> Finding:
    from tocsin.procedures.secret import resolve_secret

    mail = procedures.site.mail
    try:
        host = resolve_secret(mail.host, settings.environment)
        with socket.create_connection((host, mail.port), timeout=_CONNECT_WITHIN):
            return ok("mail", f"{host}:{mail.port} accepts connections; 'tocsin test-page PERSON' proves the rest")
    except TocsinError as error:
        return fail("mail", error.detail)
    except OSError as error:
        why = error.strerror or str(error)
        return fail(
            "mail", f"{mail.host}:{mail.port} cannot be reached ({why}); see mail.host and mail.port in site.yaml."
        )


def _telephone(settings: Settings, procedures: Procedures) -> Iterator[Finding]:
    """Nothing where nobody is to be reached by text message or call; else also where answers are to come back to."""
    from tocsin.channels.sending.twilio import REPLY
    from tocsin.procedures.secret import resolve_secret

    account = procedures.site.telephone
    if not account.account_sid:
        return
    try:
        resolve_secret(account.auth_token, settings.environment)
    except TocsinError as error:
        yield fail("telephone", error.detail)
        return
    base_url = (settings.public_url or procedures.site.public_url).rstrip("/")
    yield ok(
        "telephone",
        f"for answers to text messages, set {base_url}{REPLY} as the webhook of {account.sender} for incoming "
        "messages (HTTP POST)",
    )


def _public_url(url: str) -> Finding:
    host = urlsplit(url).hostname or ""
    if host.startswith(_LOOPBACK):
        return warn("public url", f"{url} leads nowhere on a phone; set TOCSIN_PUBLIC_URL or public_url in site.yaml.")
    if not host:
        return fail(
            "public url", "there is none, so pages carry no links; set TOCSIN_PUBLIC_URL or public_url in site.yaml."
        )
    return ok("public url", url)
