"""The schema's version, and the way to it. Alembic and SQLAlchemy are imported only when something is to be done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tocsin.domain.errors import UnavailableError

if TYPE_CHECKING:
    from sqlalchemy import Connection

LATEST = "0002"
"""The newest migration; a test holds it to the files."""

VERSION_QUERY = "SELECT version_num FROM alembic_version"


def upgrade(connection: Connection, to: str = LATEST) -> None:
    """Bring a database to a schema, one transaction a migration.

    Args:
        connection: SQLAlchemy connection with the rights to create tables.
        to: version, an earlier one only in tests of upgrades.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)


def require_known(version: str) -> None:
    """Refuse a database that a newer release has written.

    Args:
        version: what the database says of itself; empty for a new one.

    Raises:
        UnavailableError: the version is past `LATEST`.
    """
    if version > LATEST:
        raise UnavailableError(
            f"The database has schema {version}, and this release knows up to {LATEST}. "
            "Nothing was changed; start the release that wrote it, or a newer one."
        )
