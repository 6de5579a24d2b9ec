"""A rolling upgrade: a node of the release before works on beside a node of this one, which then dies."""

from __future__ import annotations

import pytest

from reliability.releases import NotInHistoryError
from reliability.side_by_side import side_by_side

SECONDS = 1.0
EVERY_S = 0.3


def test_nodes_of_this_release_and_of_the_one_before_work_side_by_side(postgres_database, tmp_path):
    """`python -m reliability.side_by_side` is the long version. A shallow clone does not have the release before."""
    try:
        found = side_by_side(postgres_database, tmp_path, SECONDS, EVERY_S)
    except NotInHistoryError as error:
        pytest.skip(str(error))
    print(found.figures)
    assert not found.faults
