"""A backup that is taken while alerts come in and pages go out brings everything back, on either database."""

from __future__ import annotations

import pytest

from reliability.backup import round_trips

SECONDS = 0.5


@pytest.mark.parametrize(("kind", "other"), [("sqlite", "postgresql"), ("postgresql", "sqlite")])
def test_what_was_accepted_before_a_backup_is_there_after_a_restore_and_what_was_planned_goes_out(
    kind, other, postgres_url
):
    """docs/upgrading.md; `python -m reliability.backup` is the long version, with every way round."""
    saved, [restored] = round_trips(kind, postgres_url, SECONDS, [other])
    assert saved.accepted
    assert saved.waiting, "pages were still to be sent when it was taken"
    assert saved.said["unproven"] == []
    assert not restored.missing
    assert not restored.unproven
    assert not restored.unsent
