"""How results are told: one JSON object per line, and ratios against a bar."""

from __future__ import annotations

import argparse
import json
import os

LOAD_BEFORE = round(os.getloadavg()[0], 2)
"""What else the machine was doing when the benchmark started: processes that wanted a core, over the last minute."""


def tell(benchmark: str, **facts: object) -> None:
    """Print one result."""
    print(json.dumps({"benchmark": benchmark} | facts | {"load_before": LOAD_BEFORE}), flush=True)


def options(about: str | None, *, peer: bool = True) -> argparse.ArgumentParser:
    """The options every benchmark has; `peer` adds those that put the same load on another system."""
    parser = argparse.ArgumentParser(description=about, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database-url", help="an empty PostgreSQL database; SQLite in a fresh home without it")
    if peer:
        either = parser.add_mutually_exclusive_group()
        either.add_argument("--peer-url", help="an Alertmanager on loopback to put the same load on")
        either.add_argument("--with-alertmanager", action="store_true", help="start Debian's Alertmanager as the peer")
        parser.add_argument("--only-peer", action="store_true", help="leave Tocsin out")
    return parser


def database_name(database_url: str | None) -> str:
    """What to call the database in results: never its address, which may hold a password."""
    return "postgresql" if database_url else "sqlite"
