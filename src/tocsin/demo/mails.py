"""What a person reads in a page that came by mail."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from tocsin.demo.smtp_sink import ReceivedMail
from tocsin.demo.steps import Observed

_LINK = re.compile(r"^Acknowledge: (\S+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class PageMail:
    """A page in someone's mailbox.

    Args:
        mail: as it arrived.
        to: the first recipient.
        why: the sentence that says why this person.
        next: the sentence that says what happens if nobody does anything.
        link: the acknowledge link.
    """

    mail: ReceivedMail
    to: str
    why: str
    next: str
    link: str

    def tell(self, observed: Observed) -> None:
        """Note what the person reads."""
        observed.note("mail to", self.to)
        observed.note("subject", self.mail.subject)
        observed.note("why", self.why)
        observed.note("next", self.next)
        observed.note("link", self.link)


def read_page(mail: ReceivedMail) -> PageMail:
    """Find in a mail what every page must say.

    Args:
        mail: as it arrived.

    Raises:
        ValueError: something is missing; the message carries the mail.
    """
    text = mail.text.replace("\r\n", "\n")  # lines end so on the wire
    paragraphs = text.split("\n\n")
    reasons = paragraphs[1].splitlines() if len(paragraphs) > 1 else []
    link = _LINK.search(text)
    if len(reasons) < 2 or link is None:  # noqa: PLR2004 - why and what next
        raise ValueError(f"a mail that does not say why, what next, and where to acknowledge:\n{text}")
    return PageMail(mail, mail.recipients[0], reasons[0], reasons[1], link[1])


def of_level(level: int, incident: str) -> Callable[[ReceivedMail], bool]:
    """Whether a mail is a page of a CRITICAL incident to a level."""
    return lambda mail: mail.subject.startswith(f"CRITICAL L{level}:") and incident in mail.subject
