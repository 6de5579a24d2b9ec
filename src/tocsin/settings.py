"""What the surroundings decide: TOCSIN_… variables, and the same names in a `.env` file in the home directory."""

from __future__ import annotations

import ipaddress
import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from tocsin.domain.errors import InvalidError

LOG_LEVELS = ("debug", "info", "warning", "error")
KNOWN = frozenset({
    "TOCSIN_HOME", "TOCSIN_DATABASE_URL", "TOCSIN_PROCEDURES", "TOCSIN_PUBLIC_URL", "TOCSIN_SECRET_KEY",
    "TOCSIN_TRUSTED_PROXIES", "TOCSIN_URL", "TOCSIN_TOKEN", "TOCSIN_LOG", "TOCSIN_TEST", "TOCSIN_CRASH_AT",
    "TOCSIN_MAIL_PORT", "TOCSIN_ALLOW_PRIVATE",
})  # fmt: skip
"""Every name that means something; `tocsin doctor` points at others, which are most likely misspelt."""

_ASSIGNMENT = re.compile(r"(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_]*)\s*=\s*(?P<value>.*)")
_DATABASES = ("postgresql://", "postgres://", "sqlite:///")
_LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Settings:
    """Where things are and who we talk to; read once, when a program starts.

    Args:
        home: the data directory.
        database_url: None is the SQLite file in the home.
        procedures: the procedures directory.
        public_url: what links in pages begin with, without a trailing slash; "" when not set.
        secret_key: signs acknowledge links; "" lets one be made in the database.
        trusted_proxies: addresses or networks whose X-Forwarded-… headers count.
        url: the server the command line talks to, without a trailing slash; "" is the one in this home, or none.
        token: API token for `url`.
        log: one of `LOG_LEVELS`.
        test: TOCSIN_TEST=1; only then the crash points work.
        crash_at: "NAME[:N]" of a crash point; always "" without `test`.
        mail_port: TCP port for alert mail; None is no such door.
        environment: the environment with the `.env` file's other names filled in, for `${NAME}` references.
    """

    home: Path
    database_url: str | None = None
    procedures: Path = Path("procedures")
    public_url: str = ""
    secret_key: str = field(default="", repr=False)
    trusted_proxies: tuple[str, ...] = ()
    url: str = ""
    token: str = field(default="", repr=False)
    log: str = "info"
    test: bool = False
    crash_at: str = ""
    mail_port: int | None = None
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def from_environment(cls, environ: Mapping[str, str]) -> Self:
        """Read the settings; nothing is created.

        Args:
            environ: such as `os.environ`; its names win over those in `$TOCSIN_HOME/.env`.

        Raises:
            InvalidError: a value cannot be understood; the message names it and what would be right.
        """
        home = _path(environ["TOCSIN_HOME"]) if environ.get("TOCSIN_HOME") else default_home(environ)
        merged = {**read_env_file(home / ".env"), **environ}
        value = {name: merged.get(name, "").strip() for name in KNOWN}
        test = value["TOCSIN_TEST"] == "1"
        return cls(
            home=home,
            database_url=_database(value["TOCSIN_DATABASE_URL"]),
            procedures=_path(value["TOCSIN_PROCEDURES"]) if value["TOCSIN_PROCEDURES"] else home / "procedures",
            public_url=_address("TOCSIN_PUBLIC_URL", value["TOCSIN_PUBLIC_URL"]),
            secret_key=value["TOCSIN_SECRET_KEY"],
            trusted_proxies=_networks(value["TOCSIN_TRUSTED_PROXIES"]),
            url=_address("TOCSIN_URL", value["TOCSIN_URL"]),
            token=value["TOCSIN_TOKEN"],
            log=_level(value["TOCSIN_LOG"]),
            test=test,
            crash_at=value["TOCSIN_CRASH_AT"] if test else "",
            mail_port=_port(value["TOCSIN_MAIL_PORT"]),
            environment=merged,
        )

    @property
    def is_sqlite(self) -> bool:
        """Whether the database is a file, so that this home has one writer at a time."""
        return self.database_url is None or self.database_url.startswith("sqlite:")

    @property
    def database_file(self) -> Path:
        """The SQLite file, whether or not SQLite is in use."""
        if self.database_url is not None and self.is_sqlite:
            return Path(self.database_url.removeprefix("sqlite:///"))
        return self.home / "tocsin.db"

    def make_home(self) -> None:
        """Create the home and its `run` directory, for their owner alone (0700), where they do not exist.

        Raises:
            InvalidError: the system does not let us.
        """
        for directory in (self.home, self.home / "run"):
            try:
                directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            except OSError as error:
                raise InvalidError(
                    f"The directory {directory} cannot be made: {error.strerror}. "
                    "Set TOCSIN_HOME to a directory that you may write to."
                ) from error


def default_home(environ: Mapping[str, str], platform: str = sys.platform) -> Path:
    """The platform's place for a user's data.

    Args:
        environ: where XDG_DATA_HOME, LOCALAPPDATA or HOME are looked up.
        platform: as in `sys.platform`.

    Raises:
        InvalidError: nothing says whose home directory it would be.
    """
    if platform == "win32" and environ.get("LOCALAPPDATA"):
        return Path(environ["LOCALAPPDATA"]) / "tocsin"
    try:
        user = Path(environ["HOME"]) if environ.get("HOME") else Path.home()
    except RuntimeError as error:
        raise InvalidError("There is no home directory to keep data in; set TOCSIN_HOME to a directory.") from error
    if platform == "darwin":
        return user / "Library" / "Application Support" / "tocsin"
    return Path(environ.get("XDG_DATA_HOME") or user / ".local" / "share") / "tocsin"


def read_env_file(path: Path) -> dict[str, str]:
    """Read NAME=value lines; blank lines and lines that begin with # say nothing. No file is an empty one.

    A value may stand in single or double quotes; `export ` before the name is allowed; nothing is expanded.

    Raises:
        InvalidError: a line is none of these, or the file cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidError(f"{path} cannot be read: {error}. It should be a text file of NAME=value lines.") from error
    values: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        found = _ASSIGNMENT.fullmatch(text)
        if found is None:
            raise InvalidError(f"{path}:{number}:1: this is not NAME=value; put a # before it if it is a remark.")
        values[found["name"]] = _unquoted(found["value"])
    return values


def _unquoted(value: str) -> str:
    quoted = len(value) > 1 and value[0] in "\"'" and value[-1] == value[0]
    return value[1:-1] if quoted else value


def _path(text: str) -> Path:
    return Path(os.path.abspath(os.path.expanduser(text)))  # noqa: PTH100, PTH111 - Path.resolve() would follow links


def _database(url: str) -> str | None:
    if url and not url.startswith(_DATABASES):
        kind = url.split(":", 1)[0]
        raise InvalidError(
            f"TOCSIN_DATABASE_URL begins with '{kind}'; it should be postgresql://user@host/name, "
            "or be left out for SQLite in the home directory."
        )
    return url or None


def _address(name: str, url: str) -> str:
    if url and not re.match(r"https?://[^/\s]+", url):
        raise InvalidError(f"{name} is '{url}'; it should be an address such as https://tocsin.example.org.")
    return url.rstrip("/")


def _networks(text: str) -> tuple[str, ...]:
    found = tuple(text.replace(",", " ").split())
    for one in found:
        try:
            ipaddress.ip_network(one, strict=False)
        except ValueError as error:
            raise InvalidError(
                f"TOCSIN_TRUSTED_PROXIES names '{one}'; it should list addresses or networks such as 10.0.0.0/8."
            ) from error
    return found


def _level(text: str) -> str:
    if text and text.lower() not in LOG_LEVELS:
        raise InvalidError(f"TOCSIN_LOG is '{text}'; it should be one of {', '.join(LOG_LEVELS)}.")
    return text.lower() or "info"


def _port(text: str) -> int | None:
    if text and not (text.isascii() and text.isdigit() and 0 < int(text) <= _LAST_PORT):
        raise InvalidError(f"TOCSIN_MAIL_PORT is '{text}'; it should be a port number from 1 to {_LAST_PORT}.")
    return int(text) if text else None
