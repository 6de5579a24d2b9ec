"""★ Bundles: what goes to one person by one channel is gathered, so that a flood does not bury them (ADR 0015).

Decided when pages are claimed: the most urgent one that is due either goes, with everything that waits for that person
on that channel, or all of it is held, in one statement. Nothing is dropped and nothing is claimed only to wait.
Posts are gathered by the same rule, apart from pages. Channels to machines (`Application.machines`) gather nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from tocsin.application.app import Application
from tocsin.application.callbacks import A_PAIR
from tocsin.application.handle import POST_LANE
from tocsin.application.ports import Transaction
from tocsin.application.records import Crowd, Lease, Page, PageState, Waiting
from tocsin.domain.procedures import Bundles
from tocsin.domain.react import Topic

_DID_NOT_ARRIVE = {PageState.FAILED, PageState.EXHAUSTED}
CARRIED_AT_MOST = 5_000
"""Pages in one message; what is left goes with the next."""


def held_until(rule: Bundles, crowd: Crowd, lane: int, now: datetime) -> datetime | None:
    """When the most urgent page that is due may go; None when that is now.

    At once when no message went to them within `every`, or none as urgent; else after `wait`, in the company that came;
    in a flood, more than `calm` within `every`, only when `every` has passed since the last message.

    Args:
        rule: the team's values.
        crowd: what reaches this person by this channel.
        lane: the page's.
        now: the present instant.
    """
    if crowd.heard_at is None or lane < crowd.heard_lane:
        return None
    next_bundle = crowd.heard_at + rule.every
    until = next_bundle if crowd.intended > rule.calm else min(crowd.oldest_at + rule.wait, next_bundle)
    return until if until > now else None


def claim(app: Application, transaction: Transaction, channel: str, lease: Lease, limit: int) -> list[Page]:
    """Take what is due on a channel that people read, most urgent first, and hold what has to wait.

    Args:
        app: the application.
        transaction: the caller's.
        channel: whose pages.
        lease: what the claims hold by.
        limit: how many messages at the most.

    Returns:
        Pages that lead a message each, with those that it carries as their `company`.
    """
    crowds, rule = transaction.crowds, app.shelf.active(transaction).bundles
    if not crowds.take_turns(channel):  # the next look finds what is left
        return []
    leaders: list[Page] = []
    for lane in range(POST_LANE + 1):
        while len(leaders) < limit and (first := crowds.first(channel, lane, lease.at)) is not None:
            claimed = _take_or_hold(transaction, rule, first, channel, lease)
            if claimed is None:
                continue
            if not claimed:  # another node holds their rows; the next look finds them
                break
            leaders.append(replace(claimed[0], company=tuple(claimed[1:])))
    return leaders


def _take_or_hold(
    transaction: Transaction, rule: Bundles, first: Waiting, channel: str, lease: Lease
) -> list[Page] | None:
    """What goes, the leader first; None when it was held, nothing when that could not be done now."""
    crowds, now, quiet = transaction.crowds, lease.at, first.lane == POST_LANE
    if first.topic is Topic.TEST:
        return crowds.take_one(first.page_id, lease)
    lanes = range(POST_LANE, POST_LANE + 1) if quiet else range(POST_LANE)
    crowd = crowds.about(first.person, channel, now, quiet=quiet, since=now - rule.every, limit=rule.calm + 1)
    pair = first.attempt > 1 and crowds.follows(first.page_id, now - A_PAIR)  # its second call waits for nothing
    until = None if pair or first.again else held_until(rule, crowd, first.lane, now)
    if until is not None:
        # Nothing more severe: that may have been committed a moment ago, after its lane was looked at.
        held = crowds.hold(first.person, channel, now, until, lanes=range(first.lane, lanes.stop))
        return None if held else crowds.take_one(first.page_id, lease)
    if crowd.heard_at is not None and first.lane < crowd.heard_lane:
        lanes = range(crowd.heard_lane)  # it overtakes with its like; what is milder waits on
    taken = crowds.take(first.person, channel, lease, lanes=lanes, limit=CARRIED_AT_MOST)
    return taken or crowds.take_one(first.page_id, lease)  # one whose own times cannot be read must not stand in front


def wanted(transaction: Transaction, page: Page, now: datetime, lease_until: datetime) -> list[Page]:
    """Look once more at all of a message right before it is sent: its pages that nobody has answered meanwhile.

    Their leases begin anew, and the first of them carries the others.
    """
    held = transaction.crowds.keep((page, *page.company), lease_until)
    left = [each for each in held if not each.superseded_by]
    for each in held:
        if each.superseded_by:
            transaction.pages.settle(each, PageState.SUPERSEDED, now, "", "")
    if left and left[0].id != page.id:
        transaction.crowds.carry(left)
    return left


def keep(pages: Sequence[Page], lease_until: datetime, transaction: Transaction) -> None:
    """Begin the leases of claimed pages anew."""
    transaction.crowds.keep(pages, lease_until)


def bad_news(transaction: Transaction, pages: Sequence[Page], provider_id: str) -> str:
    """Why a message that carried these pages did not arrive, if its provider has said so of its leader; else "".

    The leader is the first of them that was still wanted when it was sent.
    """
    known = (transaction.pages.get(page.id) for page in pages)
    leader = next((page for page in known if page is not None and page.state is not PageState.SUPERSEDED), None)
    if leader is None or not provider_id or leader.provider_id != provider_id:
        return ""
    return (leader.error or "It did not arrive.") if leader.state in _DID_NOT_ARRIVE else ""


def worth_telling(pages: Sequence[Page]) -> list[Page]:
    """One page for each incident (and topic), the newest round's, in the order they came in: most urgent first."""
    newest: dict[tuple[str, Topic], Page] = {}
    for page in pages:
        known = newest.get((page.incident_id, page.topic))
        if known is None or page.round > known.round:
            newest[page.incident_id, page.topic] = page
    return list(newest.values())
