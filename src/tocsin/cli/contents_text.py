"""What `backup` and `restore` say of a backup's contents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tocsin.db.transfer import Contents

_NAMED = 5


def contents_facts(found: Contents) -> dict[str, Any]:
    """The contents for programs."""
    return {
        "incidents": found.incidents,
        "events": found.events,
        "heads": found.heads,
        "unproven": list(found.unproven),
    }


def contents_lines(found: Contents) -> list[str]:
    """The contents for people: the hash over all heads, and what does not verify."""
    lines = [f"Heads: {found.heads}"]
    if found.unproven:
        named = ", ".join(found.unproven[:_NAMED]) + (" …" if len(found.unproven) > _NAMED else "")
        lines.append(
            f"The timelines of {len(found.unproven)} incidents do not verify ({named}): they were changed outside of "
            "Tocsin, or the disk lost something. They are in the file as they are."
        )
    return lines
