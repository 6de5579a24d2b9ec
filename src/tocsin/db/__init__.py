"""The one database: SQLite by default, PostgreSQL when one machine is not enough; the same plain SQL on both."""
