"""Reaching a peer: within a deadline, and only at an address that may be reached (ARCHITECTURE.md *Security rules*).

A name is resolved once, its addresses are judged, and the connection goes to an address that passed, so a name that
answers differently the second time gains nothing.
"""

from __future__ import annotations

import ipaddress
import queue
import socket
import threading
import time
from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlsplit

from tocsin.application.ports import ChannelError
from tocsin.channels.sending.settings import ChannelSettings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
T = TypeVar("T")

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_IPV4 = 0xFFFF_FFFF


class Deadline:
    """A span that runs from now on.

    Args:
        seconds: its length.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._ends = time.monotonic() + seconds

    @property
    def passed(self) -> bool:
        """Whether nothing is left."""
        return time.monotonic() >= self._ends

    def left(self) -> float:
        """Seconds that are left, more than zero.

        Raises:
            TimeoutError: none are.
        """
        left = self._ends - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left


def permits(settings: ChannelSettings, address: Address) -> bool:
    """Whether an address that somebody wrote into a contact may be connected to.

    Public ones always; private ones when the settings say so; this machine itself also when Tocsin serves on it alone,
    since then whoever writes contacts is on it already.
    """
    if isinstance(address, ipaddress.IPv6Address) and (inner := _embedded(address)) is not None:
        return permits(settings, inner)
    if settings.allow_private or (address.is_loopback and is_loopback(settings.site.public_url)):
        return True
    return address.is_global and not address.is_multicast


def connect(
    host: str, port: int, deadline: Deadline, attempt: Callable[[str, float], T], may: Callable[[Address], bool]
) -> T:
    """Connect to the first of a host's addresses that may be reached and answers.

    Args:
        host: a name or an address.
        port: where it listens.
        deadline: for all of it, the look-up of the name too.
        attempt: connects to an address within some seconds.
        may: whether an address may be reached.

    Raises:
        ChannelError: none of its addresses may be reached; permanent.
        TimeoutError: there was no answer in time.
        OSError: the name is not known, or every address refused; also whatever else `attempt` raises.
    """
    addresses = [address for address in _look_up(host, port, deadline) if may(ipaddress.ip_address(address))]
    if not addresses:
        raise ChannelError(
            f"{host} leads into a private network, where Tocsin sends nothing unless it is allowed to. "
            "Use a public address, or start Tocsin with TOCSIN_ALLOW_PRIVATE=1.",
            permanent=True,
        )
    for tried, address in enumerate(addresses[:-1]):
        try:
            # An address that swallows everything leaves its share of the time to the others.
            return attempt(address, deadline.left() / (len(addresses) - tried))
        except OSError:
            continue
    return attempt(addresses[-1], deadline.left())


def _look_up(host: str, port: int, deadline: Deadline) -> list[str]:
    """The addresses of a host. The system's look-up knows no time limit, so it runs beside and may be left behind."""
    answers: queue.SimpleQueue[list[str] | OSError] = queue.SimpleQueue()

    def ask() -> None:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            answers.put(list(dict.fromkeys(str(entry[4][0]) for entry in found)))
        except OSError as error:
            answers.put(error)
        except UnicodeError:  # a name that cannot be written in DNS: a label too long, or empty
            answers.put(OSError(f"{host!r} is not a host name"))

    threading.Thread(target=ask, name="look-up", daemon=True).start()
    try:
        answer = answers.get(timeout=deadline.left())
    except queue.Empty:
        raise TimeoutError from None
    if isinstance(answer, OSError):
        raise answer
    return answer


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address stands for, where it does."""
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & _IPV4)
    return address.ipv4_mapped or address.sixtofour


def is_loopback(url: str) -> bool:
    """Whether a URL leads to the machine that reads it."""
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
