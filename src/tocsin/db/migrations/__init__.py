"""Alembic's folder; `db.schema` runs it."""
