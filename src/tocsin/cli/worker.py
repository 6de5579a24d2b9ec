"""`tocsin worker`."""

from __future__ import annotations

import sys

from tocsin.cli.asking import settings
from tocsin.cli.options import Json
from tocsin.cli.printing import print_json, print_lines
from tocsin.cli.stopping import until_told_to_stop
from tocsin.domain.errors import InvalidError


def worker(*, as_json: Json = False) -> None:
    """Run an engine only: one more node on PostgreSQL.

    TOCSIN_DATABASE_URL says which database. A worker sends pages and climbs ladders like `serve`, and has no doors. It
    ends in order on SIGTERM or Ctrl-C.

    Example: tocsin worker
    """
    here = settings()
    if here.is_sqlite:
        raise InvalidError(
            "A worker needs PostgreSQL: a SQLite file has one writer, and that is 'tocsin serve'. Set "
            "TOCSIN_DATABASE_URL to the database that the other nodes use. Nothing was started."
        )
    from tocsin.cli.logs import start_logging
    from tocsin.node import running

    start_logging(here)
    with until_told_to_stop() as told, running(here) as node:
        if as_json:
            print_json({"node": node.app.node})
        else:
            print_lines([f"The engine runs as {node.app.node}. Ctrl-C ends it in order."])
        sys.stdout.flush()
        told.wait()
