"""A real application behind the real web room: in this process for most tests, and on a socket for browsers."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.testclient import TestClient

from tocsin.application.app import Application
from tocsin.application.catalogue import OPERATIONS
from tocsin.application.intake import Intake
from tocsin.application.links import link_token
from tocsin.application.operations import Access
from tocsin.bootstrap import open_application
from tocsin.domain.errors import UnavailableError
from tocsin.domain.events import Actor
from tocsin.procedures import packs
from tocsin.procedures.loader import document
from tocsin.settings import Settings
from tocsin.web.app import Web, create_app
from tocsin.web.doorway import doorway
from tocsin.web.server import Server, listen

SETUP = Actor("person:operator", "local")
URL = "http://testserver"
PEOPLE = {Access.VIEWER: "ivo", Access.RESPONDER: "ana", Access.COMMANDER: "bo", Access.ADMIN: ""}


def settings_of(home: Path, url: str = URL) -> Settings:
    return Settings.from_environment({"TOCSIN_HOME": str(home), "TOCSIN_PUBLIC_URL": url})


@dataclass
class House:
    """One application with everything that a test of its doors and rooms needs."""

    app: Application
    intake: Intake
    web: Web
    client: Any
    tokens: dict[Access, str] = field(default_factory=dict)
    key: str = ""

    def ask(self, name: str, by: str = "person:ana", /, *, path: dict[str, str] | None = None, **facts: Any) -> Any:
        """Call an operation directly, as the command line does without a server."""
        operation = OPERATIONS[name]
        return operation.run(self.app, Actor(by, "local"), operation.body(**facts), **(path or {}))

    def bearer(self, access: Access = Access.RESPONDER, **more: str) -> dict[str, str]:
        """Headers of a program with a token of this role."""
        return {"Authorization": f"Bearer {self.tokens[access]}", **more}

    def sign_in(self, access: Access = Access.RESPONDER) -> None:
        """Give the client's browser a session of this role."""
        answer = self.client.post("/login", data={"token": self.tokens[access]}, headers={"Origin": URL})
        assert answer.status_code == 303

    def form(self, path: str, accept: str = "text/html", **fields: str) -> Any:
        """Send a form from one of our own pages."""
        return self.client.post(path, data=fields, headers={"Origin": URL, "Accept": accept})

    def unplug(self) -> None:
        """Take the database away, as the store sees it."""

        def gone(_work: object) -> object:
            raise UnavailableError("The database is out of reach. Nothing was changed.")

        for way in ("read", "transact"):
            setattr(self.app.database, way, gone)

    def declared(self, title: str = "Slow answers", **facts: Any) -> str:
        """The id of a new incident."""
        return str(self.ask("declare", title=title, **facts)["id"])

    def link(self, incident: str, number: int = 0) -> str:
        """The path of the acknowledge link of one of an incident's pages."""
        pages = [page for page in self.ask("pages", path={"incident": incident})["items"] if page["urgent"]]
        return f"/a/{link_token(self.app, pages[number]['id'])}"


@pytest.fixture(scope="session")
def furnished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[Access, str], str]:
    """A home with procedures, a token of each role and an integration, made once: tests work on copies of it."""
    home = tmp_path_factory.mktemp("furnished")
    packs.lay_out("claudex-windows", home / "procedures", dict(packs.defaults()))
    settings = settings_of(home)
    settings.make_home()
    with open_application(settings) as app:
        sealed = document(home / "procedures")
        OPERATIONS["apply"].run(app, SETUP, OPERATIONS["apply"].body(data=sealed.data, version=sealed.version))
        create, add = OPERATIONS["token-create"], OPERATIONS["integration-add"]
        tokens = {
            access: create.run(app, SETUP, create.body(role=access, person=PEOPLE[access], name=access.value))["token"]
            for access in Access
        }
        key = add.run(app, SETUP, add.body(name="alertmanager", service="claudex"))["key"]
    return home, tokens, key


@contextmanager
def running(home: Path, url: str = URL) -> Iterator[tuple[Application, Intake]]:
    with open_application(settings_of(home, url)) as app:
        intake = Intake(app)
        intake.start()
        try:
            yield app, intake
        finally:
            intake.stop()


@pytest.fixture
def home(furnished: tuple[Path, dict[Access, str], str], tmp_path: Path) -> Path:
    """A furnished home of the test's own."""
    return Path(shutil.copytree(furnished[0], tmp_path / "home"))


@pytest.fixture
def house(home: Path, furnished: tuple[Path, dict[Access, str], str]) -> Iterator[House]:
    """The application and its web room in this process; nothing listens."""
    with running(home) as (app, intake):
        web = create_app(app, intake)
        with TestClient(web.asgi, base_url=URL, follow_redirects=False) as client:
            yield House(app, intake, web, client, furnished[1], furnished[2])


@pytest.fixture(scope="module")
def shared(furnished: tuple[Path, dict[Access, str], str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """One application for all tests of a module that only knock; nobody's cookies are kept."""
    home = Path(shutil.copytree(furnished[0], tmp_path_factory.mktemp("shared") / "home"))
    with running(home) as (app, intake):
        web = create_app(app, intake)
        with TestClient(web.asgi, base_url=URL, follow_redirects=False) as client:
            yield House(app, intake, web, client, furnished[1], furnished[2])


@dataclass
class Served(House):
    """The same on a socket."""

    url: str = ""
    server: Server | None = None
    thread: threading.Thread | None = None

    def stop(self, within: float = 8.0) -> float:
        """Ask the server to stop; seconds it took."""
        assert self.server is not None
        assert self.thread is not None
        began = time.monotonic()
        self.server.should_exit = True
        self.thread.join(within)
        assert not self.thread.is_alive(), "the server did not stop"
        return time.monotonic() - began


@pytest.fixture
def served(home: Path, furnished: tuple[Path, dict[Access, str], str]) -> Iterator[Served]:
    """The application on a free port of loopback, for browsers and for what only shows on a socket."""
    with listen("127.0.0.1", 0) as listening:
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with running(home, url) as (app, intake):
            web = create_app(app, intake)
            ready = threading.Event()
            config = uvicorn.Config(
                web.asgi, http=doorway(web.doors), log_config=None, lifespan="off", timeout_graceful_shutdown=5
            )
            server = Server(config, web.live, ready.set)
            thread = threading.Thread(target=asyncio.run, args=(server.serve([listening]),))
            thread.start()
            assert ready.wait(10)
            with httpx.Client(base_url=url, timeout=20) as client:
                house = Served(app, intake, web, client, furnished[1], furnished[2], url, server, thread)
                yield house
            house.stop()
