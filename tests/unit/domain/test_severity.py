"""The four levels and what a sender's label means (R5, RULES.md *Alerts into incidents*)."""

from __future__ import annotations

from itertools import combinations

import pytest

from tocsin.domain.severity import Severity, from_label

LABELS = {
    "critical": Severity.CRITICAL,
    "error": Severity.HIGH,
    "warning": Severity.MEDIUM,
    "info": Severity.LOW,
}


@pytest.mark.parametrize(("label", "severity"), LABELS.items())
def test_labels_mean_what_the_rules_say(label, severity):
    assert from_label(label, LABELS) is severity
    assert from_label(f" {label.upper()} ", LABELS) is severity


@pytest.mark.parametrize("label", [None, "", "sev0", "page"])
def test_an_unknown_label_counts_as_high(label):
    """Better one page too many than one too few."""
    assert from_label(label, LABELS) is Severity.HIGH


def test_the_levels_are_ordered_from_worst_to_mildest():
    assert [severity.rank for severity in Severity] == [0, 1, 2, 3]
    for worse, milder in combinations(Severity, 2):
        assert worse.worse_than(milder)
        assert not milder.worse_than(worse)
    assert not any(severity.worse_than(severity) for severity in Severity)
