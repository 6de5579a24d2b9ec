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
        lost_s: seconds they kept workers busy, together.
        opened_at: since when pages are held back; None while they are not.
        probe_at: when the next page may be let through although it is open.
        probing: whether one that was let through is under way.
        said: what the last failure said.
    """

    faults: int = 0
    lost_s: float = 0.0
    opened_at: float | None = None
    probe_at: float = 0.0
    probing: bool = False
    said: str = ""

    @property
    def is_open(self) -> bool:
        """Whether pages are held back."""
        return self.opened_at is not None

    def ask(self, at: float, *, critical: bool) -> tuple[Breaker, Leave]:
        """May a page go out? While it is open only one at a time may, to see whether the provider works again."""
        if not self.is_open:
            return self, Leave.SEND
        if self.probing or (at < self.probe_at and not critical):
            return self, Leave.HOLD
        return replace(self, probing=True), Leave.PROBE

    def taken(self) -> Breaker:
        """The provider took a page: all is forgotten."""
        return Breaker()

    def failed(self, at: float, leave: Leave, seconds: float, said: str) -> Breaker:
        """A page failed for the moment, after so many seconds."""
        faults, lost_s = self.faults + 1, self.lost_s + seconds
        opens = faults >= OPENS_AFTER and lost_s >= OPENS_AFTER_LOST_S
        return Breaker(
            faults=faults,
            lost_s=lost_s,
            opened_at=self.opened_at if self.is_open else at if opens else None,
            probe_at=at + PROBE_EVERY_S,
            probing=self.probing and leave is not Leave.PROBE,
            said=said,
        )

    def ended(self, leave: Leave) -> Breaker:
        """A page came to an end that says nothing about the provider; another may be let through instead."""
        return replace(self, probing=False, probe_at=0.0) if leave is Leave.PROBE else self


class Providers:
    """The breakers of one process; used by many threads.

    Args:
        clock: a steady one, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self._breakers: dict[str, Breaker] = {}
        self._lock = threading.Lock()

    def ask(self, provider: str, *, critical: bool) -> tuple[Breaker, Leave]:
        """`Breaker.ask` of a provider."""
        with self._lock:
            breaker, leave = self._breaker(provider).ask(self.clock(), critical=critical)
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

    def guard(self, channels: Mapping[str, Channel], name: str) -> Channel | None:
        """The channel of that name behind its breakers; None when there is none."""
        return _Guarded(self, name, channels[name]) if name in channels else None

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


class _Guarded:
    """A channel behind the breakers of its providers."""

    def __init__(self, providers: Providers, name: str, channel: Channel) -> None:
        self._providers = providers
        self._name = name
        self._channel = channel

    def send(self, message: Message, deadline: float) -> Receipt:
        """See `Channel.send`."""
        provider = provider_of(self._name, message.to)
        critical = message.urgent and message.severity is Severity.CRITICAL
        breaker, leave = self._providers.ask(provider, critical=critical)
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
            if not failure.permanent:
                at = clock()
                ended = partial(Breaker.failed, at=at, leave=leave, seconds=at - began, said=failure.detail)
            raise
        finally:
            self._providers.note(provider, ended)
        return receipt

    def close(self) -> None:
        """See `Channel.close`."""
        self._channel.close()
