"""Where Twilio's API calls back: what became of a page, which key was pressed, which text message came in.

The signature covers the public address and every field, and is made with the account's secret; the Host header counts
for nothing. It has no time in it, so our own addresses carry until when they count (`until`), which it covers too.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Mapping, Sequence
from urllib.parse import parse_qs, parse_qsl, urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from tocsin.application.answers import (
    Given,
    Said,
    answer,
    asked_about,
    guessed_too_often,
    hint,
    meant_by,
    read_reply,
)
from tocsin.application.app import Application
from tocsin.application.links import answer_code
from tocsin.application.ports import Outcome, Word
from tocsin.application.receipts import found, hear
from tocsin.channels.sending import twiml
from tocsin.channels.sending.twilio import KEYS, REPLY, STATUS, all_of, signature, word_of
from tocsin.domain.errors import ForbiddenError, InvalidError, NotFoundError, UnavailableError
from tocsin.web.answer_words import told
from tocsin.web.problems import GoneError

PATHS = (f"{STATUS}/{{page}}", f"{KEYS}/{{page}}", REPLY)
_MOST_FIELDS = 100
_KEYS = {"1": Said.TAKE, "2": Said.CANNOT}
log = logging.getLogger("tocsin.web")

Fields = Mapping[str, str]


class Callbacks:
    """What comes back from the service that carries text messages and calls.

    Args:
        app: the application.
    """

    def __init__(self, app: Application) -> None:
        self._app = app

    async def status(self, request: Request) -> Response:
        """What became of a page."""
        body = await request.body()
        return await run_in_threadpool(self._status, request, body)

    async def keys(self, request: Request) -> Response:
        """A key was pressed during a call; answers with what is said next."""
        body = await request.body()
        return await run_in_threadpool(self._pressed, request, body)

    async def reply(self, request: Request) -> Response:
        """A text message came in; answers with what is written back."""
        body = await request.body()
        return await run_in_threadpool(self._replied, request, body)

    def _status(self, request: Request, body: bytes) -> Response:
        fields = self._genuine(request, body, timed=True)
        word = word_of(fields)
        if word is not None:
            status = fields.get("CallStatus") or fields.get("MessageStatus")
            hear(self._app, request.path_params["page"], word, f"status {word.provider_id} {status}")
        return Response(status_code=204)

    def _pressed(self, request: Request, body: bytes) -> Response:
        fields = self._genuine(request, body, timed=True)
        page = found(self._app, request.path_params["page"])
        key, sid = fields.get("Digits", "")[:1], fields.get("CallSid", "")
        if page.incident_id and key in _KEYS:
            given = Given(page, _KEYS[key], "voice", f"keys {sid} {key}", sid)
            return _xml(twiml.say(told(answer(self._app, given), given.said)))
        if key:  # whichever: somebody is there
            hear(self._app, page.id, Word(sid, Outcome.DELIVERED), f"keys {sid} {key}")
        if not page.incident_id:
            return _xml(twiml.say("Thank you. This was only a test."))
        words = f"Press 1 to take {all_of(asked_about(self._app, page))}. Press 2 if you cannot."
        return _xml(twiml.ask(words, self._address(request)))

    def _replied(self, request: Request, body: bytes) -> Response:
        fields = self._genuine(request, body, timed=False)
        number, callback = fields.get("From", ""), f"reply {fields.get('MessageSid', '')}"
        read = read_reply(fields.get("Body", ""))
        if read is not None and guessed_too_often(self._app, number):
            log.warning(
                "Codes from the number that ends in %s count no more for this hour: too many were wrong; "
                "links and keys count.",
                number[-4:],
            )
            return _xml(twiml.NOTHING)
        page = meant_by(self._app, number, read[1]) if read else None
        if read is None or page is None:
            return _xml(self._hinted(number, callback, wrong=read is not None))
        given = Given(page, read[0], "sms", callback)
        return _xml(twiml.write(told(answer(self._app, given), given.said)))

    def _hinted(self, number: str, callback: str, *, wrong: bool) -> str:
        page = hint(self._app, number, callback, wrong=wrong)
        if page is None:
            return twiml.NOTHING
        code, what = answer_code(self._app, page.id), all_of(asked_about(self._app, page))
        return twiml.write(f"Nothing was changed. Reply {code} to take {what}, NO {code} if you cannot.")

    def _genuine(self, request: Request, body: bytes, *, timed: bool) -> Fields:
        """The fields of a call that the service made.

        Raises:
            InvalidError: it is no form of theirs.
            ForbiddenError: somebody else made it, or changed it on its way.
            GoneError: it is too old to count.
            NotFoundError: there is no such service here.
            UnavailableError: the secret that proves it cannot be read.
        """
        sent = _form(body)
        account = self._app.database.read(lambda tx: self._app.shelf.active(tx).site.telephone)
        if not (account.account_sid and account.auth_token):
            raise NotFoundError("No account for text messages and calls is set here; nothing was changed.")
        try:
            token = self._app.resolve(account.auth_token)
        except InvalidError as error:
            raise UnavailableError(f"{error.detail} Nothing was changed.") from error
        address = self._address(request)
        said = request.headers.get("x-twilio-signature", "")
        signed = [hmac.compare_digest(signature(token, one, sent).encode(), said.encode()) for one in forms(address)]
        if not any(signed):
            log.warning("A call of %s is not signed as Twilio signs one of that address; nothing was changed.", address)
            raise ForbiddenError(
                "This is not signed by the account that text messages and calls go out by; nothing was changed."
            )
        if timed and not self._counts(request):
            raise GoneError("This is about a message of long ago, and does not count any more; nothing was changed.")
        return dict(sent)

    def _address(self, request: Request) -> str:
        """The address as the service knows it: the public one, whatever a proxy in between made of it."""
        base_url = self._app.database.read(lambda tx: self._app.base_url(self._app.shelf.active(tx)))
        query = request.url.query
        return f"{base_url}{request.scope['path']}{f'?{query}' if query else ''}"

    def _counts(self, request: Request) -> bool:
        until = parse_qs(request.url.query).get("until", [""])[-1]
        return until.isdecimal() and self._app.database.now().timestamp() <= int(until)


def _form(body: bytes) -> list[tuple[str, str]]:
    try:
        return parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError as error:
        raise InvalidError("This form has more fields than any that Twilio sends; nothing was changed.") from error


def forms(address: str) -> Sequence[str]:
    """An address as it may have been signed: as it is, and with its port left out or added.

    Twilio's own validators try both, since what signs is not of one mind about ports (Twilio, *Webhooks security*).
    """
    parts = urlsplit(address)
    port = f":{parts.port}" if parts.port else ""
    default = ":443" if parts.scheme == "https" else ":80"
    other = parts.netloc.removesuffix(port) if port else parts.netloc + default
    return address, parts._replace(netloc=other).geturl()


def _xml(content: str) -> Response:
    return Response(content, media_type="text/xml")
