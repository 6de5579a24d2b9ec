"""Tokens, sessions, integrations, overrides, named values and kept versions of the procedures."""

from __future__ import annotations

from datetime import datetime

from tocsin.application.records import Integration, Session, Token
from tocsin.application.set_aside import SET_ASIDE
from tocsin.db.codec import FIRST, LAST, instant, micros, optional_instant
from tocsin.db.sql import Row, Sql
from tocsin.domain.schedules import Override

_TOKENS = "SELECT id, hash, role, person, name, created_at, revoked_at FROM tokens "
_SESSIONS = "SELECT hash, role, person, incident_id, token_id, created_at, expires_at FROM sessions "


def _token(row: Row) -> Token:
    return Token(row[0], bytes(row[1]), row[2], row[3], row[4], instant(row[5]), optional_instant(row[6]))


def _stands(override: Override) -> bool:
    """Whether it has a beginning and an end; without them it would give somebody's turn away for ever."""
    if {override.starts_at, override.ends_at}.isdisjoint((FIRST, LAST)):
        return True
    SET_ASIDE.note(f"The times of override {override.id} cannot be read, so the turn is left to whose it is.")
    return False


class AccountRows:
    """`application.rooms.Accounts` on SQL."""

    def __init__(self, sql: Sql) -> None:
        self._sql = sql

    def get(self, name: str) -> bytes | None:
        rows = self._sql.all("SELECT value FROM settings WHERE name = ?", (name,))
        return bytes(rows[0][0]) if rows else None

    def put(self, name: str, value: bytes) -> None:
        self._sql.run(
            "INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
            (name, value),
        )

    def add_token(self, token: Token) -> None:
        self._sql.run(
            "INSERT INTO tokens (id, hash, role, person, name, created_at) VALUES (?, ?, ?, ?, ?, ?)",
            (token.id, token.hash, token.role, token.person, token.name, micros(token.created_at)),
        )

    def tokens(self) -> list[Token]:
        return [_token(row) for row in self._sql.all(_TOKENS + "ORDER BY created_at, id")]

    def token(self, hashed: bytes) -> Token | None:
        rows = self._sql.all(_TOKENS + "WHERE hash = ? AND revoked_at IS NULL", (hashed,))
        return _token(rows[0]) if rows else None

    def revoke_token(self, token_id: str, at: datetime) -> bool:
        self._sql.run("DELETE FROM sessions WHERE token_id = ?", (token_id,))
        return bool(
            self._sql.run(
                "UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL", (micros(at), token_id)
            )
        )

    def add_session(self, session: Session) -> None:
        self._sql.run("DELETE FROM sessions WHERE expires_at <= ?", (micros(session.created_at),))
        self._sql.run(
            "INSERT INTO sessions (hash, role, person, incident_id, token_id, created_at, expires_at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                session.hash,
                session.role,
                session.person,
                session.incident_id,
                session.token_id,
                micros(session.created_at),
                micros(session.expires_at),
            ),
        )

    def session(self, hashed: bytes, at: datetime) -> Session | None:
        # A session opened while its token was being revoked is found by neither side of that race but this one.
        rows = self._sql.all(
            _SESSIONS + "WHERE hash = ? AND expires_at > ? AND (token_id = '' OR EXISTS "
            "(SELECT 1 FROM tokens WHERE tokens.id = token_id AND revoked_at IS NULL))",
            (hashed, micros(at)),
        )
        if not rows:
            return None
        row = rows[0]
        return Session(bytes(row[0]), row[1], row[2], row[3], row[4], instant(row[5]), instant(row[6]))

    def end_session(self, hashed: bytes) -> None:
        self._sql.run("DELETE FROM sessions WHERE hash = ?", (hashed,))

    def add_integration(self, integration: Integration) -> None:
        self._sql.run(
            "INSERT INTO integrations (id, name, key_value, service, created_at) VALUES (?, ?, ?, ?, ?)",
            (integration.id, integration.name, integration.key, integration.service, micros(integration.created_at)),
        )

    def integrations(self) -> list[Integration]:
        rows = self._sql.all(
            "SELECT id, name, key_value, service, created_at, revoked_at, refused_at FROM integrations "
            "ORDER BY created_at, id"
        )
        return [
            Integration(
                row[0], row[1], row[2], row[3], instant(row[4]), optional_instant(row[5]), optional_instant(row[6])
            )
            for row in rows
        ]

    def revoke_integration(self, integration_id: str, at: datetime) -> bool:
        return bool(
            self._sql.run(
                "UPDATE integrations SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL",
                (micros(at), integration_id),
            )
        )

    def refused(self, integration_id: str, at: datetime) -> None:
        self._sql.run("UPDATE integrations SET refused_at = ? WHERE id = ?", (micros(at), integration_id))

    def add_override(self, override: Override) -> None:
        self._sql.run(
            "INSERT INTO overrides (id, schedule, person, starts_at, ends_at) VALUES (?, ?, ?, ?, ?)",
            (
                override.id,
                override.schedule,
                override.person,
                micros(override.starts_at),
                micros(override.ends_at),
            ),
        )

    def overrides(self) -> list[Override]:
        rows = self._sql.all("SELECT id, schedule, person, starts_at, ends_at FROM overrides ORDER BY starts_at, id")
        found = [Override(row[0], row[1], row[2], instant(row[3]), instant(row[4])) for row in rows]
        return [override for override in found if _stands(override)]

    def remove_override(self, override_id: str) -> bool:
        return bool(self._sql.run("DELETE FROM overrides WHERE id = ?", (override_id,)))

    def save_procedures(self, version: str, data: bytes, at: datetime) -> None:
        self._sql.run(
            "INSERT INTO procedures (version, data, applied_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING",
            (version, data, micros(at)),
        )
        self.put("active-procedures", version.encode())

    def procedures(self, version: str) -> bytes | None:
        rows = self._sql.all("SELECT data FROM procedures WHERE version = ?", (version,))
        return bytes(rows[0][0]) if rows else None

    def active_version(self) -> str:
        return (self.get("active-procedures") or b"").decode(errors="replace")

    def versions(self) -> list[str]:
        return [row[0] for row in self._sql.all("SELECT version FROM procedures ORDER BY applied_at DESC, version")]
