"""★ A breaker for each provider: while one hangs, pages to it fail at once, so that their other ways go out in time.

It is there to save time and for nothing else: a provider that refuses quickly keeps nobody waiting, so it is asked for
every page. A page that is held back here fails for the moment and is tried again at its usual intervals
(`deliver.RETRIES`); nothing is lost by it. `Breaker` is a pure state machine; `Providers` has one for each.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from functools import partial
from urllib.parse import urlsplit

from tocsin.application.ports import Channel, ChannelError, Message, Receipt
from tocsin.domain.severity import Severity

OPENS_AFTER = 3
"""Failures in a row that open it …"""

OPENS_AFTER_LOST_S = 8.0
"""… once they have kept workers busy for so many seconds together; that is one send which hangs to its deadline."""

REFUSES_AFTER = 3
"""Refusals for good in a row that are told of: one concerns a recipient, but so many perhaps a password."""

INSIST_AT_MOST = 2
"""How many that insist are let through at once although it is open; the other workers stay free."""

PROBE_EVERY_S = 5.0
"""How long after a failure one more page is let through; a CRITICAL one need not wait for that."""

log = logging.getLogger("tocsin.engine")


class Leave(Enum):
    """What a breaker says to a page that wants to go out."""

    SEND = "send"
    PROBE = "probe"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Breaker:
    """What is known of one provider; every move answers a new one. Instants are seconds on a steady clock.

    Args:
        faults: failures for the moment in a row. A refusal for good is none: it concerns one recipient, and comes fast.
        refusals: those for good since one was taken; they open nothing.
        refused_at: when the first of them came.
        lost_s: seconds they kept workers busy, together.
        opened_at: since when pages are held back; None while they are not.
        probe_at: when the next page may be let through although it is open.
        probing: how many that were let through are under way.
        said: what the last failure said.
        refused: what the last refusal for good said.
    """

    faults: int = 0
    lost_s: float = 0.0
    opened_at: float | None = None
    probe_at: float = 0.0
    probing: int = 0
    said: str = ""
    refusals: int = 0
    refused_at: float = 0.0
    refused: str = ""

    @property
    def is_open(self) -> bool:
        """Whether pages are held back."""
        return self.opened_at is not None

    def ask(self, at: float, *, critical: bool, insists: bool = False) -> tuple[Breaker, Leave]:
        """May a page go out? While it is open only one at a time may, to see whether the provider works again.

        Args:
            at: now.
            critical: it need not wait for the next instant at which one may.
            insists: nor for the one that is under way.
        """
        if not self.is_open:
            return self, Leave.SEND
        full = self.probing >= (INSIST_AT_MOST if insists else 1)
        if full or (at < self.probe_at and not critical and not insists):
            return self, Leave.HOLD
        return replace(self, probing=self.probing + 1), Leave.PROBE

    def taken(self) -> Breaker:
        """The provider took a page: all is forgotten."""
        return Breaker()

    def failed(self, at: float, leave: Leave, seconds: float, said: str) -> Breaker:
        """A page failed for the moment, after so many seconds."""
        faults, lost_s = self.faults + 1, self.lost_s + seconds
        opens = faults >= OPENS_AFTER and lost_s >= OPENS_AFTER_LOST_S
        return replace(
            self._landed(leave),
            faults=faults,
            lost_s=lost_s,
            opened_at=self.opened_at if self.is_open else at if opens else None,
            probe_at=at + PROBE_EVERY_S,
            said=said,
        )

    def refused_for_good(self, at: float, leave: Leave, said: str) -> Breaker:
        """A page was refused for good."""
        first_at = self.refused_at if self.refusals else at
        return replace(self.ended(leave), refusals=self.refusals + 1, refused_at=first_at, refused=said)

    def ended(self, leave: Leave) -> Breaker:
        """A page came to an end that says nothing about the provider; another may be let through instead."""
        return replace(self._landed(leave), probe_at=0.0) if leave is Leave.PROBE else self

    def _landed(self, leave: Leave) -> Breaker:
        """One less is under way, if it was let through; what was before a page was taken counts no more."""
        return replace(self, probing=max(0, self.probing - 1)) if leave is Leave.PROBE else self


class Providers:
    """The breakers of one process; used by many threads.

    Args:
        clock: a steady one, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._breakers: dict[str, Breaker] = {}
        self._lock = threading.Lock()

    def ask(self, provider: str, *, critical: bool, insists: bool = False) -> tuple[Breaker, Leave]:
        """`Breaker.ask` of a provider."""
        with self._lock:
            breaker, leave = self._breaker(provider).ask(self.clock(), critical=critical, insists=insists)
            self._keep(provider, breaker)
            return breaker, leave

    def note(self, provider: str, move: Callable[[Breaker], Breaker]) -> None:
        """Something became known of a provider."""
        with self._lock:
            before = self._breaker(provider)
            after = move(before)
            self._keep(provider, after)
        if after.is_open and not before.is_open:
            log.error("%s", _held_back(provider, after))
        if after.refusals == REFUSES_AFTER > before.refusals:
            log.error("%s", _refuses(provider, after, self.clock()))
        if before.is_open and not after.is_open:
            log.warning("%s takes messages again.", provider)

    def open(self) -> dict[str, bool]:
        """Every provider with which something is wrong, and whether pages to it are held back."""
        with self._lock:
            return {provider: breaker.is_open for provider, breaker in self._breakers.items()}

    def warnings(self) -> Iterator[str]:
        """What an operator should know of them, as sentences."""
        with self._lock:
            known = list(self._breakers.items())
        for provider, breaker in known:
            if breaker.is_open:
                yield _held_back(provider, breaker)
            elif breaker.faults >= OPENS_AFTER:
                yield f"{provider} has failed {breaker.faults} times in a row: {breaker.said}"
            if breaker.refusals >= REFUSES_AFTER:
                yield _refuses(provider, breaker, self.clock())

    def guard(self, channels: Mapping[str, Channel], name: str, *, insists: bool = False) -> Channel | None:
        """The channel of that name behind its breakers, for a page that insists or not; None when there is none."""
        return _Guarded(self, name, channels[name], insists=insists) if name in channels else None

    def _breaker(self, provider: str) -> Breaker:
        return self._breakers.get(provider, _CLOSED)

    def _keep(self, provider: str, breaker: Breaker) -> None:
        """Only those with which something is wrong, so that there are never many."""
        if breaker == _CLOSED:
            self._breakers.pop(provider, None)
        else:
            self._breakers[provider] = breaker


_CLOSED = Breaker()


def provider_of(channel: str, address: str) -> str:
    """Whose fault it is when a message fails: of an address with a host of its own that host's, else the channel's.

    One broken receiver of webhooks thus holds back its own pages and no others. The rest of a URL may be a secret.
    """
    try:
        url = urlsplit(address)
    except ValueError:
        return channel
    return f"{channel} at {url.scheme}://{url.netloc}" if url.scheme in {"http", "https"} else channel


def _held_back(provider: str, breaker: Breaker) -> str:
    return (
        f"{provider} has failed {breaker.faults} times in a row and is slow about it, so pages go out by their other "
        f"ways at once; one at a time is tried until one is taken. The last failure: {breaker.said}"
    )


def _refuses(provider: str, breaker: Breaker, at: float) -> str:
    return (
        f"{provider} has refused for good all of the last {breaker.refusals} messages, for "
        f"{(at - breaker.refused_at) / 60:.0f} min: its account or password may be at fault, or an address. "
        f"The last refusal: {breaker.refused}"
    )


class _Guarded:
    """A channel behind the breakers of its providers."""

    def __init__(self, providers: Providers, name: str, channel: Channel, *, insists: bool) -> None:
        self._providers = providers
        self._name = name
        self._channel = channel
        self._insists = insists

    def send(self, message: Message, deadline: float) -> Receipt:
        """See `Channel.send`."""
        provider = provider_of(self._name, message.to)
        critical = message.urgent and message.severity is Severity.CRITICAL
        breaker, leave = self._providers.ask(provider, critical=critical, insists=self._insists)
        if leave is Leave.HOLD:
            raise ChannelError(
                f"Not tried now, because {provider} has failed {breaker.faults} times in a row and keeps everybody "
                f"waiting; this page will be tried again. The last failure: {breaker.said}"
            )
        clock = self._providers.clock
        began = clock()
        ended: Callable[[Breaker], Breaker] = partial(Breaker.ended, leave=leave)
        try:
            receipt = self._channel.send(message, deadline)
            ended = Breaker.taken
        except ChannelError as failure:
            at = clock()
            ended = partial(Breaker.refused_for_good, at=at, leave=leave, said=failure.detail)
            if not failure.permanent:
                ended = partial(Breaker.failed, at=at, leave=leave, seconds=at - began, said=failure.detail)
            raise
        finally:
            self._providers.note(provider, ended)
        return receipt

    def close(self) -> None:
        """See `Channel.close`."""
        self._channel.close()
