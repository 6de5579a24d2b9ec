"""`Idempotency-Key`: a POST that is sent again gets the answer of the first time, and is not done twice.

Answers are kept for a day, in the database, so that a restart or another node makes no difference. They live in a fixed
number of places: a key whose place another key has taken since is treated as new. That bounds what is kept without a
clean-up of its own, and the clients that need this try again within seconds.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from tocsin.application.app import Application
from tocsin.application.ports import Transaction
from tocsin.domain.errors import InvalidError, NotAllowedNowError

HEADER = "idempotency-key"
KEPT = timedelta(hours=24)
UNDER_WAY = timedelta(minutes=1)
"""How long a first request may take before a second one with its key is let through."""
PLACES = 4096
LONGEST_KEY = 255
LONGEST_ANSWER = 64 * 1024


class _Kept(msgspec.Struct):
    key: bytes
    request: bytes
    at: datetime
    status: int = 0
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the first request was answered."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class Claim:
    """One request with a key, as its place in the database knows it."""

    place: str
    key: bytes
    request: bytes


def claim_of(key: str, by: str, where: str, body: bytes) -> Claim:
    """What identifies a request.

    Args:
        key: the header.
        by: who sends it; two people may use the same key.
        where: method and path.
        body: as received.

    Raises:
        InvalidError: the key is empty, too long or not plain text.
    """
    if not (key.isascii() and key.isprintable() and 0 < len(key) <= LONGEST_KEY):
        raise InvalidError(f"An Idempotency-Key has 1 to {LONGEST_KEY} plain characters; nothing was changed.")
    digest = hashlib.sha256(f"{by}\n{where}\n{key}".encode()).digest()
    place = int.from_bytes(digest[:4], "big") % PLACES
    return Claim(f"idempotency.{place}", digest, hashlib.sha256(body).digest())


def begin(app: Application, claim: Claim) -> Answer | None:
    """Reserve a key, or answer what its first request was answered.

    Raises:
        InvalidError: the key came with another body before.
        NotAllowedNowError: the first request with this key is still under way.
    """
    now = app.database.now()

    def work(transaction: Transaction) -> Answer | None:
        raw = transaction.accounts.get(claim.place)
        kept = msgspec.msgpack.decode(raw, type=_Kept) if raw else None
        if kept is not None and kept.key == claim.key and now - kept.at < (KEPT if kept.status else UNDER_WAY):
            if kept.request != claim.request:
                raise InvalidError("This Idempotency-Key was used for another request; nothing was changed.")
            if kept.status:
                return Answer(kept.status, kept.body)
            raise NotAllowedNowError("The first request with this Idempotency-Key is still under way.")
        transaction.accounts.put(claim.place, msgspec.msgpack.encode(_Kept(claim.key, claim.request, now)))
        return None

    return app.database.transact(work)


def finish(app: Application, claim: Claim, answer: Answer | None) -> None:
    """Keep what a request was answered; without an answer the key is free again.

    Args:
        app: the application.
        claim: as `begin` reserved it.
        answer: None when the request was refused or failed.
    """
    now = app.database.now()
    kept = _Kept(claim.key, claim.request, now - KEPT)
    if answer is not None and len(answer.body) <= LONGEST_ANSWER:
        kept = _Kept(claim.key, claim.request, now, answer.status, answer.body)
    app.database.transact(lambda tx: tx.accounts.put(claim.place, msgspec.msgpack.encode(kept)))
