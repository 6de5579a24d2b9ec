"""Email: messages over SMTP, through the company's own mail server.

A server's 250 says that it took the message, not that anybody got it, so a receipt is never "delivered". The
Message-ID is made from the page's id, or from those of all pages it carries: a duplicate has the same one, and mail
programs show it once; one that carries more than the last time is shown. All mail of an incident refers to one made-up
first message, so that it makes one thread.
"""

from __future__ import annotations

import base64
import hashlib
import html
import io
import re
import smtplib
import socket
import ssl
import threading
from contextlib import ExitStack, suppress
from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpcore

from tocsin.application.ports import ChannelError, Message, Receipt
from tocsin.channels.sending.reach import Deadline, connect
from tocsin.channels.sending.settings import ChannelSettings
from tocsin.channels.sending.text import one_line, printable
from tocsin.domain.procedures import Mail

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer, WriteableBuffer

_ATOMS = r"""[^\s@<>()\[\],:;"\\.]+(?:\.[^\s@<>()\[\],:;"\\.]+)*"""
_ADDRESS = re.compile(f"{_ATOMS}@{_ATOMS}")
_SUBJECT = 240
_REASON = 200
_PAGES_NAMED = 500
"""Pages of a bundle that are named in its headers; mail servers take about 100 kB of those."""
_LINE = 998
"""Characters of a line on the wire (RFC 5322, 2.1.1)."""
_CHECK_S = 2.0
"""How long a kept connection may take to show that it still lives."""
_KEPT = 4
_TAKEN = 250
_ALSO_TAKEN = 251
_GIVE_UP = 500


class Email:
    """Sends mail; connections are kept, and one that the server has closed meanwhile is replaced.

    Args:
        settings: site (the mail server, the sender, the public URL for our own name), and how to read the password.
    """

    def __init__(self, settings: ChannelSettings) -> None:
        self._settings = settings
        self._idle: list[_Connection] = []
        self._room = _KEPT
        self._lock = threading.Lock()

    def send(self, message: Message, deadline: float) -> Receipt:
        """Hand the message to the mail server; see `Channel.send`."""
        mail = self._settings.site.mail
        if not mail.host:
            raise ChannelError("No mail server is set; give mail.host in site.yaml.", permanent=True)
        to, sender = _address(message.to), _address(mail.sender)
        password = self._settings.secret(mail.password)
        within = Deadline(deadline)
        try:
            connection = self._kept(within) or self._open(password, within)
            with ExitStack() as unless_done:
                unless_done.callback(connection.close)
                said = connection.hand_over(message, sender, to)
                unless_done.pop_all()
        except (smtplib.SMTPException, OSError) as error:
            # Without the cause: what servers say, and what was said to them, may hold the password.
            raise _failed(error, mail, password, within) from None
        self._keep(connection)
        return Receipt(provider_id=_said(said, mail.username, password))

    def close(self) -> None:
        """Take leave of the server."""
        with self._lock:
            idle, self._idle, self._room = self._idle, [], 0  # what is still being sent ends its connection itself
        for connection in idle:
            connection.leave()

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        """Made once and only if it is needed, since reading all authorities takes a while."""
        return httpcore.default_ssl_context()

    def _kept(self, within: Deadline) -> _Connection | None:
        """A kept connection that still lives, so that whatever fails from now on is not its age."""
        while True:
            with self._lock:
                if not self._idle:
                    return None
                connection = self._idle.pop()
            if connection.lives(within):
                return connection

    def _open(self, password: str, within: Deadline) -> _Connection:
        site = self._settings.site
        tls = None if site.mail.security == "none" else self._tls
        connection = _Connection(site.mail, _own_name(site.public_url), within, tls)
        with ExitStack() as unless_done:
            unless_done.callback(connection.close)
            connection.greet(site.mail, password)
            unless_done.pop_all()
        return connection

    def _keep(self, connection: _Connection) -> None:
        with self._lock:
            if len(self._idle) < self._room:
                self._idle.append(connection)
                return
        connection.leave()


class _Connection(smtplib.SMTP):
    """A connection that minds a deadline for everything together, not for each wait alone.

    Args:
        mail: the server.
        name: ours.
        within: the deadline for connecting and for the first message.
        tls: what to encrypt with; None does not.
    """

    def __init__(self, mail: Mail, name: str, within: Deadline, tls: ssl.SSLContext | None) -> None:
        self.within = within
        self._tls = tls
        self._tls_at_once = mail.security == "tls"
        super().__init__(mail.host, mail.port, local_hostname=name)

    def greet(self, mail: Mail, password: str) -> None:
        """Say hello, switch to TLS if that is asked for, and say who we are."""
        if mail.security == "starttls":
            self.starttls(context=self._tls)
        self.ehlo_or_helo_if_needed()
        if not (mail.username + password).isascii():
            raise smtplib.SMTPNotSupportedError("the user name or password has letters beyond ASCII")
        if mail.username:
            self.login(mail.username, password)

    def lives(self, within: Deadline) -> bool:
        """Whether the server still listens; forgets whatever was begun on the connection."""
        try:
            self.within = Deadline(min(within.left(), _CHECK_S))
            alive = self.rset()[0] == _TAKEN
        except (smtplib.SMTPException, OSError):
            alive = False
        self.within = within
        if not alive:
            self.close()
        return alive

    def hand_over(self, message: Message, sender: str, to: str) -> bytes:
        """Send one message; what the server said when it had taken it.

        Raises:
            SMTPException: it was not taken, and the connection is of no more use.
        """
        international = not (sender + to).isascii()
        if international and not self.has_extn("smtputf8"):
            raise smtplib.SMTPNotSupportedError("it takes no addresses with letters beyond ASCII")
        eight_bit = self.has_extn("8bitmime")
        letter = _letter(message, sender, to, eight_bit=eight_bit)
        content = letter.as_bytes(policy=policy.SMTPUTF8 if international else policy.SMTP)
        options = ["BODY=8BITMIME"] * eight_bit + ["SMTPUTF8"] * international
        _expect(self.mail(sender, options), _TAKEN)
        _expect(self.rcpt(to), _TAKEN, _ALSO_TAKEN)
        return _expect(self.data(content), _TAKEN)

    def leave(self) -> None:
        """Close the connection, politely if that takes no time."""
        self.within = Deadline(_CHECK_S)
        with suppress(smtplib.SMTPException, OSError):
            self.quit()
        self.close()

    def send(self, s: str | ReadableBuffer) -> None:
        """Write; smtplib calls this for everything it says."""
        if self.sock is not None:
            self.sock.settimeout(self.within.left())
        super().send(s)

    def getreply(self) -> tuple[int, bytes]:
        """Read an answer; smtplib calls this after everything it says."""
        if self.file is None and self.sock is not None:
            self.file = io.BufferedReader(_Incoming(self, self.sock))
        return super().getreply()

    def _get_socket(self, host: str, port: int, timeout: float) -> socket.socket:
        """Connect; smtplib calls this from its constructor and lets subclasses replace it."""
        del timeout

        def attempt(address: str, seconds: float) -> socket.socket:
            return socket.create_connection((address, port), seconds)

        sock = connect(host, port, self.within, attempt, lambda _: True)
        with ExitStack() as unless_done:
            unless_done.callback(sock.close)
            sock.settimeout(self.within.left())
            if self._tls is not None and self._tls_at_once:
                sock = self._tls.wrap_socket(sock, server_hostname=host)
            unless_done.pop_all()
        return sock


class _Incoming(io.RawIOBase):
    """What the server says, each piece awaited no longer than what is left of the deadline."""

    def __init__(self, connection: _Connection, sock: socket.socket) -> None:
        super().__init__()
        self._connection = connection
        self._sock = sock

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        self._sock.settimeout(self._connection.within.left())
        count = self._sock.recv_into(buffer)
        self._sock.settimeout(self._connection.within.left())  # for a TLS handshake that may come next
        return count


def _expect(answer: tuple[int, bytes], *codes: int) -> bytes:
    code, said = answer
    if code not in codes:
        raise smtplib.SMTPResponseException(code, said)
    return said


def _address(text: str) -> str:
    """One mail address, its domain in the form DNS knows."""
    address = text
    if not text.isascii() and "@" in text:
        local, domain = text.rsplit("@", 1)
        with suppress(UnicodeError):
            address = f"{local}@{domain.encode('idna').decode()}"
    # Looked at last, because that form may turn a character that looks like "@" into one.
    if not _ADDRESS.fullmatch(address) or not address.isprintable():
        raise ChannelError(
            f"{one_line(text, _SUBJECT)!r} is not one mail address; write it like ana@example.org.", permanent=True
        )
    return address


def _own_name(public_url: str) -> str:
    """How we introduce ourselves: asking the system for its full name may wait for DNS far too long."""
    host = urlsplit(public_url).hostname or ""
    return host if re.search(r"\.[a-z]", host) else "[127.0.0.1]"


def _letter(message: Message, sender: str, to: str, *, eight_bit: bool) -> EmailMessage:
    (name, domain), (to_name, to_domain) = sender.rsplit("@", 1), to.rsplit("@", 1)
    thread = _message_id(message.incident_id, domain)
    letter = EmailMessage()
    letter["From"] = Address("Tocsin", name, domain)
    letter["To"] = Address(_header(message.person), to_name, to_domain)
    letter["Subject"] = _header(message.subject)
    letter["Date"] = format_datetime(datetime.now(UTC))
    letter["Message-ID"] = _message_id(_content(message), domain)
    letter["In-Reply-To"] = thread
    letter["References"] = thread
    letter["Auto-Submitted"] = "auto-generated"
    letter["X-Auto-Response-Suppress"] = "All"
    if message.urgent:
        letter["Importance"] = "high"
        letter["X-Priority"] = "1"
    for page_id in message.carries[:_PAGES_NAMED] or (message.page_id,):
        letter["X-Tocsin-Page"] = _header(page_id)
    letter["X-Tocsin-Incident"] = _header(message.incident_id)
    text = printable(message.text)
    letter.set_content(text, cte=_encoding(text, eight_bit=eight_bit))
    page = _html(message, text)
    letter.add_alternative(page, subtype="html", cte=_encoding(page, eight_bit=eight_bit))
    return letter


def _header(text: str) -> str:
    """Text for a header. Python's mail package would decode "=?utf-8?q?=0d=0aBcc:…?=" and end the line with it."""
    return one_line(text, _SUBJECT).replace("=?", "= ?")


def _content(message: Message) -> str:
    """What stands for all that a message tells of."""
    if not message.carries:
        return message.page_id
    return f"bundle-{hashlib.sha256(' '.join(sorted(message.carries)).encode()).hexdigest()[:32]}"


def _message_id(name: str, domain: str) -> str:
    return f"<tocsin-{re.sub('[^A-Za-z0-9-]', '-', name)}@{domain}>"


def _encoding(text: str, *, eight_bit: bool) -> str:
    """The plainest encoding that fits, so that a link stays in one piece even for who looks at the raw mail."""
    if any(len(line.encode()) > _LINE for line in text.splitlines()):
        return "quoted-printable"
    return "7bit" if text.isascii() else "8bit" if eight_bit else "quoted-printable"


def _html(message: Message, text: str) -> str:
    link = printable(message.facts.get("link", ""))
    button = ""
    if re.match("https?://", link):
        button = (
            f'<p><a href="{html.escape(link)}" style="display:inline-block;padding:12px 20px;border-radius:6px;'
            'background:#b3261e;color:#ffffff;text-decoration:none;font-weight:bold">Acknowledge</a></p>\n'
        )
    return (
        '<!DOCTYPE html>\n<html lang="en"><body style="font-family:sans-serif">\n'
        f'{button}<div style="white-space:pre-wrap">{html.escape(text)}</div>\n</body></html>\n'
    )


def _failed(error: Exception, mail: Mail, password: str, within: Deadline) -> ChannelError:
    server = f"The mail server {mail.host}:{mail.port}"
    match error:
        case ssl.SSLCertVerificationError():
            said = f"{server} shows a certificate that cannot be trusted: {error.verify_message}."
            return ChannelError(said, permanent=True)
        case smtplib.SMTPResponseException(smtp_code=int(code), smtp_error=reply):
            said = _said(reply, mail.username, password)
            return ChannelError(f"{server} answered {code}: {said.rstrip('.')}.", permanent=code >= _GIVE_UP)
        case smtplib.SMTPNotSupportedError():
            return ChannelError(f"{server} cannot be used as site.yaml says: {str(error).rstrip('.')}.", permanent=True)
        case _:
            pass
    if within.passed:
        return ChannelError(f"{server} did not finish within {within.seconds:g} s.")
    return ChannelError(f"{server} could not be used: {_said(str(error), mail.username, password).rstrip('.')}.")


def _said(reply: bytes | str, username: str, password: str) -> str:
    """What a server said, on one line and without the password, should it have repeated that."""
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else reply
    if password:
        forms = (password, f"\0{username}\0{password}")
        for secret in (*forms, *(base64.b64encode(form.encode()).decode() for form in forms)):
            text = text.replace(secret, "[password]")
    return one_line(text, _REASON)
