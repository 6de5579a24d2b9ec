"""Claudex's configuration file: what may stand in it, and where in it a mistake is."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path

DEFAULT = """\
# Claudex configuration. It is read again whenever it changes; an invalid file stops requests until it is put right.

# TCP port on 127.0.0.1; 0 lets the system choose. A change takes effect at the next start.
port = 8765

# Requests handled at the same time.
workers = 4

# Files kept open in memory; each takes 64 KiB, so 8000 of them are 500 MiB.
max_files = 128

# Size of the cache on disk. Every request reads through all of it: 1000 MB cost it a second or more.
cache_mb = 8
"""
"""What `--init` writes."""

LIMITS = {"port": (0, 65535), "workers": (1, 64), "max_files": (1, 100_000), "cache_mb": (0, 10_000)}
"""The smallest and the largest value of each key."""


@dataclass(frozen=True)
class Config:
    """A valid configuration; the default file above explains each key."""

    port: int
    workers: int
    max_files: int
    cache_mb: int


class ConfigError(Exception):
    """The configuration cannot be used.

    Args:
        faults: each "file:line: message".
    """

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


def read(path: Path) -> Config:
    """The configuration in a file.

    Raises:
        ConfigError: there is no file, it cannot be read, or what stands in it is wrong.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ConfigError([f"{path}:1: there is no configuration; write a default one with: claudex --init"]) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}:1: cannot be read: {error}"]) from error
    return parse(text, str(path))


def parse(text: str, name: str) -> Config:
    """The configuration in a text; `name` stands for the file in messages.

    Raises:
        ConfigError: it is not TOML, or a key is unknown, missing or out of range; all faults at once.
    """
    try:
        values = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([_not_toml(error, text, name)]) from error
    faults = [
        f"{name}:{_line_of(key, text)}: {key} is not a setting; the settings are {', '.join(LIMITS)}"
        for key in values
        if key not in LIMITS
    ]
    for key, (least, most) in LIMITS.items():
        if key not in values:
            faults.append(f"{name}:1: {key} is missing; it must be a whole number from {least} to {most}")
        elif type(values[key]) is not int or not least <= values[key] <= most:
            said = f"{key} is {values[key]!r}; it must be a whole number from {least} to {most}"
            faults.append(f"{name}:{_line_of(key, text)}: {said}")
    if faults:
        raise ConfigError(faults)
    return Config(**{field.name: values[field.name] for field in fields(Config)})


def _not_toml(error: tomllib.TOMLDecodeError, text: str, name: str) -> str:
    found = re.search(r" ?\(at line (\d+), column \d+\)| ?\(at end of document\)", str(error))
    line = int(found[1]) if found and found[1] else text.count("\n") + 1
    what = str(error)[: found.start()] if found else str(error)
    return f"{name}:{line}: not valid TOML: {what}"


def _line_of(key: str, text: str) -> int:
    for number, line in enumerate(text.splitlines(), start=1):
        if re.match(rf"""\s*\[*\s*["']?{re.escape(key)}["']?\s*[=.\]]""", line):
            return number
    return 1
