"""Webhook: messages as signed JSON to a URL, by the Standard Webhooks rules (standardwebhooks.com).

`webhook-id` is the page's id, so that a receiver who remembers ids drops the one duplicate a crash can cause.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from urllib.parse import SplitResult

from standardwebhooks.webhooks import EmptyWebhookSecretError
from standardwebhooks.webhooks import Webhook as Signer

from tocsin.application.ports import ChannelError, Message, Receipt
from tocsin.channels.sending.posting import REDIRECTS, Answer, Posting, origin, web_address
from tocsin.channels.sending.reach import permits
from tocsin.channels.sending.settings import ChannelSettings


class Webhook:
    """Posts messages to the URLs that people wrote into their contacts.

    Args:
        settings: site (the signing secret), and whether private addresses may be reached.
    """

    def __init__(self, settings: ChannelSettings) -> None:
        self._settings = settings
        self._posting = Posting(lambda address: permits(settings, address))

    def send(self, message: Message, deadline: float) -> Receipt:
        """Post the message to the URL it is addressed to; see `Channel.send`."""
        url = _url(message.to)
        body = _body(message)
        called = f"The webhook at {origin(url)}"
        answer = self._posting.post(message.to, self._headers(message, body), body.encode(), deadline, called)
        _judge(answer, called)
        return Receipt()

    def close(self) -> None:
        """Close all connections."""
        self._posting.close()

    def _headers(self, message: Message, body: str) -> list[tuple[str, str]]:
        now = datetime.now(UTC)
        return [
            ("Content-Type", "application/json"),
            ("User-Agent", "Tocsin"),
            ("webhook-id", message.page_id),
            ("webhook-timestamp", str(int(now.timestamp()))),
            ("webhook-signature", self._signer().sign(message.page_id, now, body)),
        ]

    def _signer(self) -> Signer:
        secret = self._settings.secret(self._settings.site.webhook_secret)
        try:
            return Signer(secret)
        except (EmptyWebhookSecretError, ValueError):
            # Without the cause: it would carry the secret into logs.
            raise ChannelError(
                "Webhooks are signed, and site.yaml has no usable secret for it. Let webhook.secret refer to whsec_ "
                "and 24 to 64 bytes in base64, and give the same to the receiver.",
                permanent=True,
            ) from None


def _url(address: str) -> SplitResult:
    url = web_address(address)
    if url is None:
        raise ChannelError(
            "The address of this webhook contact is no URL that can be posted to; it should look like "
            "https://hooks.example.org/tocsin, without a user name in it.",
            permanent=True,
        )
    return url


def _body(message: Message) -> str:
    return json.dumps(
        {
            "type": "incident.page" if message.urgent else "incident.post",
            "timestamp": datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "data": {
                "page_id": message.page_id,
                "incident_id": message.incident_id,
                "severity": message.severity.value,
                "urgent": message.urgent,
                "person": message.person,
                "subject": message.subject,
                "text": message.text,
                "facts": message.facts,
            },
        }
    )


def _judge(answer: Answer, called: str) -> None:
    if answer.taken:
        return
    said = f"{called} answered {answer.status}"
    if answer.status in REDIRECTS:
        raise ChannelError(f"{said}, a redirect; Tocsin follows none, so give the final URL.", permanent=True)
    raise ChannelError(f"{said} and did not take the message.", permanent=not answer.passing)
