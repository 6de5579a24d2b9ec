"""The same promise twice: as RULES.md says it, written down by hand, and as the pack that ships says it."""

from __future__ import annotations

import pytest

from tests.unit.domain.promised import POLICY
from tocsin.domain.policy import Policy
from tocsin.procedures.loader import load
from tocsin.procedures.packs import defaults, lay_out


@pytest.fixture(scope="session")
def claudex_policy(tmp_path_factory) -> Policy:
    """The timings of the pack `claudex-windows`."""
    directory = tmp_path_factory.mktemp("procedures")
    lay_out("claudex-windows", directory, defaults())
    return load(directory).policy


@pytest.fixture(params=["by hand", "claudex-windows"])
def policy(request) -> Policy:
    """What is promised; every test of the ladders runs on both."""
    return POLICY if request.param == "by hand" else request.getfixturevalue("claudex_policy")
