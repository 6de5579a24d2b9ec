"""`tocsin migrate`."""

from __future__ import annotations

from contextlib import nullcontext

from tocsin.cli.asking import give, settings
from tocsin.cli.backend import laid_out, sole_user
from tocsin.cli.options import Json


def migrate(*, as_json: Json = False) -> None:
    """Bring the database to this version's layout.

    `serve` does so when it starts; this is for doing it beforehand, while no server runs on a SQLite home.

    Example: tocsin migrate
    """
    here = settings()
    laid_out(here)
    from tocsin.bootstrap import open_database

    with sole_user(here) if here.is_sqlite else nullcontext():
        database = open_database(here)
        try:
            before, after = database.migrate()
        finally:
            database.close()
    told = f"The database was at {before or 'nothing'} and is at {after} now."
    if before == after:
        told = f"The database is at {after} already; nothing was to be done."
    give({"before": before or None, "after": after}, [told], as_json=as_json)
