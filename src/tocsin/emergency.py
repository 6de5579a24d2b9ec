"""Mail that needs no database: who is on call and how mail goes out, kept in memory and, for a start, in the home.

The roster is read anew each minute while the database is well; secrets in it are references, as in site.yaml.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import socket
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from tocsin.application.alarm import Alarm, Word
from tocsin.application.app import Application
from tocsin.application.handle import roster as on_call
from tocsin.application.ports import ChannelError, Message, Transaction
from tocsin.bootstrap import Switchboard
from tocsin.domain.people import Person
from tocsin.domain.procedures import Procedures, Site
from tocsin.domain.severity import Severity
from tocsin.settings import Settings

SEND_S = 8.0
_AT_ONCE = 4
_MAIL = "email"
_FILE = "roster.json"
_FAILED = "failed-start.json"
_START_THREAD = "tocsin-start"
_SUBJECT = 200
_MIB = 1024 * 1024
DEGRADED = "Tocsin is degraded"
_MEANS_LOSS = """What that means:
- Alerts that were accepted are on disk, and are paged as soon as this works again.
- Alerts that cannot be stored are answered with 503; Alertmanager and Prometheus go on sending them.
- Until then this node may page nobody: look at your monitoring yourself."""
_MEANS_LOOK = "What that means:\n- Pages go out all the same. Somebody should look at it in working hours."
log = logging.getLogger("tocsin.degraded")


@dataclass(frozen=True, slots=True)
class Addressee:
    """Somebody who is told, and where."""

    name: str
    address: str


@dataclass(frozen=True, slots=True)
class Roster:
    """Who is told when Tocsin itself is in trouble, and by which company values.

    Args:
        site: the company's values.
        people: whoever is on call at the default level, then those that site.yaml names.
        read_at: when this was in the database.
    """

    site: Site
    people: tuple[Addressee, ...]
    read_at: datetime


@dataclass(frozen=True, slots=True)
class Trouble:
    """What they are told of.

    Args:
        title: what it is called.
        thread: the same for all mail about it, so that mail programs show it together.
        word: whether it begins, lasts or is over.
        wrong: what is wrong, as sentences.
        lasted: how long it has been so.
    """

    title: str
    thread: str
    word: Word
    wrong: tuple[str, ...]
    lasted: timedelta


def read_roster(app: Application) -> Roster:
    """The roster as it is now.

    Raises:
        TocsinError: the database is out of reach, or its procedures cannot be read.
    """

    def work(transaction: Transaction) -> Roster:
        live, now = app.shelf.active(transaction), app.database.now()
        told = [Addressee(each.name, mail) for each in _people(transaction, live, now) if (mail := _mail(each))]
        told += [Addressee(address, address) for address in live.site.degraded.to]
        return Roster(live.site, tuple(dict.fromkeys(told)), now)

    return app.database.read(work)


def _people(transaction: Transaction, live: Procedures, now: datetime) -> list[Person]:
    """The default level of every service; where nobody is, the levels above it, then those below, then everybody."""
    found: dict[str, Person] = {}
    default = live.policy.default_level
    for service in live.services:
        levels = on_call(transaction, live, service, now).levels
        order = sorted(levels, key=lambda level: (level < default, abs(level - default)))
        first = next((level for level in order if any(map(_mail, levels[level]))), None)
        found |= {person.id: person for person in levels.get(first or 0, ())}
    return list(found.values() or live.people.values())


def _mail(person: Person) -> str:
    contact = person.reached_by(_MAIL)
    return contact.address if contact else ""


def keep(roster: Roster, home: Path) -> None:
    """Put it into the home, for its owner alone, so that a start without the database can mail too."""
    _write(home / "run" / _FILE, msgspec.json.encode(roster))


def _write(file: Path, content: bytes) -> bool:
    """Write a file whole or not at all, readable by its owner alone; whether it is there."""
    new = file.with_suffix(f".{os.getpid()}")
    try:
        with open(new, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as writing:
            writing.write(content)
        new.replace(file)
    except OSError as error:
        log.debug("%s could not be written: %s", file, error)
        with suppress(OSError):
            new.unlink()
        return False
    return True


def kept(home: Path) -> Roster | None:
    """The roster that an earlier process left in the home."""
    with suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode((home / "run" / _FILE).read_bytes(), type=Roster)
    return None


class Post:
    """Mails by connections of its own, so that no page's fate is this one's.

    Args:
        environ: where references of site.yaml are looked up.
        public_url: how people reach the pages, when the settings say so.
    """

    def __init__(self, environ: Mapping[str, str], public_url: str) -> None:
        self._channels = Switchboard(environ, public_url)
        self._public_url = public_url

    def tell(self, trouble: Trouble, roster: Roster, home: Path) -> int:
        """Tell everybody on a roster; how many of them the mail server took it for."""
        self._channels.connect(roster.site)
        subject, text = _subject(trouble), _text(trouble, roster, home, self._public_url)
        log.warning("Telling %d people by mail: %s", len(roster.people), subject)
        with ThreadPoolExecutor(_AT_ONCE, "tocsin-degraded-mail") as pool:
            return sum(pool.map(lambda who: self._mail(trouble, who, subject, text), roster.people))

    def _mail(self, trouble: Trouble, who: Addressee, subject: str, text: str) -> int:
        wakes = trouble.word is not Word.WELL
        message = Message(
            page_id=f"{trouble.thread}-{secrets.token_hex(4)}",
            incident_id=trouble.thread,
            severity=Severity.CRITICAL if wakes else Severity.LOW,
            urgent=wakes,
            to=who.address,
            person=who.name,
            subject=subject,
            text=text,
        )
        try:
            self._channels[_MAIL].send(message, SEND_S)
        except ChannelError as error:
            log.warning("%s could not be told by mail that Tocsin is in trouble: %s", who.name, error.detail)
            return 0
        return 1

    def close(self) -> None:
        """Let go of connections."""
        self._channels.close()


def _subject(trouble: Trouble) -> str:
    host = socket.gethostname()
    if trouble.word is Word.WELL:
        return f"All well again: {trouble.title} on {host} is over"
    return f"{trouble.title} on {host}: {trouble.wrong[0] if trouble.wrong else ''}"[:_SUBJECT]


def _text(trouble: Trouble, roster: Roster, home: Path, public_url: str) -> str:
    host, minutes = socket.gethostname(), timedelta(seconds=round(trouble.lasted.total_seconds()))
    began = datetime.now(UTC) - trouble.lasted
    where = f"Tocsin on {host} (home {home}, process {os.getpid()})"
    if trouble.word is Word.WELL:
        return (
            f"{where} does all of its work again.\n\nWhat was wrong since {began:%Y-%m-%d %H:%M:%S} UTC lasted "
            f"{minutes}. What became due meanwhile is being paged now. Nobody needs to do anything.\n"
        )
    wrong = "\n".join(f"- {sentence}" for sentence in trouble.wrong)
    meaning = _MEANS_LOSS if trouble.title == DEGRADED else _MEANS_LOOK
    again = "It is said again while it lasts, and once when it is over."
    return (
        f"{where} has been in trouble since {began:%Y-%m-%d %H:%M:%S} UTC, for {minutes}.\n\n"
        f"What is wrong:\n{wrong}\n\n"
        f"{meaning}\n\n"
        f"What to look at:\n- the log of tocsin on {host}, and {public_url or roster.site.public_url}/readyz\n"
        f"- {_room(home)}\n- whether the database answers: tocsin doctor, with TOCSIN_HOME={home}\n\n"
        f"This mail needed no database; who is told was read at {roster.read_at:%Y-%m-%d %H:%M:%S} UTC. {again}\n"
    )


def _room(home: Path) -> str:
    try:
        room = shutil.disk_usage(home)
    except OSError as error:
        return f"the disk of {home}, which cannot be looked at: {error.strerror}"
    return f"the disk of {home}: {room.free // _MIB} MiB of {room.total // _MIB} MiB are free"


# ── a start that failed ──────────────────────────────────────────────────────────────────────────────────────────


def tell_of_failed_start(settings: Settings, detail: str) -> None:
    """A server that cannot even start, again and again, tells of it as one that runs would.

    When it began to fail is written into the home before anybody is told: what cannot be written would be told at every
    start, so then nobody is.

    Args:
        settings: where the home is.
        detail: why it cannot start.
    """
    roster, file = kept(settings.home), settings.home / "run" / _FAILED
    if roster is None:
        return
    before, now, rule = _failing(file), time.time(), roster.site.degraded
    after, word = before.look(now, wrong=True, after=rule.after, every=rule.every)
    if not _write(file, msgspec.json.encode(after)) or word is None:
        return
    lasted = timedelta(seconds=now - (after.since or now))
    trouble = Trouble(DEGRADED, _START_THREAD, word, (f"The server cannot start: {detail}",), lasted)
    post = Post(settings.environment, settings.public_url)
    if not post.tell(trouble, roster, settings.home):
        _write(file, msgspec.json.encode(before))
    post.close()


def begin(home: Path) -> Alarm:
    """The alarm of a process that started: when people were told of starts that failed, they hear that it is over."""
    file = home / "run" / _FAILED
    failing = _failing(file)
    with suppress(OSError):
        file.unlink(missing_ok=True)
    if failing.since is None or failing.told_at is None:
        return Alarm()
    now, wall = time.monotonic(), time.time()
    return Alarm(since=now - (wall - failing.since), told_at=now - (wall - failing.told_at))


def _failing(file: Path) -> Alarm:
    with suppress(OSError, msgspec.MsgspecError):
        return msgspec.json.decode(file.read_bytes(), type=Alarm)
    return Alarm()
