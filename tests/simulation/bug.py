"""What a planted bug is: a mistake with a name, and the promise it ought to break."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import pytest

Plant = Callable[[pytest.MonkeyPatch], None]


@dataclass(frozen=True, slots=True)
class Bug:
    """A mistake to plant.

    Args:
        plant: makes it, until the patch is undone.
        breaks: what the broken promise is to say, as a pattern.
    """

    plant: Plant
    breaks: str

    def is_noticed_by(self, broken: str) -> bool:
        """Whether this is what the mistake ought to break."""
        return re.search(self.breaks, broken) is not None


def bugs(*planted: tuple[Plant, str]) -> dict[str, Bug]:
    """By the name of the function, as a flag."""
    return {plant.__name__.replace("_", "-"): Bug(plant, breaks) for plant, breaks in planted}
