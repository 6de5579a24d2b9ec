"""A stand-in for Twilio: the REST API of 2010-04-01 for messages and calls, and the telephones behind it.

It checks what the real one checks, with its error codes; signs what it calls back with; and repeats in its errors what
it was told, as careless servers do.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import re
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl
from xml.etree import ElementTree as ET

import httpx

from reliability.providers.loopback import Behaviour, Loopback, Provided

ACCOUNT = "AC" + "0" * 30 + "01"
TOKEN = "an-auth-token-that-is-nobody-elses-business"
NUMBER = "+15550100000"
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_PATH = re.compile(r"/2010-04-01/Accounts/([^/]+)/(Messages|Calls)\.json")
_BODY, _TWIML = 1600, 4000
_REFUSALS = {
    Behaviour.FAILS: (503, 20503, "Service is temporarily unavailable"),
    Behaviour.BUSY: (429, 20429, "Too many requests"),
    Behaviour.REFUSES: (400, 21610, "Attempt to send to unsubscribed recipient"),
}


@dataclass(frozen=True, slots=True)
class Sent:
    """One message or call that was created.

    Args:
        sid: its id, SM… or CA….
        fields: of the form that created it.
        at: when, on the monotonic clock, in seconds.
    """

    sid: str
    fields: Mapping[str, str]
    at: float = field(default_factory=time.monotonic)

    @property
    def is_call(self) -> bool:
        """Whether it is a call."""
        return self.sid.startswith("CA")

    @property
    def to(self) -> str:
        """The number it went to."""
        return self.fields["To"]

    @property
    def text(self) -> str:
        """What a person reads, or hears until they press a key."""
        return " ".join(each.text or "" for each in self._script.iter("Say")) if self.is_call else self.fields["Body"]

    @property
    def status_url(self) -> str:
        """Where its status is reported; empty when nowhere."""
        return self.fields.get("StatusCallback", "")

    @property
    def keys_url(self) -> str:
        """Where a pressed key is sent; empty when nowhere."""
        gather = self._script.find("Gather")
        return "" if gather is None else gather.attrib["action"]

    @property
    def _script(self) -> ET.Element:
        return ET.fromstring(self.fields["Twiml"])


class FakeTwilio(Loopback):
    """One account.

    Args:
        account, token, number: what site.yaml names; the number is the only one it may send from.
        port: 0 lets the system choose.

    Attributes:
        behaviour: what it does with the next request; can be changed at any time.
        behaviour_to: the same for some numbers only; wins.
        messages, calls: what it sent to people; what it loses is not among them.
        taken: how many requests it answered with 201, those that it loses too.
        before, after: called with what was created, before and after the 201 goes out: `deliver`, for instance.
    """

    def __init__(self, account: str = ACCOUNT, token: str = TOKEN, number: str = NUMBER, port: int = 0) -> None:
        super().__init__(_Api, port)
        self.account, self.token, self.number = account, token, number
        self.behaviour_to: dict[str, Behaviour] = {}
        self.messages: list[Sent] = []
        self.calls: list[Sent] = []
        self.taken = 0
        self.before: Callable[[Sent], object] | None = None
        self.after: Callable[[Sent], object] | None = None
        self._numbers = itertools.count(1)

    def sid(self, kind: str) -> str:
        """A new id, such as SM0…01."""
        return f"{kind}{next(self._numbers):032x}"

    def deliver(self, sent: Sent) -> None:
        """What a carrier reports of a message that arrives; a call rings and nobody answers."""
        if sent.is_call:
            self.report(sent, "no-answer")
        else:
            self.report(sent, "sent")
            self.report(sent, "delivered")

    def report(self, sent: Sent, status: str, **more: str) -> httpx.Response:
        """Call back with a status.

        Args:
            sent: of what.
            status: `sent`, `delivered`, `undelivered`, `failed` of a message; `completed`, `busy`, `no-answer`,
                `failed`, `canceled` of a call.
            more: further fields, such as `ErrorCode`.
        """
        both = {"From": self.number, "To": sent.to}
        if sent.is_call:
            said = {**both, "CallSid": sent.sid, "CallStatus": status, "CallbackSource": "call-progress-events"}
            said |= {"Direction": "outbound-api", "CallDuration": "0", "SequenceNumber": "0"}
        else:
            said = {**both, "MessageSid": sent.sid, "MessageStatus": status, "SmsSid": sent.sid, "SmsStatus": status}
        return self.call_back(sent.status_url, {**said, **more})

    def press(self, sent: Sent, digit: str) -> httpx.Response:
        """Somebody answers a call and presses a key."""
        said = {"From": self.number, "To": sent.to, "CallSid": sent.sid, "CallStatus": "in-progress", "Digits": digit}
        return self.call_back(sent.keys_url, {**said, "FinishedOnKey": "", "msg": "Gather End"})

    def reply(self, url: str, number: str, text: str, **more: str) -> httpx.Response:
        """Somebody writes a text message to the account's number.

        Args:
            url: the reply address as it is set at the account's number.
            number: theirs.
            text: what they write.
            more: fields to put in place of the usual ones, such as the `MessageSid` of an earlier one.
        """
        sid = more.get("MessageSid") or self.sid("SM")
        said = {"From": number, "To": self.number, "Body": text, "MessageSid": sid, "SmsSid": sid, "NumMedia": "0"}
        return self.call_back(url, {**said, "SmsStatus": "received", **more})

    def call_back(self, url: str, said: Mapping[str, str]) -> httpx.Response:
        """Post a form to Tocsin, signed."""
        form = {"AccountSid": self.account, "ApiVersion": "2010-04-01", **said}
        headers = {"X-Twilio-Signature": sign(self.token, url, form), "User-Agent": "TwilioProxy/1.1"}
        return httpx.post(url, data=form, headers=headers, timeout=15, trust_env=False)


def sign(token: str, url: str, form: Mapping[str, str]) -> str:
    """What `X-Twilio-Signature` says: HMAC-SHA1 over the URL and each field in order of their names, in base64."""
    text = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.new(token.encode(), text.encode(), hashlib.sha1).digest()).decode()


class _Api(Provided):
    server: FakeTwilio

    def do_POST(self) -> None:  # noqa: N802 - the standard library's name
        fields = dict(parse_qsl(self.body().decode(), keep_blank_values=True))
        behaviour = self.server.behaviour_to.get(fields.get("To", ""), self.server.behaviour)
        if behaviour is Behaviour.HANGS:
            self.hang()
        elif behaviour is Behaviour.DRIPS:
            self.drip()
        else:
            refusal = _REFUSALS.get(behaviour) or self._wrong(fields)
            if refusal:
                self._refuse(*refusal)
            else:
                self._take(fields, lose=behaviour is Behaviour.LOSES)

    def _wrong(self, fields: dict[str, str]) -> tuple[int, int, str] | None:
        """What is wrong with a request, as the real one says it: HTTP status, code, message."""
        path = _PATH.fullmatch(self.path)
        if path is None or path[1] != self.server.account:
            return 404, 20404, "The requested resource was not found"
        if self.headers.get("Authorization") != self._authorization():
            return 401, 20003, "Authenticate"
        if not _E164.fullmatch(fields.get("To", "")):
            return 400, 21211, "Invalid 'To' Phone Number"
        if fields.get("From") != self.server.number:
            return 400, 21606, "The 'From' phone number is not a valid number of this account"
        if path[2] == "Messages":
            wrong = 21602 if not fields.get("Body") else 21617 if len(fields["Body"]) > _BODY else 0
        else:
            wrong = 0 if 0 < len(fields.get("Twiml", "")) <= _TWIML else 21218
        return (400, wrong, "The message is missing or too long") if wrong else None

    def _authorization(self) -> str:
        return "Basic " + base64.b64encode(f"{self.server.account}:{self.server.token}".encode()).decode()

    def _refuse(self, status: int, code: int, message: str) -> None:
        told = f"{message}: {self.server.token} {self.headers.get('Authorization')}"
        more = f"https://www.twilio.com/docs/errors/{code}"
        said = {"code": code, "message": told, "more_info": more, "status": status}
        self.answer(status, json.dumps(said).encode(), "application/json")

    def _take(self, fields: dict[str, str], *, lose: bool) -> None:
        kind = "SM" if "Body" in fields else "CA"
        sent = Sent(self.server.sid(kind), fields)
        self.server.taken += 1
        if not lose:
            (self.server.calls if sent.is_call else self.server.messages).append(sent)
            if self.server.before is not None:
                self.server.before(sent)
        said = {"sid": sent.sid, "status": "queued", "to": sent.to, "from": fields["From"], "error_code": None}
        self.answer(201, json.dumps({**said, "account_sid": self.server.account}).encode(), "application/json")
        if self.server.after is not None and not lose:
            threading.Thread(target=self.server.after, args=(sent,), daemon=True).start()
