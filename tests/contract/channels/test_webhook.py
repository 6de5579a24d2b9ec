"""What the webhook does beyond what every channel does."""

from __future__ import annotations

import socket
import time

import pytest

from tests.contract.channels.peers import TOKEN, WebServer, message, server_tls, settings
from tests.contract.channels.scripted import Scripted, drip
from tocsin.application.ports import ChannelError
from tocsin.channels import ChannelSettings
from tocsin.channels.webhook import Webhook

IN_TIME = 10.0
PUBLIC = "https://tocsin.example.org"


def refused(address: str, made_from: ChannelSettings | None = None, deadline: float = IN_TIME) -> ChannelError:
    channel = Webhook(made_from or settings())
    with pytest.raises(ChannelError) as caught:
        channel.send(message(address), deadline)
    channel.close()
    assert TOKEN not in caught.value.detail
    return caught.value


def test_the_body_carries_the_message_and_its_facts_and_the_signature_verifies(hook):
    hook.channel.send(message(hook.address, page_id="page-7"), IN_TIME)
    ((headers, content),) = hook.server.received  # the receiver verifies before it keeps
    assert headers["webhook-id"] == "page-7"
    assert headers["Content-Type"] == "application/json"
    assert content["type"] == "incident.page"
    assert content["timestamp"].endswith("Z")
    assert content["data"] == {
        "page_id": "page-7",
        "incident_id": "INC-20261122-214214",
        "severity": "CRITICAL",
        "urgent": True,
        "person": "Ana",
        "subject": "CRITICAL claudex is down",
        "text": "You, because you are on call.\nAcknowledge: https://tocsin.example.org/a/page-1.token\n",
        "facts": {"link": "https://tocsin.example.org/a/page-1.token"},
    }


def test_a_post_is_called_one(hook):
    hook.channel.send(message(hook.address, urgent=False), IN_TIME)
    assert hook.server.received[0][1]["type"] == "incident.post"


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_any_2xx_is_a_yes(hook, status):
    hook.server.answer = status
    hook.channel.send(message(hook.address), IN_TIME)
    assert len(hook.server.received) == 1


@pytest.mark.parametrize(
    ("status", "permanent"),
    [
        *((status, True) for status in (400, 401, 403, 404, 410, 422)),
        *((status, False) for status in (408, 425, 429, 500, 502, 503, 504)),
    ],
)
def test_the_status_says_whether_trying_again_can_help(hook, status, permanent):
    hook.server.answer = status
    error = refused(hook.address)
    assert error.permanent is permanent
    assert str(status) in error.detail
    assert f"http://localhost:{hook.server.port} " in error.detail


def test_connections_are_used_again_also_after_a_refusal(hook):
    for answer in (200, 503, 204, 200):
        hook.server.answer = answer
        if answer == 503:
            with pytest.raises(ChannelError):
                hook.channel.send(message(hook.address), IN_TIME)
        else:
            hook.channel.send(message(hook.address), IN_TIME)
    assert len(hook.server.received) == 3
    assert hook.server.connections == 1


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed_and_is_an_error_for_good(hook, status):
    hook.server.answer = status
    hook.server.headers = {"Location": hook.address}
    error = refused(hook.address)
    assert error.permanent
    assert "redirect" in error.detail
    assert hook.server.received == []


def test_proxies_of_the_environment_are_not_used(hook, monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    hook.channel.send(message(hook.address), IN_TIME)
    assert len(hook.server.received) == 1


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "2130706433", "0x7f.1"])
def test_an_address_on_this_machine_is_refused_before_anything_is_sent(hook, host):
    error = refused(f"http://{host}:{hook.server.port}/{TOKEN}", settings(public_url=PUBLIC))
    assert error.permanent
    assert "private network" in error.detail
    assert hook.server.connections == 0


@pytest.mark.parametrize(
    "host", ["10.0.0.1", "192.168.1.1", "169.254.169.254", "[fd00::1]", "[::]", "0.0.0.0", "224.0.0.1"]
)
def test_an_address_in_a_private_network_is_refused_even_where_this_machine_is_not(host):
    error = refused(f"http://{host}:9/{TOKEN}")
    assert error.permanent
    assert "private network" in error.detail


def test_private_addresses_can_be_allowed(hook):
    site = settings(public_url=PUBLIC)
    channel = Webhook(ChannelSettings(site.site, site.resolve, allow_private=True))
    channel.send(message(hook.address), IN_TIME)
    channel.close()
    assert len(hook.server.received) == 1


def test_a_name_is_resolved_once_and_its_first_answer_is_what_is_connected_to(hook, monkeypatch):
    asked = []
    real = socket.getaddrinfo

    def rebinding(host, *rest, **more):
        if host != "hooks.example.org":
            return real(host, *rest, **more)
        asked.append(host)
        return real("127.0.0.1" if len(asked) == 1 else "127.0.0.9", *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    for _ in range(3):
        hook.channel.send(message(f"http://hooks.example.org:{hook.server.port}/"), IN_TIME)
    assert asked == ["hooks.example.org"]
    assert hook.server.received[0][0]["Host"] == f"hooks.example.org:{hook.server.port}"


def test_https_works_with_a_certificate_for_the_name():
    with WebServer(server_tls()) as server:
        channel = Webhook(settings())
        for _ in range(2):
            channel.send(message(f"https://localhost:{server.port}/"), IN_TIME)
        channel.close()
        assert len(server.received) == 2
        assert server.connections == 1


def test_a_certificate_for_another_name_is_an_error_for_good(monkeypatch):
    real = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _host, *rest, **more: real("127.0.0.1", *rest, **more))
    with WebServer(server_tls()) as server:
        error = refused(f"https://hooks.example.org:{server.port}/{TOKEN}")
    assert error.permanent
    assert "certificate that cannot be trusted" in error.detail


def test_a_certificate_nobody_vouches_for_is_an_error_for_good(monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    with WebServer(server_tls()) as server:
        error = refused(f"https://localhost:{server.port}/{TOKEN}")
    assert error.permanent


@pytest.mark.parametrize(
    "address",
    [
        "",
        "hooks.example.org/x",
        "ftp://hooks.example.org/x",
        "file:///etc/passwd",
        "http://",
        "http:///x",
        "http://localhost:0/",
        "http://localhost:99999/",
        "http://localhost:http/",
        "http://[::1/",
        f"http://ana:{TOKEN}@localhost/",
        "http://localhost/\r\nX: 1",
        "http://localhost/a b",
        "http://löcalhost/",
        "http://localhost/\ud800",
    ],
)
def test_what_is_no_url_to_post_to_is_refused_for_good(address):
    error = refused(address)
    assert error.permanent
    assert "https://hooks.example.org/tocsin" in error.detail


@pytest.mark.parametrize("secret", ["", "whsec_", "whsec_x", "whsec_ü"])
def test_without_a_usable_secret_nothing_is_sent_and_the_error_says_what_to_set(hook, secret):
    error = refused(hook.address, settings(webhook_secret=secret))
    assert error.permanent
    assert "webhook.secret" in error.detail
    assert hook.server.connections == 0


def test_a_receiver_that_is_not_there_may_come_back():
    with WebServer() as server:
        address = f"http://127.0.0.1:{server.port}/{TOKEN}"
    error = refused(address)
    assert not error.permanent
    assert "could not be reached" in error.detail


@pytest.mark.parametrize(
    "words", [b"", b"HTTP/1.1 ", b"not http at all\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"]
)
def test_a_receiver_that_hangs_up_or_talks_nonsense_may_do_better(words):
    def script(connection, _over):
        connection.recv(65536)
        connection.sendall(words)

    with Scripted(script) as server:
        error = refused(f"http://127.0.0.1:{server.port}/{TOKEN}")
    assert not error.permanent


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\nX: "])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_receiver_that_says_a_byte_now_and_then_does_not_outlive_the_deadline(scheme, start):
    with Scripted(lambda connection, over: drip(connection, over, start)) as server:
        started = time.monotonic()
        error = refused(f"{scheme}://127.0.0.1:{server.port}/{TOKEN}", deadline=0.4)
    assert time.monotonic() - started < 3
    assert not error.permanent


def test_a_yes_counts_at_once_although_the_rest_of_the_answer_never_ends():
    start = b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n"
    with Scripted(lambda connection, over: drip(connection, over, start)) as server:
        channel = Webhook(settings())
        started = time.monotonic()
        channel.send(message(f"http://127.0.0.1:{server.port}/"), IN_TIME)
        assert time.monotonic() - started < 5
        channel.close()


def test_a_yes_with_an_endless_answer_is_not_read_to_the_end():
    def flood(connection, over):
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        while not over.is_set():
            connection.sendall(b"x" * 65536)

    with Scripted(flood) as server:
        channel = Webhook(settings())
        channel.send(message(f"http://127.0.0.1:{server.port}/"), IN_TIME)
        channel.close()
        assert server.connections == 1


def test_no_time_at_all_is_too_little(hook):
    error = refused(hook.address, deadline=0.0)
    assert not error.permanent
    assert hook.server.received == []
