"""An alert's identity: the same for the same labels, different for any others (RULES.md *Alerts into incidents*)."""

from __future__ import annotations

import hashlib

from hypothesis import given
from hypothesis import strategies as st

from tocsin.domain.alerts import fingerprint

labels = st.dictionaries(st.text(max_size=3), st.text(max_size=3), max_size=4)


def test_the_identity_is_a_sha_256_over_names_then_values_and_stays_what_it_is_across_releases():
    expected = hashlib.sha256(b"alertname\0env\0HighLatency\0prod").digest()
    assert fingerprint({"env": "prod", "alertname": "HighLatency"}) == expected


@given(labels)
def test_the_order_of_labels_does_not_matter(one):
    assert fingerprint(one) == fingerprint(dict(reversed(one.items())))


# Few characters, so that Hypothesis meets labels that only differ in where one ends and the next begins.
few = st.dictionaries(st.text("a\0\ud800", max_size=2), st.text("a\0\ud800", max_size=2), max_size=3)


@given(few, few)
def test_two_sets_of_labels_share_an_identity_only_when_they_are_equal(one, other):
    assert (fingerprint(one) == fingerprint(other)) == (one == other)
