"""A mail, whatever the message says, is one mail with the headers it should have."""

from __future__ import annotations

import email
from email import policy

from hypothesis import example, given
from hypothesis import strategies as st

from tocsin.application.ports import ChannelError, Message
from tocsin.channels.email import _address, _letter
from tocsin.domain.severity import Severity

anything = st.text(st.characters(codec=None), max_size=40) | st.text(
    st.sampled_from("a \r\n:,;<>@\"\\=?_().'"), max_size=80
)
DECODED = "=?utf-8?q?=0d=0aBcc:_eve?="
"""What Python's mail package decodes by itself, and takes for the end of a line."""
HEADERS = [
    "From", "To", "Subject", "Date", "Message-ID", "In-Reply-To", "References", "Auto-Submitted",
    "X-Auto-Response-Suppress", "Importance", "X-Priority", "X-Tocsin-Page", "X-Tocsin-Incident",
]  # fmt: skip


@given(words=st.tuples(anything, anything, anything, anything), eight_bit=st.booleans(), international=st.booleans())
@example(words=(DECODED, DECODED, DECODED, DECODED), eight_bit=False, international=False)
@example(words=("a" * 2000, "ü" * 2000, "(", "x" * 2000 + "\nü"), eight_bit=True, international=True)
def test_any_message_makes_one_sound_mail(words, eight_bit, international):
    subject, person, page_id, text = words
    link = {"link": "https://tocsin.example.org/" + text}
    message = Message(page_id, page_id, Severity.HIGH, True, "", person, subject, text, link)
    to = "jürgen@example.org" if international else "ana@example.org"
    letter = _letter(message, "tocsin@example.org", to, eight_bit=eight_bit)
    raw = letter.as_bytes(policy=policy.SMTPUTF8 if international else policy.SMTP)
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert international or eight_bit or raw.isascii()
    parsed = email.message_from_bytes(raw, policy=policy.default)
    names = [name for name in parsed.keys() if name not in {"MIME-Version", "Content-Type"}]  # noqa: SIM118 - repeats
    assert names == HEADERS
    assert [part.get_content_type() for part in parsed.iter_parts()] == ["text/plain", "text/html"]
    # The parser keeps bytes beyond ASCII in headers as they came.
    assert [one.addr_spec.encode(errors="surrogateescape").decode() for one in parsed["To"].addresses] == [to]


addresses = st.from_regex(r"[^@]{1,8}@[^@]{1,12}", fullmatch=True) | st.emails() | anything


@given(addresses)
@example("ana@example.org")
@example("jürgen@bücher.example.org")
def test_any_address_is_refused_or_is_the_one_that_the_mail_goes_to(text):
    try:
        address = _address(text)
    except ChannelError:
        return
    message = Message("p", "INC-1", Severity.HIGH, True, text, "Ana", "subject", "text", {})
    letter = _letter(message, "tocsin@example.org", address, eight_bit=True)
    letter.as_bytes(policy=policy.SMTP if address.isascii() else policy.SMTPUTF8)
    (to,) = letter["To"].addresses
    assert f"{to.username}@{to.domain}" == address
    assert address.count("@") == 1
