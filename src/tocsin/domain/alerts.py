"""Alerts and their identity, grouping and severity (RULES.md *Alerts into incidents*)."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from tocsin.domain.severity import Severity


@dataclass(frozen=True, slots=True)
class Signal:
    """One alert as a source understood it.

    Args:
        labels: what identifies it.
        firing: False when the sender says it has cleared.
        starts_at: when the sender says it began; only orders, never identifies.
        ends_at: when the sender will count it as over unless it is sent again; None for no such promise.
        annotations: what describes it, free text.
        link: where the sender shows it; empty when it says nothing.
    """

    labels: Mapping[str, str]
    firing: bool
    starts_at: datetime | None = None
    ends_at: datetime | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    link: str = ""

    @property
    def name(self) -> str:
        """The alert's name, "alert" when the sender gave none."""
        return self.labels.get("alertname") or "alert"


@dataclass(frozen=True, slots=True)
class Rejection:
    """A part of a payload that could not be understood.

    Args:
        index: its position among its siblings.
        detail: what was wrong and what would be right, for the sender's operator.
    """

    index: int
    detail: str


def fingerprint(labels: Mapping[str, str]) -> bytes:
    """The identity of an alert within one integration: SHA-256 of its sorted labels, 32 bytes.

    Runs once for every alert that comes in, so the common case is one join. Names and values are told apart by NUL,
    which no source lets through; labels with NUL in them are written as JSON, which has none, so that no two sets of
    labels ever share an identity.
    """
    names = sorted(labels)
    text = "\0".join([*names, *map(labels.__getitem__, names)])
    if text.count("\0") >= 2 * len(names):
        text = json.dumps(dict(labels), sort_keys=True)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


@dataclass(frozen=True, slots=True)
class Grouping:
    """How alerts become incidents for one service.

    Args:
        service: id of the service.
        group_by: labels that separate incidents of this service.
        by_name: severities the procedures give to alert names; they win over the label.
        by_label: what a severity label means, lower-case.
    """

    service: str
    group_by: tuple[str, ...] = ("alertname",)
    by_name: Mapping[str, Severity] = field(default_factory=dict)
    by_label: Mapping[str, Severity] = field(default_factory=dict)
