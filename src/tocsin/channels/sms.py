"""SMS: text messages that fit a few segments and can be answered with a code, through Twilio's API.

A segment has 153 characters of the GSM alphabet, or 67 once a single character is outside it (3GPP 23.038), so what can
be written within it is.
"""

from __future__ import annotations

from datetime import timedelta

from tocsin.application.ports import Message, Receipt
from tocsin.channels.sending.settings import ChannelSettings
from tocsin.channels.sending.text import one_line
from tocsin.channels.sending.twilio import STATUS, Twilio, all_of, count_of

SEGMENTS = 3
WORD_WITHIN = timedelta(seconds=20)
"""A carrier says within seconds that a phone has a message; after this long the person's other ways are tried."""

_GSM = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_GSM_TWICE = frozenset("^{}\\[~]|€")
"""These take two places of a GSM segment."""
_PLAIN = str.maketrans(
    {"…": "...", "\u2013": "-", "—": "-", "·": "-", "“": '"', "”": '"', "„": '"', "\u2018": "'", "\u2019": "'"}
)
_GSM_SEGMENT, _OTHER_SEGMENT = 153, 67
_SUBJECT = 160


class Sms:
    """Sends text messages.

    Args:
        settings: site (the account and its number), and how to read the secret.
    """

    def __init__(self, settings: ChannelSettings) -> None:
        self._twilio = Twilio(settings)

    def send(self, message: Message, deadline: float) -> Receipt:
        """Hand the message to the service; see `Channel.send`."""
        callback = self._twilio.callback(STATUS, message)
        fields = [("Body", text_of(message)), *([("StatusCallback", callback)] if callback else [])]
        sid = self._twilio.create("Messages", message.to, fields, deadline)
        return Receipt(sid, word_within=WORD_WITHIN if callback and message.urgent else None)

    def close(self) -> None:
        """Close all connections."""
        self._twilio.close()


def text_of(message: Message) -> str:
    """What fits: always how to answer and the link, then the subject, then why this person."""
    code = message.answering.code if message.answering else ""
    link = message.facts.get("link") or message.facts.get("url", "")
    how = [f"Reply {code} to take {all_of(count_of(message))}, NO {code} if you cannot."] if code else []
    rest = [_plain(line) for line in [*how, link] if line]
    subject = _plain(one_line(message.subject, _SUBJECT)) or "Tocsin"
    why = _plain(message.facts.get("why", "")) if message.urgent else ""
    whole = [subject, *([why] if why else []), *rest]
    if segments("\n".join(whole)) <= SEGMENTS:
        return "\n".join(_with_ids(message, whole))
    while len(subject) > 1 and segments("\n".join([subject, *rest])) > SEGMENTS:
        subject = subject[:-1]
    return "\n".join([subject, *rest])


def _with_ids(message: Message, lines: list[str]) -> list[str]:
    """The lines with as many ids of what else the message is about as fit, after the subject."""
    ids, others = message.facts.get("ids", "").split(), count_of(message) - 1
    for named in range(len(ids), 0, -1):
        more = f" +{others - named}" if others > named else ""
        longer = [lines[0], f"Also {' '.join(ids[:named])}{more}", *lines[1:]]
        if segments("\n".join(longer)) <= SEGMENTS:
            return longer
    return lines


def segments(text: str) -> int:
    """How many segments a text takes; a message of one segment has a few more places, which are left unused."""
    if all(character in _GSM or character in _GSM_TWICE for character in text):
        places = sum(2 if character in _GSM_TWICE else 1 for character in text)
        return -(-places // _GSM_SEGMENT)
    return -(-len(text.encode("utf-16-le")) // 2 // _OTHER_SEGMENT)


def _plain(text: str) -> str:
    return one_line(text, 10**6).translate(_PLAIN)
