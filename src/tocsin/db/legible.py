"""Pages that cannot be read as they stand in the database: they go out all the same, as far as they can be read.

One such row must not stop the claim of those beside it, and when in doubt, somebody is paged.
"""

from __future__ import annotations

from tocsin.application.handle import POST_LANE
from tocsin.application.records import PageState
from tocsin.application.set_aside import SET_ASIDE
from tocsin.domain.react import Topic


def topic_of(page_id: str, stored: str, lane: object) -> Topic:
    """What a page is about; a page, when this release does not know it, or a post, when it waits among the posts."""
    try:
        return Topic(stored)
    except ValueError:
        SET_ASIDE.note(f"Page {page_id} is about {stored!r}, which is not known here; it goes out with plain facts.")
    return Topic.POSTED if isinstance(lane, int) and lane >= POST_LANE else Topic.PAGE


def state_of(page_id: str, stored: str) -> PageState:
    """Where a page stands; failed, when nobody can say."""
    try:
        return PageState(stored)
    except ValueError:
        SET_ASIDE.note(f"Page {page_id} is in the state {stored!r}, which is not known here; it counts as failed.")
    return PageState.FAILED


def number(stored: object) -> int:
    """A number; 0 for what is none."""
    return stored if isinstance(stored, int) else 0
