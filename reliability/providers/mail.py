"""A real mail server (aiosmtpd) that may misbehave."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from aiosmtpd.smtp import SMTP, Envelope, Session

from reliability.providers.loopback import DRIP_EVERY_S, Behaviour
from tocsin.demo.smtp_sink import SmtpSink

_REFUSALS = {
    Behaviour.FAILS: "451 4.3.0 Try again later",
    Behaviour.BUSY: "452 4.3.1 Too much mail",
    Behaviour.REFUSES: "550 5.1.1 No such mailbox",
}


class FakeMail(SmtpSink):
    """Keeps what it takes.

    Attributes:
        behaviour: what it does with the next message; can be changed at any time.
        asked: how many messages it was offered.
    """

    def __init__(self) -> None:
        super().__init__()
        self.behaviour = Behaviour.WORKS
        self.asked = 0

    async def handle_RCPT(  # noqa: N802 - aiosmtpd's name
        self, server: SMTP, _session: Session, envelope: Envelope, address: str, options: Sequence[str]
    ) -> str:
        """Somebody is named; aiosmtpd calls this, and here it is decided what becomes of the message."""
        self.asked += 1
        match self.behaviour:
            case Behaviour.HANGS:
                await asyncio.Event().wait()
            case Behaviour.DRIPS:
                await _drip(server)
            case behaviour if behaviour in _REFUSALS:
                return _REFUSALS[behaviour]
            case _:
                pass
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - as above
        """Take a message, or say so."""
        if self.behaviour is Behaviour.LOSES:
            return "250 OK"
        return await super().handle_DATA(server, session, envelope)


async def _drip(server: SMTP) -> None:
    """Begin an answer and never end it."""
    transport = server.transport
    assert isinstance(transport, asyncio.WriteTransport), "a session that was begun has one"
    while not transport.is_closing():
        transport.write(b"2")
        await asyncio.sleep(DRIP_EVERY_S)
