"""The far sides of all channels, real ones: a mail server, a web server, a terminal. Each can be told to misbehave."""

from __future__ import annotations

import asyncio
import errno
import html
import io
import re
import ssl
import threading
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from standardwebhooks import Webhook as Verifier

from reliability.providers import Behaviour, FakeSlack, FakeTwilio
from reliability.providers.slack import Posted
from tocsin.application.ports import Answering, Channel, Message
from tocsin.channels import REGISTRY, ChannelSettings
from tocsin.channels.console import Console
from tocsin.demo.smtp_sink import LOOPBACK, SmtpSink
from tocsin.domain.procedures import Mail, Site, Telephone
from tocsin.domain.severity import Severity

TLS = Path(__file__).resolve().parent / "tls"
SECRETS = {
    "${MAIL_PASSWORD}": "correct horse battery staple",
    "${WEBHOOK_SECRET}": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "${TWILIO_TOKEN}": "an-auth-token-that-is-nobody-elses-business",
}
SITE = Site(
    public_url="http://127.0.0.1:8080",
    mail=Mail("localhost", 0, "starttls", "tocsin", "${MAIL_PASSWORD}", "tocsin@example.org"),
    webhook_secret="${WEBHOOK_SECRET}",
)


def settings(mail: Mail = SITE.mail, **more) -> ChannelSettings:
    return ChannelSettings(replace(SITE, mail=mail, **more), lambda text: SECRETS.get(text, text))


def message(to: str, **more) -> Message:
    facts = {
        "page_id": "page-1",
        "incident_id": "INC-20261122-214214",
        "severity": Severity.CRITICAL,
        "urgent": True,
        "person": "Ana",
        "subject": "CRITICAL claudex is down",
        "text": "You, because you are on call.\nAcknowledge: https://tocsin.example.org/a/page-1.token\n",
        "facts": {"link": "https://tocsin.example.org/a/page-1.token"},
        "answering": Answering("http://127.0.0.1:8080", 1_790_000_000, "123456"),
    }
    return Message(to=to, **{**facts, **more})


class Mood(Enum):
    """What a peer does with the next message."""

    TAKES = "takes it"
    NEVER = "refuses it for good"
    NOT_NOW = "refuses it for now"
    SILENT = "does not answer"


@dataclass(frozen=True, slots=True)
class Received:
    """What came out on the far side."""

    key: str
    text: str


class Peer(ABC):
    """A channel, and what is behind it.

    Attributes:
        channel: made by the registry's line, but for the console, which is given a stream.
        address: what a contact would say.
        mood: can be changed at any time.
        whole: whether the whole text arrives; where it is too long to be read or heard, it does not.
    """

    channel: Channel
    address: str
    mood = Mood.TAKES
    whole = True

    @abstractmethod
    def received(self) -> list[Received]: ...

    def arrives(self, sent: Message) -> str:
        """What must be among what a person gets."""
        return sent.text

    @abstractmethod
    def __enter__(self) -> Self: ...

    @abstractmethod
    def __exit__(self, *_: object) -> None: ...


class MailServer(SmtpSink):
    """A mail server that wants STARTTLS and a password, and repeats what it was told when it refuses."""

    def __init__(self) -> None:
        super().__init__()
        self.mood = Mood.TAKES
        self.connections = 0
        self.verbs: list[str] = []
        self._tls = server_tls()

    def _connection(self) -> SMTP:
        self.connections += 1
        return SMTP(
            self,
            hostname="localhost",
            enable_SMTPUTF8=True,
            tls_context=self._tls,
            require_starttls=True,
            authenticator=self._authenticate,
            auth_required=True,
            loop=self._loop,
        )

    def _authenticate(self, _server, _session, _envelope, _mechanism, credentials) -> AuthResult:
        expected = LoginPassword(b"tocsin", SECRETS["${MAIL_PASSWORD}"].encode())
        if credentials == expected:
            return AuthResult(success=True)
        said = credentials.password.decode(errors="replace")
        return AuthResult(success=False, handled=False, message=f"535 5.7.8 not {said}")

    async def handle_RCPT(self, _server, _session, envelope, address, _options) -> str:  # noqa: N802 - aiosmtpd's name
        match self.mood:
            case Mood.NEVER:
                return f"550 5.1.1 nobody here, {SECRETS['${MAIL_PASSWORD}']}"
            case Mood.NOT_NOW:
                return f"451 4.3.0 later, {SECRETS['${MAIL_PASSWORD}']}"
            case Mood.SILENT:
                await asyncio.Event().wait()
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_RSET(self, _server, _session, _envelope) -> str:  # noqa: N802 - aiosmtpd's name
        self.verbs.append("RSET")
        return "250 OK"


class EmailPeer(Peer):
    address = "ana@example.org"

    def __init__(self) -> None:
        self.server = MailServer()

    @property
    def mood(self) -> Mood:
        return self.server.mood

    @mood.setter
    def mood(self, mood: Mood) -> None:
        self.server.mood = mood

    def received(self) -> list[Received]:
        return [
            Received(mail.message["X-Tocsin-Page"], mail.text.replace("\r\n", "\n")) for mail in self.server.messages
        ]

    def __enter__(self) -> Self:
        self.server.start()
        self.channel = REGISTRY["email"](settings(replace(SITE.mail, port=self.server.port)))
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()
        self.server.stop()


class WebServer(ThreadingHTTPServer):
    """A receiver of webhooks that checks their signatures and repeats what it was told when it refuses."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        super().__init__((LOOPBACK, 0), _Hook)
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.mood = Mood.TAKES
        self.answer = 204
        self.headers: dict[str, str] = {}
        self.connections = 0
        self.received: list[tuple[dict[str, str], dict]] = []
        self.released = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), daemon=True)

    @property
    def port(self) -> int:
        return self.server_address[1]

    def handle_error(self, *_: object) -> None:
        """Clients hang up in these tests; that is no news."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.released.set()
        self.shutdown()
        self.server_close()


class _Hook(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: WebServer

    def setup(self) -> None:
        super().setup()
        self.server.connections += 1

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status = {Mood.NEVER: 410, Mood.NOT_NOW: 503}.get(self.server.mood, self.server.answer)
        if self.server.mood is Mood.SILENT:
            self.server.released.wait()
        if status < 300:
            content = Verifier(SECRETS["${WEBHOOK_SECRET}"]).verify(body, dict(self.headers))
            self.server.received.append((dict(self.headers), content))
        said = b"" if status == 204 else SECRETS["${WEBHOOK_SECRET}"].encode()
        self.send_response(status, SECRETS["${WEBHOOK_SECRET}"])
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class WebhookPeer(Peer):
    def __init__(self) -> None:
        self.server = WebServer()
        self.address = f"http://localhost:{self.server.port}/hooks/{TOKEN}"

    @property
    def mood(self) -> Mood:
        return self.server.mood

    @mood.setter
    def mood(self, mood: Mood) -> None:
        self.server.mood = mood

    def received(self) -> list[Received]:
        return [Received(headers["webhook-id"], content["data"]["text"]) for headers, content in self.server.received]

    def __enter__(self) -> Self:
        self.server.__enter__()
        self.channel = REGISTRY["webhook"](settings())
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()
        self.server.__exit__()


class Terminal(io.StringIO):
    def __init__(self) -> None:
        super().__init__()
        self.mood = Mood.TAKES
        self.released = threading.Event()

    def write(self, text: str) -> int:
        match self.mood:
            case Mood.NEVER:
                raise ValueError("I/O operation on closed file.")
            case Mood.NOT_NOW:
                raise OSError(errno.ENOSPC, "No space left on device")
            case Mood.SILENT:
                self.released.wait()
        return super().write(text)


class ConsolePeer(Peer):
    address = "-"

    def __init__(self) -> None:
        self.terminal = Terminal()
        self.channel = Console(settings(), self.terminal)

    @property
    def mood(self) -> Mood:
        return self.terminal.mood

    @mood.setter
    def mood(self, mood: Mood) -> None:
        self.terminal.mood = mood

    def received(self) -> list[Received]:
        blocks = re.findall(r"^┌ (?:page|post) (\S+) to .*\n((?:  │ .*\n)*)", self.terminal.getvalue(), re.MULTILINE)
        return [Received(key, body.replace("  │ ", "")) for key, body in blocks]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.terminal.released.set()
        self.channel.close()


class ProviderPeer(Peer):
    """A stand-in for a provider, as `reliability.providers` has it."""

    server: FakeSlack | FakeTwilio
    name: str

    @property
    def mood(self) -> Mood:
        return {behaviour: mood for mood, behaviour in _BEHAVIOURS.items()}[self.server.behaviour]

    @mood.setter
    def mood(self, mood: Mood) -> None:
        self.server.behaviour = _BEHAVIOURS[mood]

    @abstractmethod
    def site(self) -> dict[str, object]: ...

    def __enter__(self) -> Self:
        self.server.__enter__()
        self.channel = REGISTRY[self.name](settings(**self.site()))
        return self

    def __exit__(self, *_: object) -> None:
        self.channel.close()
        self.server.__exit__()


_BEHAVIOURS = {
    Mood.TAKES: Behaviour.WORKS,
    Mood.NEVER: Behaviour.REFUSES,
    Mood.NOT_NOW: Behaviour.FAILS,
    Mood.SILENT: Behaviour.HANGS,
}


class SlackPeer(ProviderPeer):
    name = "slack"
    address = "U012AB3CD"

    def __init__(self) -> None:
        self.server = FakeSlack()

    def site(self) -> dict[str, object]:
        return {"slack_webhook": self.server.webhook_url}

    def received(self) -> list[Received]:
        return [Received(posted.page, posted.words) for posted in map(Shown, self.server.posted)]


class Shown:
    """A message as Slack shows it: without the mention, the button, and what is escaped."""

    def __init__(self, posted: Posted) -> None:
        mention = f"<@{SlackPeer.address}> "
        assert posted.text.startswith(mention)
        texts = [text for text in posted.sections if not text.startswith("<http")]
        self.words = html.unescape("".join(texts).removeprefix(mention))
        self.page = posted.payload["blocks"][-1]["elements"][0]["text"].removeprefix("Page ")


class TwilioPeer(ProviderPeer):
    address = "+1 555 010-0001"
    whole = False

    def __init__(self) -> None:
        self.server = FakeTwilio()

    def site(self) -> dict[str, object]:
        account = Telephone(self.server.base_url, self.server.account, "${TWILIO_TOKEN}", self.server.number)
        return {"telephone": account}

    def received(self) -> list[Received]:
        sent = [*self.server.messages, *self.server.calls]
        return [Received(urlsplit(one.status_url).path.rpartition("/")[2], one.text) for one in sent]

    def arrives(self, sent: Message) -> str:
        assert sent.answering is not None
        return sent.answering.code if self.name == "sms" else "Press 1 to take it"


class SmsPeer(TwilioPeer):
    name = "sms"


class VoicePeer(TwilioPeer):
    name = "voice"


TOKEN = "a-token-that-is-nobody-elses-business"

PEERS: dict[str, type[Peer]] = {
    "console": ConsolePeer,
    "email": EmailPeer,
    "slack": SlackPeer,
    "sms": SmsPeer,
    "voice": VoicePeer,
    "webhook": WebhookPeer,
}
"""One line for each line of the channels' registry."""


def server_tls() -> ssl.SSLContext:
    """What a server on localhost shows; the tests' own authority in `tls/` has signed it."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(TLS / "localhost.pem")
    return context
