"""What came of an answer, in words that can be read in a text message and heard in a call."""

from __future__ import annotations

from collections.abc import Sequence

from tocsin.application.answers import Heard, Said

NAMED = 3
"""More ids in a row nobody listens to."""


def told(heard: Heard, said: Said) -> str:
    """What came of an answer.

    Args:
        heard: what stands now.
        said: what they answered.
    """
    if not heard.incident_id:
        return "Thank you. This was only a test."
    return _of_all((heard, *heard.others), said) if heard.others else _of_one(heard, said)


def _of_one(heard: Heard, said: Said) -> str:
    one = heard.incident_id
    if heard.broken:
        return f"{one} cannot be read; nothing was changed, and it is still to be seen to."
    if heard.over:
        return f"{one} is over; nothing was changed."
    if heard.counted and said is Said.TAKE:
        return f"You have {one}: {heard.title}"
    if heard.holder:
        return f"{heard.holder} has {one}."
    if heard.counted:
        return f"Noted: you cannot take {one}. The next is paged."
    if heard.waits:
        return f"Your answer could not be kept; {one} still waits for one."
    return f"{one} no longer waits for an answer to that message; nothing was changed."


def _of_all(each: Sequence[Heard], said: Said) -> str:
    """Every incident is counted in one of the sentences, as what became of it says."""
    groups: dict[str, list[str]] = {}
    yours = "You have" if said is Said.TAKE else "Noted: you cannot take"
    for one in each:
        groups.setdefault(_fate(one, said, yours), []).append(one.incident_id)
    mine = groups.pop(yours, [])
    count = f"all {len(each)}" if len(mine) == len(each) else f"{len(mine)} of {len(each)}"
    sentences = [f"{yours} {count}: {_ids(mine)}."] if mine else []
    for fate, ids in groups.items():
        before, _, after = fate.partition("*")
        sentences.append(f"{before}{_ids(ids)}{after}.")
    return " ".join(sentences)


def _fate(heard: Heard, said: Said, yours: str) -> str:
    """The sentence one incident belongs to; a star stands for those of the same fate."""
    if heard.counted and (said is Said.TAKE or not heard.holder):
        return yours
    if heard.broken:
        return "Cannot be read: *"
    if heard.over:
        return "Over: *"
    if heard.holder:
        return f"{heard.holder.replace('*', '')} has *"
    return "Still to be answered: *" if heard.waits else "No longer waiting for an answer to that message: *"


def _ids(ids: Sequence[str]) -> str:
    more = f" and {len(ids) - NAMED} more" if len(ids) > NAMED else ""
    return ", ".join(ids[:NAMED]) + more
