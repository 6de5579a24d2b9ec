"""`tocsin restore`."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from tocsin.cli.asking import give, settings
from tocsin.cli.backend import sole_user
from tocsin.cli.contents_text import contents_facts, contents_lines
from tocsin.cli.options import Json
from tocsin.domain.errors import NotAllowedNowError
from tocsin.settings import Settings

Source = Annotated[Path, typer.Argument(metavar="FILE", help="What 'tocsin backup' wrote.")]
Yes = Annotated[bool, typer.Option("--yes", help="Replace the database that is there.")]


def restore(file: Source, *, yes: Yes = False, as_json: Json = False) -> None:
    """Put a backup in the place of this home's database.

    Nothing may be serving. On SQLite the database that was there is kept beside it; on PostgreSQL its contents are
    replaced in one transaction, so take a backup before.

    Example: tocsin restore /var/backups/tocsin.db --yes
    """
    here = settings()
    from tocsin.db import transfer

    here.make_home()
    with sole_user(here):
        found = transfer.examine(file)
        kept = None
        if here.is_sqlite:
            kept = _put_sqlite(here, file, yes=yes)
        else:
            _put_postgres(here, file, yes=yes)
    told = f"Restored {found.incidents} incidents with {found.events} events from {file}."
    lines = [told, *contents_lines(found)] + ([f"What was there before is in {kept}."] if kept else [])
    give({**contents_facts(found), "kept": str(kept) if kept else None}, lines, as_json=as_json)


def _put_sqlite(here: Settings, file: Path, *, yes: bool) -> Path | None:
    from tocsin.db import transfer

    target = here.database_file
    replaces = target.exists()
    if replaces and not yes:
        raise NotAllowedNowError(f"{target} exists already, so nothing was changed. Add --yes to replace it.")
    keep = target.with_name(f"{target.name}.before-{datetime.now(UTC):%Y%m%dT%H%M%S}")
    transfer.restore_sqlite(file, target, keep)
    return keep if replaces else None


def _put_postgres(here: Settings, file: Path, *, yes: bool) -> None:
    from tocsin.bootstrap import open_database
    from tocsin.db import transfer

    database = open_database(here)
    try:
        database.migrate()
        used = database.read(lambda tx: bool(tx.accounts.active_version()))
    finally:
        database.close()
    if used and not yes:
        raise NotAllowedNowError(
            "The database is in use already, so nothing was changed. Add --yes to replace its contents."
        )
    transfer.restore_postgres(file, str(here.database_url), here.home / "restoring.db")
