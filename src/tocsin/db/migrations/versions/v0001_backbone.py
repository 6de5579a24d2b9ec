"""The backbone: incidents and their chains, alerts, pages, accounts, procedures."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_Instant = sa.BigInteger
_Id = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def _partial(name: str, table: str, columns: list[str], where: str, *, unique: bool = False) -> None:
    condition = sa.text(where)
    op.create_index(name, table, columns, unique=unique, sqlite_where=condition, postgresql_where=condition)


def upgrade() -> None:
    """Lay out an empty database."""
    _incidents()
    _alerts()
    _pages()
    _accounts()


def _incidents() -> None:
    op.create_table(
        "incidents",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("group_key", sa.Text, nullable=False),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("phase", sa.Text, nullable=False),
        sa.Column("is_open", sa.SmallInteger, nullable=False),
        sa.Column("declared_at", _Instant, nullable=False),
        sa.Column("resolved_at", _Instant),
        sa.Column("next_due_at", _Instant),
        sa.Column("head_seq", sa.BigInteger, nullable=False),
        sa.Column("head_hash", sa.LargeBinary, nullable=False),
        sa.Column("fold_version", sa.Integer, nullable=False),
        sa.Column("state", sa.LargeBinary, nullable=False),
    )
    _partial("incidents_one_open_per_group", "incidents", ["group_key"], "is_open = 1", unique=True)
    _partial("incidents_timers", "incidents", ["next_due_at"], "next_due_at IS NOT NULL")
    op.create_index("incidents_by_group", "incidents", ["group_key", "resolved_at"])
    op.create_index("incidents_by_time", "incidents", ["declared_at", "id"])
    op.create_table(
        "events",
        sa.Column("incident_id", sa.Text, primary_key=True),
        sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "texts",
        sa.Column("incident_id", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("words", sa.Text, nullable=False),
    )


def _alerts() -> None:
    op.create_table(
        "alerts",
        sa.Column("id", _Id, primary_key=True, autoincrement=True),
        sa.Column("integration_id", sa.Text, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary, nullable=False),
        sa.Column("incident_id", sa.Text, nullable=False),
        sa.Column("is_open", sa.SmallInteger, nullable=False),
        sa.Column("firing", sa.SmallInteger, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("starts_at", _Instant),
        sa.Column("ends_at", _Instant),
        sa.Column("first_seen_at", _Instant, nullable=False),
        sa.Column("last_seen_at", _Instant, nullable=False),
        sa.Column("cleared_at", _Instant),
        sa.Column("digest", sa.LargeBinary, nullable=False),
        sa.Column("first_payload", sa.LargeBinary, nullable=False),
        sa.Column("payload", sa.LargeBinary),
    )
    _partial("alerts_one_open", "alerts", ["integration_id", "fingerprint"], "is_open = 1", unique=True)
    op.create_index("alerts_by_incident", "alerts", ["incident_id", "id"])


def _pages() -> None:
    op.create_table(
        "pages",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("incident_id", sa.Text, nullable=False),
        sa.Column("seq", sa.BigInteger, nullable=False),
        sa.Column("round", sa.Integer, nullable=False),
        sa.Column("level", sa.Integer, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("lane", sa.SmallInteger, nullable=False),
        sa.Column("send_at", _Instant, nullable=False),
        sa.Column("intended_at", _Instant, nullable=False),
        sa.Column("wake_at", _Instant),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("owner", sa.Text, nullable=False, server_default=""),
        sa.Column("fence", sa.Integer, nullable=False, server_default="0"),
        sa.Column("sent_at", _Instant),
        sa.Column("settled_at", _Instant),
        sa.Column("error", sa.Text, nullable=False, server_default=""),
        sa.Column("provider_id", sa.Text, nullable=False, server_default=""),
        sa.Column("superseded_by", sa.BigInteger, nullable=False, server_default="0"),
        sa.Column("reported", sa.SmallInteger),
    )
    _partial("pages_waiting", "pages", ["channel", "lane", "wake_at"], "wake_at IS NOT NULL")
    _partial("pages_next", "pages", ["wake_at"], "wake_at IS NOT NULL")
    _partial("pages_unreported", "pages", ["incident_id"], "reported = 0")
    op.create_index("pages_by_incident", "pages", ["incident_id", "round"])


def _accounts() -> None:
    op.create_table(
        "settings",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "procedures",
        sa.Column("version", sa.Text, primary_key=True),
        sa.Column("data", sa.LargeBinary, nullable=False),
        sa.Column("applied_at", _Instant, nullable=False),
    )
    op.create_table(
        "tokens",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("hash", sa.LargeBinary, nullable=False, unique=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("created_at", _Instant, nullable=False),
        sa.Column("revoked_at", _Instant),
    )
    op.create_table(
        "sessions",
        sa.Column("hash", sa.LargeBinary, primary_key=True),
        sa.Column("role", sa.Text, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("incident_id", sa.Text, nullable=False),
        sa.Column("token_id", sa.Text, nullable=False),
        sa.Column("created_at", _Instant, nullable=False),
        sa.Column("expires_at", _Instant, nullable=False),
    )
    op.create_table(
        "integrations",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("key_value", sa.Text, nullable=False, unique=True),
        sa.Column("service", sa.Text, nullable=False),
        sa.Column("created_at", _Instant, nullable=False),
        sa.Column("revoked_at", _Instant),
        sa.Column("refused_at", _Instant),
    )
    op.create_table(
        "overrides",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("schedule", sa.Text, nullable=False),
        sa.Column("person", sa.Text, nullable=False),
        sa.Column("starts_at", _Instant, nullable=False),
        sa.Column("ends_at", _Instant, nullable=False),
    )
