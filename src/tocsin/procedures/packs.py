"""Packs: procedures that come with Tocsin, and how one becomes a team's own directory."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from io import StringIO
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap

from tocsin.domain.errors import InvalidError, NotAllowedNowError
from tocsin.procedures.faults import explain, model_in
from tocsin.procedures.fields import IS_SECRET, nearest
from tocsin.procedures.secret import is_reference
from tocsin.procedures.site_file import SiteFile

SITE: Final = "site.yaml"

SECRETS: Final = "secrets"
"""The folder beside the files in which secrets that were typed or made at set-up are kept; Git is told to ignore it."""


@dataclass(frozen=True, slots=True)
class Question:
    """Something to ask for at set-up.

    Args:
        key: of `site.yaml`, dotted, as `lay_out` takes it.
        prompt: what to ask.
        default: what an empty answer means; None when there must be an answer.
        secret: whether the answer must not be shown while it is typed.
    """

    key: str
    prompt: str
    default: str | None = None
    secret: bool = False


_QUESTIONS: Final = (
    Question("organization", "Name of the organization, as messages call it"),
    Question("public_url", "Web address at which phones reach this server, such as https://tocsin.example.org"),
    Question("support_address", "Mail address where users get help"),
    Question("status_page_url", "Web address of the status page (empty for none)", ""),
    Question("conference_url", "Web address of an incident's call; {incident_id} is filled in (empty for none)", ""),
    Question("mail.host", "Mail server that sends the pages", "localhost"),
    Question("mail.port", "Its port", "587"),
    Question("mail.security", "Its encryption: starttls (587), tls (465) or none (25)", "starttls"),
    Question("mail.username", "User name there (empty for none)", ""),
    Question(
        "mail.password", "Password there, or where it is: ${NAME} or file:/path (empty for none)", "", secret=True
    ),
    Question("mail.sender", "Mail address the pages come from"),
)

_DEFAULTS: Final[Mapping[str, str]] = {
    "organization": "Example Organization",
    "public_url": "http://127.0.0.1:8080",
    "support_address": "support@example.org",
    "status_page_url": "https://status.example.org",
    "conference_url": "https://meet.example.org/{incident_id}",
    "mail.host": "127.0.0.1",
    "mail.port": "1025",
    "mail.security": "none",
    "mail.sender": "tocsin@example.org",
}


def questions() -> tuple[Question, ...]:
    """What `tocsin init` asks for on a terminal, in this order; the keys are those that `lay_out` takes."""
    return _QUESTIONS


def defaults() -> dict[str, str]:
    """Answers that work on one machine without a network: example.org, and a mail server on 127.0.0.1:1025."""
    return dict(_DEFAULTS)


def names() -> tuple[str, ...]:
    """The packs that come with Tocsin."""
    return tuple(sorted(entry.name for entry in _packs().iterdir() if (entry / SITE).is_file()))


def lay_out(pack: str, directory: Path, answers: Mapping[str, str]) -> None:
    """Copy a pack into a directory and fill in the company's values; comments stay where they are.

    A secret that is not a reference yet goes into a file of its own (0600) below `SECRETS`, and the reference to that
    file into `site.yaml`; the one that signs webhooks is made when no answer gives it.

    Args:
        pack: one of `names()`.
        directory: where the procedures shall be; made when it does not exist.
        answers: values of `site.yaml` by dotted key, such as {"mail.port": "2525"}; what is not answered stays as the
            pack has it.

    Raises:
        InvalidError: there is no such pack or key, or a value does not fit; nothing was written.
        NotAllowedNowError: a file that would be written exists; nothing was written.
    """
    if pack not in names():
        raise InvalidError(f"There is no pack {pack!r}; {nearest(pack, names())}. Nothing was written.")
    contents = {file.name: file.read_text(encoding="utf-8") for file in (_packs() / pack).iterdir()}
    values = {"webhook.secret": _new_signing_secret(), **answers}
    private = {f"{SECRETS}/{key}": values[key] for key in _typed_secrets(values)}
    for path in private:
        values[path.removeprefix(f"{SECRETS}/")] = f"file:{(directory / path).absolute()}"
    contents[SITE] = _filled_in(contents[SITE], values)
    _refuse_overwriting(directory, [*contents, *private])
    directory.mkdir(parents=True, exist_ok=True)
    for name, text in contents.items():
        (directory / name).write_text(text, encoding="utf-8")
    _keep(directory, private)


def _new_signing_secret() -> str:
    """A key in the form that Standard Webhooks gives it."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(32)).decode()


def _packs() -> Traversable:
    return files("tocsin") / "packs"


def _refuse_overwriting(directory: Path, paths: list[str]) -> None:
    existing = sorted(path for path in paths if (directory / path).exists())
    if existing:
        raise NotAllowedNowError(
            f"{directory} already has {', '.join(existing)}; nothing was written. Edit what is there, "
            "or choose another directory."
        )


def _keep(directory: Path, private: Mapping[str, str]) -> None:
    if not private:
        return
    folder = directory / SECRETS
    folder.mkdir(mode=0o700, exist_ok=True)
    (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    for path, secret in private.items():
        target = directory / path
        target.touch(mode=0o600, exist_ok=False)
        target.write_text(secret + "\n", encoding="utf-8")


def _keys(model: type[BaseModel] = SiteFile, prefix: str = "") -> dict[str, FieldInfo]:
    """Every dotted key of `site.yaml`."""
    keys: dict[str, FieldInfo] = {}
    for name, field in model.model_fields.items():
        inner = model_in(field.annotation)
        keys |= _keys(inner, f"{prefix}{name}.") if inner else {f"{prefix}{name}": field}
    return keys


def _typed_secrets(answers: Mapping[str, str]) -> list[str]:
    secret = (key for key, field in _keys().items() if IS_SECRET in field.metadata)
    return [key for key in secret if answers.get(key) and not is_reference(answers[key])]


def _filled_in(site: str, values: Mapping[str, str]) -> str:
    """The text of `site.yaml` with values set; comments and everything else as they were."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    root = yaml.load(site)
    for key, value in values.items():
        _set(root, key, value)
    _refuse_unfit(root, values)
    out = StringIO()
    yaml.dump(root, out)
    return out.getvalue()


def _set(root: CommentedMap, key: str, value: str) -> None:
    known = _keys()
    if key not in known:
        raise InvalidError(f"site.yaml has no value {key!r}; {nearest(key, tuple(known))}. Nothing was written.")
    *sections, name = key.split(".")
    for section in sections:
        root = root.setdefault(section, CommentedMap())
    root[name] = int(value) if known[key].annotation is int and value.isdecimal() else value


def _refuse_unfit(root: CommentedMap, values: Mapping[str, str]) -> None:
    try:
        SiteFile.model_validate(root)
    except ValidationError as error:
        for detail in error.errors(include_url=False):
            key = ".".join(map(str, detail["loc"]))
            if key in values:
                raise InvalidError(f"{key}={values[key]}: {explain(detail, SiteFile)}. Nothing was written.") from error
