"""Saying what is wrong with an alert: only called once something is known to be, so clarity goes before speed."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Annotated

import msgspec

from tocsin.sources.reading.limits import FIRST_YEAR, MAX_LABELS, MAX_NAME, MAX_TEXT, MAX_VALUE

_SHOWN = 60
_KINDS = {
    dict: "an object",
    list: "a list",
    bool: "a truth value",
    int: "a number",
    float: "a number",
    type(None): "null",
}


def find(alert: object) -> str:
    """Name the first fault of one alert.

    Args:
        alert: the alert as plain JSON values.

    Returns:
        A sentence that says what is wrong and what would be right; empty when the parts that every format shares are
        sound.
    """
    if not isinstance(alert, dict):
        return f"The alert is {_shown(alert)}; an alert is an object with labels."
    return _labels(alert.get("labels")) or _annotations(alert) or _instants(alert)


def explain(part: bytes, error: Exception) -> str:
    """Say why an alert could not be read.

    Args:
        part: the alert as it was sent.
        error: what reading it ended in.
    """
    try:
        fault = find(msgspec.json.decode(part))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as worse:
        return _worded(worse)
    return fault or _worded(error)


def _worded(error: Exception) -> str:
    """Say what a decoder's error means for one alert."""
    if isinstance(error, RecursionError):
        return "The alert is nested too deep; labels and annotations are plain text, without objects inside."
    if isinstance(error, UnicodeDecodeError):
        return "The alert holds bytes that are not UTF-8; send it as UTF-8."
    if isinstance(error, OverflowError):
        return f"The alert has a time outside the years {FIRST_YEAR} to 9999; send the instant it began or ended."
    if isinstance(error, msgspec.ValidationError):
        return f"The alert has a field of the wrong kind: {error}."
    return (
        f"The alert is not valid JSON: {error}. Half of a surrogate pair (such as \\ud800 alone), a raw control "
        "character inside text and a missing quote are the usual causes."
    )


def _labels(labels: object) -> str:
    if not isinstance(labels, dict) or not labels:
        return f"The labels are {_shown(labels)}; an alert needs at least one label, such as alertname."
    if len(labels) > MAX_LABELS:
        return f"There are {len(labels)} labels; at most {MAX_LABELS} are taken."
    return next(filter(None, (_label(name, value) for name, value in labels.items())), "")


def _label(name: str, value: object) -> str:
    if not name:
        return f"A label has an empty name (its value is {_shown(value)}); give it a name or leave it out."
    if len(name) > MAX_NAME:
        return f"The label name {_shown(name)} has {len(name)} characters; at most {MAX_NAME} are taken."
    if not isinstance(value, str):
        return f"The label {_shown(name)} is {_shown(value)}; label values are text in quotes."
    if len(value) > MAX_VALUE:
        return f"The label {_shown(name)} has {len(value)} characters; at most {MAX_VALUE} are taken."
    return _nul(f"The label {_shown(name)}", name, value)


def _annotations(alert: dict[str, object]) -> str:
    annotations, link = alert.get("annotations") or {}, alert.get("generatorURL") or ""
    if not isinstance(annotations, dict):
        return f"The annotations are {_shown(annotations)}; they are an object of texts, or left out."
    if not isinstance(link, str):
        return f"The generatorURL is {_shown(link)}; it is a text, or left out."
    size = len(link)
    for name, value in annotations.items():
        if not isinstance(value, str):
            return f"The annotation {_shown(name)} is {_shown(value)}; annotations are text in quotes."
        if fault := _nul(f"The annotation {_shown(name)}", name, value):
            return fault
        size += len(name) + len(value)
    if size > MAX_TEXT:
        return f"The annotations and the link have {size} characters together; at most {MAX_TEXT} are taken."
    return _nul("The generatorURL", link)


def _instants(alert: dict[str, object]) -> str:
    for name in ("startsAt", "endsAt"):
        try:
            msgspec.convert(alert.get(name), Annotated[datetime, msgspec.Meta(tz=True)] | None)
        except msgspec.ValidationError:
            return (
                f"{name} is {_shown(alert[name])}; it is an RFC 3339 time with a zone, such as 2026-01-05T09:00:00Z, "
                "or left out."
            )
    return ""


def _nul(where: str, *texts: str) -> str:
    if any("\0" in text for text in texts):
        return f"{where} holds a NUL character (\\u0000), which a database cannot keep; leave it out."
    return ""


def _shown(value: object) -> str:
    """A value as an operator would find it in the payload, cut to a length that fits a sentence."""
    if value in ({}, []):
        return "empty"
    text = json.dumps(value)
    cut = text if len(text) <= _SHOWN else text[:_SHOWN] + "…"
    return cut if isinstance(value, str) else f"{_KINDS[type(value)]} ({cut})" if value is not None else "missing"
