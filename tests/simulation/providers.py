"""Simulated providers: they take messages, lose replies, hang, refuse for a while or for good."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from tests.simulation.node import Node
from tests.simulation.outbox import Outbox
from tests.simulation.sender import Answer, carried
from tests.simulation.telephone import Telephone
from tests.simulation.world import World
from tocsin.application.deliver import SEND_DEADLINE_S
from tocsin.application.ports import ChannelError, Message, Receipt
from tocsin.application.records import Page


@dataclass(slots=True)
class Providers:
    """The outside of every channel.

    Args:
        world: time and chance.
        received: called when a provider has a message and its person can read it.
        promises: are told of each send.
        telephone: what comes back of messages and calls.
        taken: how often each page was taken, whatever its sender heard of it.
        down_until: channel to the end of its provider's outage.
    """

    world: World
    received: Callable[[Message], None]
    promises: Outbox
    telephone: Telephone
    taken: Counter[str] = field(default_factory=Counter)
    down_until: dict[str, datetime] = field(default_factory=dict)

    def go_down(self, channel: str, seconds: float) -> None:
        """Take nothing for a while."""
        self.world.note(f"! the provider of {channel} takes nothing for {seconds:.0f} s")
        self.down_until[channel] = self.world.now + timedelta(seconds=seconds)

    def is_down(self, channel: str) -> bool:
        """Whether it takes nothing now."""
        return channel in self.down_until and self.world.now < self.down_until[channel]

    def take(self, channel: str, message: Message, receipt: Receipt) -> None:
        """The message is the provider's now: on the wire it is out of the node's hands."""
        self.taken.update(carried(message))
        self.world.count("messages taken")
        self.world.count("bundles taken", len(carried(message)) > 1)
        self.world.note(f"{channel} takes {message.page_id} of {message.incident_id} ({message.facts['topic']})")
        self.telephone.has(channel, message, receipt)
        self.received(message)

    def wanted(self, node: Node, pages: Sequence[Page]) -> None:
        """A node has looked for the last time, and is going to send these in one message."""
        for page in pages:
            self.promises.wanted(node, page.id, page.fence)

    def hand_over(self, node: Node, channel: str, message: Message) -> Answer:
        """A node sends a message: it is taken, or fails in one of the ways there are."""
        world = self.world
        for page_id in carried(message):
            self.promises.send_starts(page_id)
        if world.happens("stall", 0.01):
            node.stall(world.between(5, 45))
        latency = world.between(0.05, 2.5)
        if self.is_down(channel) or world.happens("refuse", 0.08):
            return Answer(latency, ChannelError("451 try again later"))
        if world.happens("bounce", 0.03):
            return Answer(latency, ChannelError("550 no such mailbox", permanent=True))
        if world.happens("garble", 0.01):
            return Answer(0.0, ValueError("nobody foresaw this"))
        receipt = self.telephone.receipt(channel, "250 taken")
        if not self._arrives_in_time(channel, message, receipt, latency):
            world.count("ambiguous replies")
            return Answer(SEND_DEADLINE_S, ChannelError(f"no answer within {SEND_DEADLINE_S:g} s"))
        if world.happens("overrun", 0.01):
            node.troubled_at = world.now
            return Answer(world.between(9, 40), receipt)
        if world.happens("lost-reply", 0.05):
            world.count("lost replies")
            world.count("ambiguous replies")
            return Answer(latency + 0.01, ChannelError("connection reset"))
        return Answer(latency + 0.01, receipt)

    def _arrives_in_time(self, channel: str, message: Message, receipt: Receipt, latency: float) -> bool:
        """Whether its sender hears that it was taken; it may be without that, and long after."""
        world = self.world
        silent = world.happens("hang", 0.04)
        if not silent and world.happens("late", 0.02):
            silent, latency = True, world.between(9, 120)
        elif silent and world.random.random() < 0.5:
            return False
        world.after(latency, partial(self.take, channel, message, receipt))
        return not silent
