"""Where a command goes, and what it waits for."""

from __future__ import annotations

import threading

import pytest

from tocsin.cli.backend import open_backend
from tocsin.cli.home_lock import RunningServer, take_lock
from tocsin.cli.http_backend import HttpBackend
from tocsin.cli.local_backend import LocalBackend, system_user
from tocsin.domain.errors import NotFoundError, UnavailableError
from tocsin.settings import Settings


@pytest.fixture
def settings(tocsin):
    return Settings.from_environment({"TOCSIN_HOME": str(tocsin.home)})


def test_a_server_that_is_named_is_asked_whatever_runs_here(tmp_path):
    settings = Settings(home=tmp_path / "none", url="https://tocsin.example.org", token="t")
    with open_backend(settings) as backend:
        assert isinstance(backend, HttpBackend)
    assert not settings.home.exists()


def test_a_home_that_nobody_uses_is_opened_and_let_go_of(settings):
    for _ in range(2):
        with open_backend(settings) as backend:
            assert isinstance(backend, LocalBackend)
            assert take_lock(settings) is None


def test_a_home_that_cannot_be_opened_is_let_go_of(settings):
    settings.database_file.write_bytes(b"this is no database" * 100)
    with pytest.raises(UnavailableError), open_backend(settings):
        pass
    with take_lock(settings) as lock:
        assert lock.held


def test_a_home_without_a_database_is_not_laid_out(tmp_path):
    with pytest.raises(NotFoundError, match="tocsin init"), open_backend(Settings(home=tmp_path)):
        pass


def test_another_command_is_waited_for(settings):
    lock = take_lock(settings)
    later = threading.Timer(0.2, lock.release)
    later.start()
    with open_backend(settings, patience=30) as backend:
        assert isinstance(backend, LocalBackend)
    later.join()


def test_a_home_that_stays_busy_is_not_reachable(settings):
    with (
        take_lock(settings),
        pytest.raises(UnavailableError, match=r"in use by process \d+"),
        open_backend(settings, patience=0.1),
    ):
        pass


def test_a_note_of_a_crashed_server_leads_nowhere(settings):
    RunningServer("http://127.0.0.1:1", "t", 1).write(settings)
    with open_backend(settings) as backend:
        assert isinstance(backend, LocalBackend)


def test_the_systems_user_may_be_unknown(monkeypatch):
    def nobody():
        raise OSError("no such user")

    monkeypatch.setattr("getpass.getuser", nobody)
    assert system_user() == ""
