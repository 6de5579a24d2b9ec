"""What the channels of the night need: receipts that are owed, bundles, and callbacks that were heard already.

Additive, every column with a default, so that nodes of the release before go on working beside it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_Instant = sa.BigInteger


def _partial(name: str, table: str, columns: list[str], where: str) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, sqlite_where=condition, postgresql_where=condition)


def upgrade() -> None:
    """Add to the tables of 0001; `incidents` before `pages`, as everybody locks them: nobody waits in a circle."""
    # What a newer release has folded is looked for at each claim; without this, PostgreSQL reads every incident for it.
    op.create_index("incidents_by_fold", "incidents", ["fold_version"])
    op.add_column("pages", sa.Column("receipt_by", _Instant))
    op.add_column("pages", sa.Column("carried_by", sa.Text, nullable=False, server_default=""))
    _partial("pages_without_receipt", "pages", ["receipt_by"], "receipt_by IS NOT NULL")
    whose = ["person", "channel"]
    op.create_index("pages_intended", "pages", [*whose, "send_at"])
    _partial("pages_gathering", "pages", [*whose, "wake_at"], "wake_at IS NOT NULL")
    _partial("pages_heard", "pages", [*whose, "sent_at"], "sent_at IS NOT NULL AND carried_by = ''")
    _partial("pages_carried", "pages", ["carried_by"], "carried_by <> ''")
    op.create_table(
        "callbacks",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("heard_at", _Instant, nullable=False),
    )
    op.create_index("callbacks_by_time", "callbacks", ["heard_at"])
