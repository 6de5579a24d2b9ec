"""What a reference to a secret stands for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tocsin.domain.errors import InvalidError
from tocsin.procedures.secret import resolve_secret


def test_a_variable_stands_for_its_value() -> None:
    assert resolve_secret("${MAIL_PASSWORD}", {"MAIL_PASSWORD": "s3cret"}) == "s3cret"


def test_a_file_stands_for_its_contents_without_the_line_end(tmp_path: Path) -> None:
    (tmp_path / "a secret").write_text(" s3cret \n")
    assert resolve_secret(f"file:{tmp_path}/a secret", {}) == " s3cret "


def test_a_file_may_be_in_the_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "secret").write_text("s3cret")
    assert resolve_secret("file:~/secret", {}) == "s3cret"


@pytest.mark.parametrize("text", ["", "tocsin", "not ${A} whole", "$A"])
def test_anything_else_stands_for_itself(text: str) -> None:
    assert resolve_secret(text, {"A": "b"}) == text


@pytest.mark.parametrize("environ", [{}, {"MAIL_PASSWORD": ""}])
def test_a_missing_variable_is_named(environ: dict[str, str]) -> None:
    with pytest.raises(InvalidError) as caught:
        resolve_secret("${MAIL_PASSWORD}", environ)
    assert caught.value.detail == (
        "The secret ${MAIL_PASSWORD} in site.yaml is empty or missing; "
        "set the variable MAIL_PASSWORD where Tocsin is started."
    )


def test_a_missing_file_is_named() -> None:
    with pytest.raises(InvalidError, match=r"file:/nowhere/secret in site.yaml cannot be read: No such file"):
        resolve_secret("file:/nowhere/secret", {})


def test_a_file_that_is_no_text_is_said_to_be_none(tmp_path: Path) -> None:
    (tmp_path / "secret").write_bytes(b"\xff\xfe")
    with pytest.raises(InvalidError, match="it is not UTF-8 text"):
        resolve_secret(f"file:{tmp_path}/secret", {})


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("\n")
    with pytest.raises(InvalidError, match="write the secret into that file"):
        resolve_secret(f"file:{tmp_path}/secret", {})
