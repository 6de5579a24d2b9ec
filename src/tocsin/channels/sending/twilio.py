"""What text messages and calls share: Twilio's REST API of 2010-04-01, which other services speak too.

A request is a form with basic authentication; a refusal is JSON with `code` and `message`. The service calls back at
addresses that each request names; it signs them (`signature`).
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

from tocsin.application.ports import ChannelError, Message, Outcome, Word
from tocsin.channels.sending.posting import Answer, Posting, anywhere, origin, web_address
from tocsin.channels.sending.reach import is_loopback
from tocsin.channels.sending.settings import ChannelSettings
from tocsin.channels.sending.text import one_line
from tocsin.domain.people import dialled
from tocsin.domain.procedures import Telephone

PUBLIC_API = "https://api.twilio.com"
STATUS = "/callbacks/twilio/status"
KEYS = "/callbacks/twilio/keys"
REPLY = "/callbacks/twilio/reply"
"""Where the service calls back; what became of a page, which key was pressed, which text message came in."""

PASSING_CODES = frozenset({14107, 20429, 20500, 20503, 21611, 30001, 30022})
"""Too many requests, a full queue, trouble on their side: of a code that is not here, trying again does not help."""

_SAID = 160


class Twilio:
    """One account; safe for many threads.

    Args:
        settings: site (the account), and how to read its secret.
    """

    def __init__(self, settings: ChannelSettings) -> None:
        self._settings = settings
        self._posting = Posting(anywhere)  # an operator wrote the address, as with the mail server

    def create(self, kind: str, to: str, fields: Iterable[tuple[str, str]], deadline: float) -> str:
        """Create a resource, which sends a message or makes a call.

        Args:
            kind: "Messages" or "Calls".
            to: the number.
            fields: of the form, beside To and From.
            deadline: seconds this may take.

        Returns:
            Its SID; empty when the service did not say.

        Raises:
            ChannelError: it was not created.
        """
        account = self._settings.site.telephone
        url = _api(account)
        if not (account.account_sid and account.auth_token and account.sender):
            raise ChannelError(
                "No account for text messages and calls is set; give sms.account_sid, auth_token and sender in "
                "site.yaml.",
                permanent=True,
            )
        token = self._settings.secret(account.auth_token)
        credentials = base64.b64encode(f"{account.account_sid}:{token}".encode()).decode()
        headers = [
            ("Authorization", f"Basic {credentials}"),
            ("Content-Type", "application/x-www-form-urlencoded"),
            ("Accept", "application/json"),
            ("User-Agent", "Tocsin"),
        ]
        form = urlencode([("To", dialled(to)), ("From", dialled(account.sender)), *fields])
        path = f"/2010-04-01/Accounts/{quote(account.account_sid, safe='')}/{kind}.json"
        called = f"Twilio's API at {origin(urlsplit(url))}"
        answer = self._posting.post(url + path, headers, form.encode(), deadline, called)
        said = _json(answer)
        if answer.taken:
            return str(said.get("sid") or "")
        raise _refused(answer, said, called, (token, credentials))

    def callback(self, path: str, message: Message) -> str:
        """The address at which the service reaches us about a message; empty when it cannot.

        A public service refuses a message altogether whose callbacks lead to this machine's own network name.
        """
        answering = message.answering
        if answering is None or not answering.base_url:
            return ""
        if is_loopback(answering.base_url) and not is_loopback(_api(self._settings.site.telephone)):
            return ""
        return f"{answering.base_url}{path}/{quote(message.page_id, safe='')}?until={answering.until}"

    def close(self) -> None:
        """Close all connections."""
        self._posting.close()


def all_of(count: int) -> str:
    """What an answer to a message is about: "it", or all that went out in it."""
    return f"all {count}" if count > 1 else "it"


def count_of(message: Message) -> int:
    """How many incidents a message is about."""
    return int(message.facts.get("count", "1"))


def word_of(fields: Mapping[str, str]) -> Word | None:
    """What a status callback says became of a message or a call; None while it is on its way.

    Args:
        fields: of the form that was posted.
    """
    if "CallSid" in fields:
        status = fields.get("CallStatus", "")
        if status == "completed":
            return Word(fields["CallSid"], Outcome.UNHEARD, "The call was answered, and no key was pressed.")
        return Word(fields["CallSid"], Outcome.FAILED, _CALLS[status]) if status in _CALLS else None
    status, code = fields.get("MessageStatus", ""), fields.get("ErrorCode", "")
    if status in {"delivered", "read"}:
        return Word(fields.get("MessageSid", ""), Outcome.DELIVERED)
    if status not in {"undelivered", "failed", "canceled"}:
        return None
    detail = f"The text message was not delivered ({status}{f', error {code}' if code.isdecimal() else ''})."
    return Word(fields.get("MessageSid", ""), Outcome.FAILED, detail, permanent=code in _NEVER_ARRIVES)


_CALLS = {
    "busy": "The line was busy.",
    "no-answer": "Nobody answered the call.",
    "failed": "The call could not be put through.",
    "canceled": "The call was cancelled.",
}
_NEVER_ARRIVES = frozenset({"21610", "30004", "30005", "30006"})
"""Unsubscribed, blocked, unknown, or a line that takes no text messages."""


def signature(token: str, url: str, fields: Iterable[tuple[str, str]]) -> str:
    """What `X-Twilio-Signature` must be (Twilio, *Webhooks security*).

    Args:
        token: the account's secret.
        url: the whole address that was called, its query included.
        fields: of the form that was posted.
    """
    signed = url + "".join(name + value for name, value in sorted(set(fields)))
    return base64.b64encode(hmac.new(token.encode(), signed.encode(), hashlib.sha1).digest()).decode()


def _api(account: Telephone) -> str:
    url = account.base_url or PUBLIC_API
    if web_address(url) is None:
        raise ChannelError("sms.base_url in site.yaml is no URL that can be posted to.", permanent=True)
    return url.rstrip("/")


def _json(answer: Answer) -> dict[str, Any]:
    try:
        said = json.loads(answer.body)
    except ValueError:
        return {}
    return said if isinstance(said, dict) else {}


def _refused(answer: Answer, said: dict[str, Any], called: str, secrets: Iterable[str]) -> ChannelError:
    code = said.get("code")
    words = str(said.get("message") or "")
    for secret in secrets:
        words = words.replace(secret, "…")
    because = f" {code}: {one_line(words, _SAID)}" if isinstance(code, int) else ""
    passing = answer.passing or code in PASSING_CODES
    return ChannelError(f"{called} answered {answer.status}{because.rstrip(' .')}.", permanent=not passing)
