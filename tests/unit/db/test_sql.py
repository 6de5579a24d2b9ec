"""One SQL text for both databases."""

from __future__ import annotations

from tocsin.db.schema import LATEST, require_known
from tocsin.db.sql import marks, percent


def test_placeholders_are_counted():
    assert [marks(count) for count in (0, 1, 3)] == ["", "?", "?, ?, ?"]


def test_placeholders_and_percent_signs_are_written_as_psycopg_wants_them():
    assert percent("SELECT id FROM t WHERE id LIKE '%x' AND n = ?") == "SELECT id FROM t WHERE id LIKE '%%x' AND n = %s"


def test_every_schema_up_to_the_latest_is_known():
    require_known("")
    require_known("0000")
    require_known(LATEST)
