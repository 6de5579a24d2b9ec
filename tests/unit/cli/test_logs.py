"""Logs of `serve` and `worker`."""

from __future__ import annotations

import json
import logging
import sys

import pytest

from tocsin.cli.logs import start_logging
from tocsin.settings import Settings


@pytest.fixture
def root(monkeypatch):
    """The root logger, put back afterwards."""
    logger = logging.getLogger()
    before, level = logger.handlers[:], logger.level
    yield logger
    logger.handlers[:] = before
    logger.setLevel(level)


def test_a_line_is_json_and_carries_the_ids_as_fields(root, capsys, tmp_path):
    """ARCHITECTURE.md: structured logs carry incident and page ids."""
    start_logging(Settings(home=tmp_path))
    log = logging.getLogger("tocsin.engine")
    log.info("Page %s went out.", "pg-1", extra={"page": "pg-1", "incident": "INC-1"})
    log.debug("not shown")
    line = json.loads(capsys.readouterr().err)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "Page pg-1 went out.", "page": "pg-1", "incident": "INC-1", "level": "info", "logger": "tocsin.engine",
    }  # fmt: skip


def test_the_level_is_the_one_that_is_asked_for(root, capsys, tmp_path):
    start_logging(Settings(home=tmp_path, log="debug"))
    logging.getLogger("tocsin.engine").debug("shown")
    logging.getLogger("asyncio").info("noise")
    assert json.loads(capsys.readouterr().err)["event"] == "shown"


def test_a_traceback_stays_within_its_line(root, capsys, tmp_path):
    start_logging(Settings(home=tmp_path))
    try:
        {}["the drawer"]
    except KeyError:
        logging.getLogger("tocsin.engine").exception("It failed.")
    [line] = capsys.readouterr().err.splitlines()
    assert "KeyError: 'the drawer'" in json.loads(line)["exception"]


def test_on_a_terminal_lines_are_for_people(root, monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    start_logging(Settings(home=tmp_path))
    logging.getLogger("tocsin.engine").info("It runs.")
    assert "It runs." in capsys.readouterr().err
