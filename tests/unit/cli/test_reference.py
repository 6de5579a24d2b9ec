"""docs/cli.md is drawn from the commands, and cannot fall behind them."""

from __future__ import annotations

from pathlib import Path

from tocsin.cli.reference import commands, reference

PAGE = Path(__file__).resolve().parents[3] / "docs" / "cli.md"


def test_the_page_says_what_the_commands_say():
    """Draw it anew with: make docs"""
    assert PAGE.read_text(encoding="utf-8") == reference()


def test_every_command_is_on_the_page():
    text = PAGE.read_text(encoding="utf-8")
    assert [path for path, _ in commands() if f"### tocsin {path}\n" not in text] == []
