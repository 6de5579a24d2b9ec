"""`tocsin backup`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli.asking import give, settings
from tocsin.cli.backend import laid_out
from tocsin.cli.contents_text import contents_facts, contents_lines
from tocsin.cli.options import Json
from tocsin.domain.errors import InvalidError, NotAllowedNowError

Target = Annotated[Path, typer.Argument(metavar="FILE", help="Where to write it; readable for you alone.")]
Yes = Annotated[bool, typer.Option("--yes", help="Replace the file if it exists.")]


def backup(file: Target, *, yes: Yes = False, as_json: Json = False) -> None:
    """Copy the database into one file, while serving or not.

    The file has incidents with their chains, alerts, pages, accounts and every version of the procedures. It can be
    restored on SQLite and on PostgreSQL alike. Keys are in it: keep it as safe as the home. "Heads" is a hash over the
    newest links of all timelines: noted elsewhere, it shows at a restore whether somebody rewrote the file.

    Example: tocsin backup /var/backups/tocsin.db --yes
    """
    here = settings()
    if here.url:
        raise InvalidError(
            f"TOCSIN_URL names the server {here.url}, but backup copies the database of this home only. "
            "Run it on the server's machine, without TOCSIN_URL. Nothing was written."
        )
    laid_out(here)
    if file.exists() and not yes:
        raise NotAllowedNowError(f"{file} exists already, so nothing was written. Choose another name, or add --yes.")
    from tocsin.db import transfer

    fresh = file.with_name(f"{file.name}.part")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    try:
        if here.is_sqlite:
            transfer.save_sqlite(here.database_file, fresh)
        else:
            transfer.save_postgres(str(here.database_url), fresh)
        found = transfer.examine(fresh)
        fresh.replace(file)
    finally:
        fresh.unlink(missing_ok=True)
    size = file.stat().st_size
    told = f"Written to {file}: {found.incidents} incidents with {found.events} events, {size / 1e6:.1f} MB."
    facts = {"file": str(file.absolute()), "bytes": size, **contents_facts(found)}
    give(facts, [told, *contents_lines(found)], as_json=as_json)
