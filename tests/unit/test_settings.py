"""Settings from the environment and the home's .env file."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from tocsin.domain.errors import InvalidError
from tocsin.settings import Settings, default_home


def read(home, **environ):
    return Settings.from_environment({"TOCSIN_HOME": str(home), **environ})


def test_without_anything_set_everything_is_in_the_home(tmp_path):
    settings = read(tmp_path)
    assert settings.home == tmp_path
    assert settings.procedures == tmp_path / "procedures"
    assert settings.database_url is None
    assert settings.is_sqlite
    assert settings.database_file == tmp_path / "tocsin.db"
    assert (settings.url, settings.token, settings.public_url, settings.secret_key) == ("", "", "", "")
    assert (settings.log, settings.mail_port, settings.test, settings.crash_at) == ("info", None, False, "")


def test_the_env_file_fills_in_what_the_environment_leaves_out(tmp_path):
    (tmp_path / ".env").write_text(
        "# company values\n\nexport TOCSIN_PUBLIC_URL = 'https://tocsin.example.org/'\nTOCSIN_LOG=debug\n"
        'SMTP_PASSWORD="a # b"\n'
    )
    settings = read(tmp_path, TOCSIN_LOG="warning")
    assert settings.public_url == "https://tocsin.example.org"
    assert settings.log == "warning"
    assert settings.environment["SMTP_PASSWORD"] == "a # b"


def test_an_empty_variable_switches_off_what_the_env_file_says(tmp_path):
    (tmp_path / ".env").write_text("TOCSIN_URL=https://tocsin.example.org\n")
    assert read(tmp_path).url == "https://tocsin.example.org"
    assert read(tmp_path, TOCSIN_URL="").url == ""


def test_a_line_of_the_env_file_that_is_none_is_named(tmp_path):
    (tmp_path / ".env").write_text("TOCSIN_LOG=info\nnonsense\n")
    with pytest.raises(InvalidError, match=r"\.env:2:1: this is not NAME=value"):
        read(tmp_path)


def test_an_env_file_that_is_not_text_is_said_to_be_so(tmp_path):
    (tmp_path / ".env").write_bytes(b"TOCSIN_LOG=\xff\n")
    with pytest.raises(InvalidError, match="cannot be read"):
        read(tmp_path)


def test_every_name_is_read(tmp_path):
    settings = read(
        tmp_path,
        TOCSIN_DATABASE_URL="postgresql://tocsin@db.example.org/tocsin",
        TOCSIN_PROCEDURES=str(tmp_path / "elsewhere"),
        TOCSIN_SECRET_KEY="s",
        TOCSIN_TRUSTED_PROXIES="10.0.0.0/8, 192.0.2.1",
        TOCSIN_URL="https://tocsin.example.org/",
        TOCSIN_TOKEN="t",
        TOCSIN_MAIL_PORT="2525",
    )
    assert not settings.is_sqlite
    assert settings.procedures == tmp_path / "elsewhere"
    assert settings.secret_key == "s"
    assert settings.trusted_proxies == ("10.0.0.0/8", "192.0.2.1")
    assert settings.url == "https://tocsin.example.org"
    assert settings.token == "t"
    assert settings.mail_port == 2525


def test_secrets_do_not_show_in_what_is_printed_of_settings(tmp_path):
    shown = repr(read(tmp_path, TOCSIN_SECRET_KEY="signs-links", TOCSIN_TOKEN="opens-doors"))
    assert "signs-links" not in shown
    assert "opens-doors" not in shown


def test_a_sqlite_file_may_be_elsewhere(tmp_path):
    settings = read(tmp_path, TOCSIN_DATABASE_URL=f"sqlite:///{tmp_path}/other.db")
    assert settings.is_sqlite
    assert settings.database_file == tmp_path / "other.db"


def test_a_crash_point_counts_in_tests_only(tmp_path):
    assert read(tmp_path, TOCSIN_CRASH_AT="page.after_send:2").crash_at == ""
    assert read(tmp_path, TOCSIN_CRASH_AT="page.after_send:2", TOCSIN_TEST="1").crash_at == "page.after_send:2"


@pytest.mark.parametrize(
    ("name", "value", "right"),
    [
        ("TOCSIN_DATABASE_URL", "mysql://db", "postgresql://"),
        ("TOCSIN_PUBLIC_URL", "tocsin.example.org", "https://tocsin.example.org"),
        ("TOCSIN_URL", "ftp://tocsin.example.org", "https://tocsin.example.org"),
        ("TOCSIN_TRUSTED_PROXIES", "10.0.0.0/8 proxy", "10.0.0.0/8"),
        ("TOCSIN_LOG", "loud", "debug, info, warning, error"),
        ("TOCSIN_MAIL_PORT", "0", "1 to 65535"),
        ("TOCSIN_MAIL_PORT", "65536", "1 to 65535"),
        ("TOCSIN_MAIL_PORT", "²", "1 to 65535"),
    ],
)
def test_a_value_that_makes_no_sense_is_named_with_what_would_be_right(tmp_path, name, value, right):
    with pytest.raises(InvalidError) as error:
        read(tmp_path, **{name: value})
    assert name in error.value.detail
    assert right in error.value.detail


@pytest.mark.parametrize(
    ("platform", "environ", "place"),
    [
        ("linux", {"HOME": "/home/ana"}, "/home/ana/.local/share/tocsin"),
        ("linux", {"HOME": "/home/ana", "XDG_DATA_HOME": "/data"}, "/data/tocsin"),
        ("darwin", {"HOME": "/Users/ana"}, "/Users/ana/Library/Application Support/tocsin"),
        ("win32", {"LOCALAPPDATA": "/AppData/Local"}, "/AppData/Local/tocsin"),
    ],
)
def test_the_home_is_where_the_platform_keeps_a_users_data(platform, environ, place):
    assert default_home(environ, platform) == Path(place)


def test_a_new_home_is_for_its_owner_alone(tmp_path):
    """INTERFACE.md *Settings*: 0700."""
    settings = read(tmp_path / "deep" / "home")
    settings.make_home()
    settings.make_home()
    for directory in (settings.home, settings.home / "run"):
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700


def test_a_home_that_cannot_be_made_is_a_sentence(tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(InvalidError, match="Set TOCSIN_HOME"):
        read(tmp_path / "file" / "home").make_home()
