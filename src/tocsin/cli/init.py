"""`tocsin init`."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from tocsin.cli.asking import give, settings
from tocsin.cli.options import Json
from tocsin.domain.errors import InvalidError, NotAllowedNowError, UnavailableError
from tocsin.settings import Settings

Pack = Annotated[str, typer.Option("--pack", metavar="NAME", help="Procedures to start from.")]
Defaults = Annotated[
    bool, typer.Option("--defaults", help="Fill in example.org values that work on this machine, and ask nothing.")
]
Values = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="A value of site.yaml, such as mail.port=2525; may be repeated."),
]


def init(
    *, pack: Pack = "claudex-windows", defaults: Defaults = False, values: Values = None, as_json: Json = False
) -> None:
    """Lay out a home: procedures, database and the first admin token.

    On a terminal it asks for your company's values. The token is shown once.

    Example: tocsin init --pack claudex-windows --set mail.host=mail.example.org
    """
    given = dict(_pair(value) for value in values or ())
    here = settings()
    here.make_home()
    answer = _lay_out(here, pack, given, defaults=defaults, may_ask=sys.stdin.isatty() and not as_json)
    give(answer, _told(answer), as_json=as_json)


def _pair(value: str) -> tuple[str, str]:
    key, equals, text = value.partition("=")
    if not equals or not key:
        raise InvalidError(f"--set {value} should be --set KEY=VALUE, such as --set mail.port=2525.")
    return key, text


def _lay_out(here: Settings, pack: str, given: Mapping[str, str], *, defaults: bool, may_ask: bool) -> dict[str, Any]:
    # What init needs is slow to import, and --help of it should not be.
    from tocsin.cli.backend import sole_user
    from tocsin.cli.local_backend import LocalBackend
    from tocsin.procedures.loader import document

    backend = LocalBackend(here, "", lock=sole_user(here) if here.is_sqlite else None)
    try:
        _refuse_if_laid_out(backend, here)
        if not (here.procedures / "procedures.yaml").exists() or given:
            _copy_pack(here.procedures, pack, given, defaults=defaults, may_ask=may_ask)
        here.home.chmod(0o700)
        sealed = document(here.procedures)
        backend.call("apply", {"version": sealed.version, "data": sealed.data})
        token = backend.call("token-create", {"role": "admin", "name": "first admin"})
    finally:
        backend.close()
    return {
        "token": token["token"],
        "home": str(here.home),
        "procedures": str(here.procedures),
        "version": sealed.version,
    }


def _refuse_if_laid_out(backend: Any, here: Settings) -> None:  # noqa: ANN401 - imported where it is used
    try:
        active = backend.call("procedures", {})["version"]
    except UnavailableError:
        return
    raise NotAllowedNowError(
        f"{here.home} is laid out already (procedures {active[:12]}), so nothing was changed. Edit {here.procedures} "
        "and run 'tocsin apply'; 'tocsin tokens create --role admin' gives a new token."
    )


def _copy_pack(directory: Path, pack: str, given: Mapping[str, str], *, defaults: bool, may_ask: bool) -> None:
    from tocsin.procedures import packs

    if defaults:
        answers = {**packs.defaults(), **given}
    elif may_ask:
        answers = {**_asked(packs.questions(), given), **given}
    else:
        missing = [one.key for one in packs.questions() if one.default is None and one.key not in given]
        if missing:
            raise InvalidError(
                f"Values of your company are missing: {', '.join(missing)}. Give each with --set KEY=VALUE, take "
                "made-up ones with --defaults, or run 'tocsin init' on a terminal, where it asks. Nothing was written."
            )
        answers = dict(given)
    packs.lay_out(pack, directory, answers)


def _asked(questions: Any, given: Mapping[str, str]) -> dict[str, str]:  # noqa: ANN401 - as above
    return {
        one.key: typer.prompt(one.prompt, default=one.default, hide_input=one.secret, show_default=bool(one.default))
        for one in questions
        if one.key not in given
    }


def _told(answer: Mapping[str, Any]) -> Iterator[str]:
    yield f"Tocsin is laid out in {answer['home']}."
    yield ""
    yield f"Admin token: {answer['token']}"
    yield "Keep it now: it is not shown again."
    yield ""
    yield f"1. Make the procedures yours: {answer['procedures']}"
    yield "2. Check and apply them:      tocsin check && tocsin apply"
    yield "3. Let your monitoring in:    tocsin integrations add --name prometheus"
    yield "4. Start:                     tocsin serve"
