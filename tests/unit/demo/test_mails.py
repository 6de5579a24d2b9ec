"""What a person finds in a page that came by mail."""

from __future__ import annotations

from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

from tocsin.demo.mails import of_level, read_page
from tocsin.demo.smtp_sink import ReceivedMail

TEXT = """\
CRITICAL L2: it broke [INC-1]

You, because you are on call at level 2.
Next is Eva Eriksen at 03:10 UTC.

Acknowledge: http://127.0.0.1:8080/a/pg-1.abc

Service claudex
"""


def received(text: str, subject: str = "CRITICAL L2: it broke [INC-1]") -> ReceivedMail:
    message = EmailMessage()
    message["Subject"] = subject
    message.set_content(text.replace("\n", "\r\n"))
    return ReceivedMail("tocsin@example.org", ("cem@example.org",), message, None, datetime.now(UTC))


def test_a_page_says_why_what_next_and_where():
    page = read_page(received(TEXT))
    assert page.to == "cem@example.org"
    assert page.why == "You, because you are on call at level 2."
    assert page.next == "Next is Eva Eriksen at 03:10 UTC."
    assert page.link == "http://127.0.0.1:8080/a/pg-1.abc"


@pytest.mark.parametrize("missing", ["Next is Eva Eriksen at 03:10 UTC.\n", "Acknowledge: "])
def test_a_page_that_leaves_something_out_is_none(missing):
    with pytest.raises(ValueError, match="does not say why, what next, and where to acknowledge"):
        read_page(received(TEXT.replace(missing, "")))


def test_a_page_is_told_by_its_level_and_incident():
    assert of_level(2, "INC-1")(received(TEXT))
    assert not of_level(3, "INC-1")(received(TEXT))
    assert not of_level(2, "INC-2")(received(TEXT))
