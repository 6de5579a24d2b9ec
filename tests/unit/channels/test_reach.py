"""Which addresses may be connected to, and how long that may take."""

from __future__ import annotations

import ipaddress
import socket
import threading
import time

import pytest

from tocsin.application.ports import ChannelError
from tocsin.channels import ChannelSettings
from tocsin.channels.sending.reach import Deadline, connect, permits
from tocsin.domain.procedures import Site

PUBLIC, LOOPBACK, PRIVATE = "https://tocsin.example.org", "http://localhost:8080", "http://10.0.0.5"


def settings(public_url: str, *, allow_private: bool = False) -> ChannelSettings:
    return ChannelSettings(Site(public_url=public_url), str, allow_private)


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "127.8.9.1", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::"],
)
@pytest.mark.parametrize(
    ("public_url", "allowed"),
    [
        (PUBLIC, False),
        (PRIVATE, False),
        ("", False),
        (LOOPBACK, True),
        ("http://[::1]:80", True),
        ("http://127.1.1.1", True),
    ],
)
def test_this_machine_may_be_reached_only_when_tocsin_serves_on_it_alone(address, public_url, allowed):
    assert permits(settings(public_url), ipaddress.ip_address(address)) is allowed


@pytest.mark.parametrize(
    "address",
    [
        "10.1.2.3",
        "172.16.0.1",
        "192.168.0.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "255.255.255.255",
        "224.0.0.251",
        "240.0.0.1",
        "::",
        "fe80::1",
        "fe80::1%lo",
        "fd12::1",
        "ff02::1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:a00:1::",
    ],
)
def test_private_networks_are_out_of_reach_unless_they_are_allowed(address):
    for public_url in (PUBLIC, LOOPBACK):
        assert not permits(settings(public_url), ipaddress.ip_address(address))
    assert permits(settings(PUBLIC, allow_private=True), ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34", "64:ff9b::5db8:d822"]
)
def test_public_addresses_may_be_reached(address):
    assert permits(settings(PUBLIC), ipaddress.ip_address(address))


@pytest.fixture
def resolving(monkeypatch):
    """`resolving("192.0.2.1", …)`: what every name stands for from now on."""

    def stands_for(*addresses: str) -> None:
        entries = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in addresses]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: entries)

    return stands_for


def test_each_address_is_tried_until_one_answers(resolving):
    resolving("192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.3")
    tried = []

    def attempt(address: str, seconds: float) -> str:
        tried.append((address, round(seconds)))
        if address == "192.0.2.1":
            raise ConnectionRefusedError
        return address

    assert connect("example.org", 80, Deadline(9), attempt, lambda _: True) == "192.0.2.2"
    assert tried == [("192.0.2.1", 3), ("192.0.2.2", 4)]


def test_the_last_refusal_is_what_is_reported(resolving):
    resolving("192.0.2.1", "192.0.2.2")

    def attempt(address: str, _seconds: float) -> str:
        raise ConnectionRefusedError(address)

    with pytest.raises(ConnectionRefusedError, match=r"192\.0\.2\.2"):
        connect("example.org", 80, Deadline(9), attempt, lambda _: True)


def test_addresses_that_may_not_be_reached_are_not_tried(resolving):
    resolving("10.0.0.1", "192.0.2.2")
    may = ipaddress.ip_address("192.0.2.2").__eq__
    assert connect("example.org", 80, Deadline(9), lambda address, _: address, may) == "192.0.2.2"
    with pytest.raises(ChannelError, match="private network") as caught:
        connect("example.org", 80, Deadline(9), lambda address, _: address, lambda _: False)
    assert caught.value.permanent


def test_a_look_up_that_takes_too_long_is_left_behind(monkeypatch):
    released = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: released.wait() and [])
    started = time.monotonic()
    with pytest.raises(TimeoutError):
        connect("example.org", 80, Deadline(0.1), lambda address, _: address, lambda _: True)
    assert time.monotonic() - started < 3
    released.set()


def test_a_name_that_nobody_knows_is_an_error_of_the_network(monkeypatch):
    def unknown(*_, **__):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    with pytest.raises(OSError, match="not known"):
        connect("example.org", 80, Deadline(9), lambda address, _: address, lambda _: True)


def test_a_name_that_cannot_be_one_is_an_error_of_the_network_too():
    with pytest.raises(OSError, match="not a host name"):
        connect("x" * 64 + ".example.org", 80, Deadline(9), lambda address, _: address, lambda _: True)


def test_a_deadline_runs_out():
    assert 0 < Deadline(5).left() <= 5
    assert not Deadline(5).passed
    assert Deadline(0).passed
    with pytest.raises(TimeoutError):
        Deadline(0).left()
