"""A stand-in for Slack's incoming webhooks."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import Any

from reliability.providers.loopback import Behaviour, Loopback, Provided

SERVICE = "/services/T00000000/B00000000/a-token-that-is-nobody-elses-business"
_REFUSALS = {
    Behaviour.FAILS: (500, b"rollup_error"),
    Behaviour.BUSY: (429, b"rate_limited"),
    Behaviour.REFUSES: (410, b"channel_is_archived"),
}
_SECTION = 3000
_BLOCKS = 50


@dataclass(frozen=True, slots=True)
class Posted:
    """One message in the channel.

    Args:
        payload: as it was posted.
        at: when, on the monotonic clock, in seconds.
    """

    payload: dict[str, Any]
    at: float = field(default_factory=time.monotonic)

    @property
    def text(self) -> str:
        """What a notification shows."""
        return str(self.payload["text"])

    @property
    def sections(self) -> list[str]:
        """The texts of its sections, as they were written."""
        return [block["text"]["text"] for block in self.payload["blocks"] if block["type"] == "section"]


class FakeSlack(Loopback):
    """Takes what is posted to `webhook_url`.

    Attributes:
        behaviour: what it does with the next request; can be changed at any time.
        posted: every message that it showed to people.
        taken: how many it answered with "ok", those that it loses too.
    """

    def __init__(self, port: int = 0) -> None:
        super().__init__(_Webhook, port)
        self.posted: list[Posted] = []
        self.taken = 0

    @property
    def webhook_url(self) -> str:
        """What site.yaml's `slack.webhook_url` stands for."""
        return self.base_url + SERVICE


class _Webhook(Provided):
    server: FakeSlack

    def do_POST(self) -> None:  # noqa: N802 - the standard library's name
        content = self.body()
        match self.server.behaviour:
            case Behaviour.HANGS:
                self.hang()
            case Behaviour.DRIPS:
                self.drip()
            case behaviour if behaviour in _REFUSALS:
                self.answer(*_REFUSALS[behaviour], "text/html")
            case behaviour:
                self._take(content, lose=behaviour is Behaviour.LOSES)

    def _take(self, content: bytes, *, lose: bool) -> None:
        if self.path != SERVICE:
            return self.answer(404, b"no_service", "text/html")
        try:
            payload = json.loads(content)
        except ValueError:
            return self.answer(400, b"invalid_payload", "text/html")
        if not payload.get("text"):
            return self.answer(400, b"no_text", "text/html")
        if not _are_blocks(payload.get("blocks", [])):
            return self.answer(400, b"invalid_blocks", "text/html")
        self.server.taken += 1
        if not lose:
            self.server.posted.append(Posted(payload))
        return self.answer(200, b"ok", "text/html")


def _are_blocks(blocks: list[dict[str, Any]]) -> bool:
    """Whether Slack would show them."""
    texts = [block["text"]["text"] for block in blocks if block["type"] == "section"]
    texts += [it["text"] for block in blocks if block["type"] == "context" for it in block["elements"]]
    return len(blocks) <= _BLOCKS and all(0 < len(text) <= _SECTION for text in texts)
