"""Stand-ins for the providers of channels: real servers on loopback that speak their documented APIs.

Each can be told at any time to misbehave (`Behaviour`). `FakeTwilio` has the telephones, too: receipts, replies and
pressed keys come back from it, signed.
"""

from __future__ import annotations

from reliability.providers.loopback import Behaviour
from reliability.providers.slack import FakeSlack
from reliability.providers.twilio import FakeTwilio, Sent, sign

__all__ = ["Behaviour", "FakeSlack", "FakeTwilio", "Sent", "sign"]
