"""Slack: messages to one channel by an incoming webhook, mentioning the person they are for.

Slack says "ok" once it has the message, not that anybody saw it, so a receipt is never "delivered". The webhook's URL
is the secret, and shows in no error.
"""

from __future__ import annotations

import json
import re

from tocsin.application.ports import ChannelError, Message, Receipt
from tocsin.channels.sending.posting import Answer, Posting, anywhere, web_address
from tocsin.channels.sending.settings import ChannelSettings
from tocsin.channels.sending.text import one_line, printable

_MEMBER = re.compile(r"[UW][A-Z0-9]+", re.ASCII)
_WORD = re.compile(rb"[a-z_]{1,60}")
"""What Slack answers when it refuses, such as `channel_is_archived`."""
_SUBJECT = 240
_BLOCK = 2900
"""Characters of a section's text; Slack takes 3,000."""
_BLOCKS = 45
_ESCAPED = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


class Slack:
    """Posts messages to the channel that the webhook belongs to.

    Args:
        settings: site (the webhook's URL, as a reference).
    """

    def __init__(self, settings: ChannelSettings) -> None:
        self._settings = settings
        self._posting = Posting(anywhere)  # an operator wrote the address, as with the mail server

    def send(self, message: Message, deadline: float) -> Receipt:
        """Post the message; see `Channel.send`."""
        url = self._settings.secret(self._settings.site.slack_webhook)
        if web_address(url) is None:
            raise ChannelError(
                "No usable Slack webhook is set; let slack.webhook_url in site.yaml refer to one, such as "
                "https://hooks.slack.com/services/….",
                permanent=True,
            )
        headers = [("Content-Type", "application/json; charset=utf-8"), ("User-Agent", "Tocsin")]
        answer = self._posting.post(url, headers, json.dumps(_payload(message)).encode(), deadline, "Slack's webhook")
        _judge(answer)
        return Receipt()

    def close(self) -> None:
        """Close all connections."""
        self._posting.close()


def _payload(message: Message) -> dict[str, object]:
    """`text` is what a notification shows; the blocks are the message. Links are not looked up by Slack."""
    mention = f"<@{message.to}> " if _MEMBER.fullmatch(message.to) else ""
    link = message.facts.get("link", "")
    texts = [mention + one for one in _sections(message.text)[:1]] + _sections(message.text)[1:_BLOCKS]
    if link:
        texts.append(f"<{_escaped(link)}|Acknowledge {_escaped(one_line(message.incident_id, 40))}>")
    return {
        "text": mention + _escaped(one_line(message.subject, _SUBJECT)),
        "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text}} for text in texts]
        + [{"type": "context", "elements": [{"type": "mrkdwn", "text": f"Page {_escaped(message.page_id)}"}]}],
        "unfurl_links": False,
        "unfurl_media": False,
    }


def _sections(text: str) -> list[str]:
    """The whole text, escaped, in pieces of the size that Slack takes."""
    pieces, piece = [], ""
    for character in printable(text):
        written = _ESCAPED.get(character, character)
        if len(piece) + len(written) > _BLOCK:
            pieces.append(piece)
            piece = ""
        piece += written
    return [one for one in (*pieces, piece) if one.strip()]


def _escaped(text: str) -> str:
    return "".join(_ESCAPED.get(character, character) for character in printable(text))


def _judge(answer: Answer) -> None:
    if answer.taken:
        return
    because = f" {answer.body.decode()}" if _WORD.fullmatch(answer.body) else ""
    raise ChannelError(
        f"Slack's webhook answered {answer.status}{because} and did not take the message.",
        permanent=not answer.passing,
    )
