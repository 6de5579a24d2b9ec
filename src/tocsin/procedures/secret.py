"""What a reference to a secret stands for, read at the moment it is used and kept nowhere."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from tocsin.domain.errors import InvalidError

_VARIABLE: Final = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
_FILE: Final = re.compile(r"file:(~?/\S.*)")
_LARGEST: Final = 64_000


def is_reference(text: str) -> bool:
    """Whether the text is `${NAME}` or `file:` with a whole path (`~` is the home directory)."""
    return bool(_VARIABLE.fullmatch(text) or _FILE.fullmatch(text))


def resolve_secret(text: str, environ: Mapping[str, str]) -> str:
    """Read what a value of `site.yaml` stands for.

    Args:
        text: `${NAME}` for a variable, `file:PATH` for a file's contents; anything else stands for itself.
        environ: the variables.

    Returns:
        The secret, without the line end that editors put after it.

    Raises:
        InvalidError: the variable is not set or empty, or the file cannot be read or is empty.
    """
    if variable := _VARIABLE.fullmatch(text):
        return _filled(environ.get(variable[1], ""), text, f"set the variable {variable[1]} where Tocsin is started")
    if file := _FILE.fullmatch(text):
        return _filled(_contents(Path(file[1]), text), text, "write the secret into that file")
    return text


def _contents(path: Path, text: str) -> str:
    try:
        with path.expanduser().open(encoding="utf-8") as file:
            return file.read(_LARGEST).rstrip("\r\n")
    except (OSError, UnicodeDecodeError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise InvalidError(
            f"The secret {text} in site.yaml cannot be read: {reason}. Let Tocsin's user read that file."
        ) from error


def _filled(secret: str, text: str, remedy: str) -> str:
    if not secret:
        raise InvalidError(f"The secret {text} in site.yaml is empty or missing; {remedy}.")
    return secret
