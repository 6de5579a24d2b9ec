"""Which of a note's words is the incident."""

from __future__ import annotations

import pytest

from tocsin.cli.note import split
from tocsin.domain.errors import InvalidError


@pytest.mark.parametrize(
    ("words", "incident", "text"),
    [
        (["restarted the queue", "last"], "last", "restarted the queue"),
        (["last", "restarted the queue"], "last", "restarted the queue"),
        (["last", "restarted", "the", "queue"], "last", "restarted the queue"),
        (["restarted", "it", "INC-20261123-021520"], "INC-20261123-021520", "restarted it"),
        (["INC-20261123-021520-2", "back"], "INC-20261123-021520-2", "back"),
        (["restarted", "021520"], "021520", "restarted"),
        (["restarted", "021520-2"], "021520-2", "restarted"),
        (["last", "last"], "last", "last"),
    ],
)
def test_the_incident_may_stand_behind_the_text_or_before_it(words, incident, text):
    assert split(words) == (incident, text)


@pytest.mark.parametrize("words", [["last"], ["restarted the queue"], ["restarted", "the", "queue"]])
def test_without_an_incident_or_a_text_nothing_is_noted(words):
    with pytest.raises(InvalidError, match="tocsin note"):
        split(words)
