"""What the tests of channels may ask for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.contract.channels.peers import PEERS, TLS, EmailPeer, Peer, WebhookPeer


@pytest.fixture(autouse=True)
def _trusted_authority(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way an operator makes Tocsin trust a company's own authority."""
    monkeypatch.setenv("SSL_CERT_FILE", str(TLS / "authority.pem"))


@pytest.fixture(params=sorted(PEERS))
def peer(request: pytest.FixtureRequest) -> Iterator[Peer]:
    """Each channel in turn, with the real thing behind it."""
    with PEERS[request.param]() as running:
        yield running


@pytest.fixture
def mail() -> Iterator[EmailPeer]:
    """The mail channel and its server."""
    with EmailPeer() as running:
        yield running


@pytest.fixture
def hook() -> Iterator[WebhookPeer]:
    """The webhook channel and its receiver."""
    with WebhookPeer() as running:
        yield running
