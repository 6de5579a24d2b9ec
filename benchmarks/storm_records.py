"""What a storm left in the database: is every alert there, and did anybody get a bundle too early?

The rule is held here in words of its own (docs/delivery-promise.md, "In a flood"), against when messages really left.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.arm import connected
from tocsin.demo.tocsin_server import Home
from tocsin.settings import Settings

MINUTE = 60_000_000
CALM = 5
COMMITTED_WITHIN = 3_000_000
"""A page is seen by whoever gathers once it is committed, under load so many microseconds after it was decided."""
POSTS = 4


@dataclass(frozen=True, slots=True)
class Records:
    """Counts.

    Args:
        expected: distinct alerts that were sent.
        messages: messages that people were sent; a bundle is one.
        early: those that should have waited for the next bundle.
        most_in_a_minute: messages to one person within any 60 s, posts left out.
        waiting: pages that are due or held, and not sent yet.
    """

    alerts: int
    expected: int
    incidents: int
    pages: int
    messages: int
    early: int
    most_in_a_minute: int
    waiting: int


def records(home: Home, expected: int) -> Records:
    """Look at the database of a home that is not being served."""
    with connected(Settings.from_environment(home.env)) as (sql, _commit):
        counts = [
            int(sql.all(statement)[0][0])
            for statement in (
                "SELECT count(*) FROM alerts",
                "SELECT count(*) FROM incidents",
                "SELECT count(*) FROM pages",
            )
        ]
        sent = sql.all(
            "SELECT person, lane, sent_at FROM pages WHERE carried_by = '' AND channel = 'email' "
            "AND sent_at IS NOT NULL AND state IN ('accepted', 'delivered', 'acknowledged') AND topic <> 'test' "
            "ORDER BY sent_at"
        )
        asked = sql.all("SELECT person, lane, send_at FROM pages WHERE channel = 'email' AND topic <> 'test'")
        newest = max([sent_at for _, _, sent_at in sent], default=0)
        waiting = sql.all("SELECT count(*) FROM pages WHERE wake_at IS NOT NULL AND send_at <= ?", (newest,))
    early, most = _early(sent, asked), _most_in_a_minute([row for row in sent if row[1] < POSTS])
    alerts, incidents, pages = counts
    return Records(alerts, expected, incidents, pages, len(sent), early, most, int(waiting[0][0]))


def _early(sent: Sequence[tuple[str, int, int]], asked: Sequence[tuple[str, int, int]]) -> int:
    """Messages within a minute of another that was as severe, though more than five were known to be due in it."""
    due: defaultdict[tuple[str, bool], list[int]] = defaultdict(list)
    for person, lane, at in asked:
        due[person, lane == POSTS].append(at)
    for instants in due.values():
        instants.sort()
    before: defaultdict[tuple[str, bool], list[tuple[int, int]]] = defaultdict(list)
    early = 0
    for person, lane, at in sent:
        key = (person, lane == POSTS)
        lately = [(then, its) for then, its in before[key] if at - MINUTE < then]
        crowd = bisect_right(due[key], at - COMMITTED_WITHIN) - bisect_right(due[key], at - MINUTE)
        early += any(its <= lane for _, its in lately) and crowd > CALM
        before[key] = [*lately, (at, lane)]
    return early


def _most_in_a_minute(sent: Sequence[tuple[str, int, int]]) -> int:
    most = 0
    lately: defaultdict[str, list[int]] = defaultdict(list)
    for person, _lane, at in sent:
        lately[person] = [*(then for then in lately[person] if at - MINUTE < then), at]
        most = max(most, len(lately[person]))
    return most
