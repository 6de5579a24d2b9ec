"""The table of verbs, and how a command line that cannot be understood is answered."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
import typer

from tocsin import __version__
from tocsin.__main__ import guarded
from tocsin.cli.app import SUMMARIES, command_of, module_of
from tocsin.cli.reference import commands

VERBS = sorted(SUMMARIES)
PUBLIC = [
    "init",
    "check",
    "apply",
    "serve",
    "worker",
    "doctor",
    "migrate",
    "integrations",
    "tokens",
    "oncall",
    "override",
    "test-page",
    "declare",
    "list",
    "show",
    "next",
    "timeline",
    "ack",
    "assign",
    "accept",
    "decline",
    "severity",
    "escalate",
    "note",
    "resolve",
    "close",
    "reopen",
    "backup",
    "restore",
    "demo",
]


def test_every_public_command_is_there():
    """INTERFACE.md *Commands*."""
    assert sorted(SUMMARIES) == sorted(PUBLIC)


@pytest.mark.parametrize("path", [path for path, _ in commands()])
def test_every_command_has_json_help_and_an_example(path):
    """INTERFACE.md *Commands*: each has `--json`, `--help` with an example."""
    command = dict(commands())[path]
    options = {name for parameter in command.params for name in parameter.opts}
    assert "--json" in options
    assert f"Example: tocsin {path}" in command.help


@pytest.mark.parametrize("verb", VERBS)
def test_the_table_says_the_same_as_the_verbs_own_help(verb):
    assert command_of(verb).help.splitlines()[0] == SUMMARIES[verb]


@pytest.mark.parametrize("verb", VERBS)
def test_each_verb_lives_in_a_file_of_its_own(verb):
    assert module_of(verb).__name__ == f"tocsin.cli.{verb.replace('-', '_')}"


def test_help_imports_no_verb_and_nothing_heavy():
    """Issue 2 *Speed*: `tocsin --help` within 0.3 s; what is not imported takes no time."""
    script = (
        "import json, sys\nfrom tocsin.__main__ import guarded\nguarded(['--help'])\n"
        "print(json.dumps(sorted(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert all(summary.split(":")[0][:30] in done.stdout for summary in SUMMARIES.values())
    loaded = set(json.loads(done.stderr))
    verbs = {f"tocsin.cli.{verb.replace('-', '_')}" for verb in SUMMARIES}
    heavy = {"fastapi", "starlette", "uvicorn", "rich", "httpx", "pydantic", "sqlalchemy", "ruamel", "msgspec"}
    assert loaded & (verbs | heavy | {"tocsin.bootstrap", "tocsin.web"}) == set()


def test_the_version_is_told(capsys):
    assert guarded(["--version"]) == 0
    assert capsys.readouterr().out == f"tocsin {__version__}\n"


def test_a_misspelt_verb_is_answered_with_the_likely_one(capsys):
    assert guarded(["akc", "last"]) == 2
    told = capsys.readouterr()
    assert "There is no command 'akc'. Did you mean ack?" in told.err
    assert told.out == ""


def test_a_missing_argument_is_a_sentence_with_the_usage(capsys):
    assert guarded(["ack"]) == 2
    told = capsys.readouterr().err
    assert "Missing argument 'INC'" in told
    assert "See 'tocsin ack --help'." in told


def test_with_json_a_usage_error_is_a_problem(capsys):
    assert guarded(["severity", "awful", "last", "--json"]) == 2
    told = json.loads(capsys.readouterr().err)
    assert told["title"] == "Usage"
    assert "awful" in told["detail"]


def test_severities_may_be_typed_in_small_letters():
    command = command_of("severity")
    context = command.make_context("severity", ["high", "last"])
    assert context.params["level"] == "HIGH"


def test_without_a_verb_the_help_is_shown(capsys):
    assert guarded([]) == 2
    told = capsys.readouterr()
    assert "Usage: tocsin" in told.out + told.err


def test_an_unforeseen_error_is_a_sentence_and_shows_its_traceback_only_when_asked(monkeypatch, capsys):
    def broken(_arguments):
        raise LookupError("the drawer is empty")

    monkeypatch.setattr("tocsin.__main__.run", broken)
    monkeypatch.delenv("TOCSIN_LOG", raising=False)
    assert guarded(["list"]) == 1
    told = capsys.readouterr().err
    assert "LookupError: the drawer is empty" in told
    assert "Traceback" not in told
    monkeypatch.setenv("TOCSIN_LOG", "debug")
    assert guarded(["list"]) == 1
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code"), [(typer.Abort(), 1), (KeyboardInterrupt(), 130), (PermissionError(13, "Permission denied"), 1)]
)
def test_stopping_and_refusals_of_the_system_end_without_a_traceback(monkeypatch, capsys, error, code):
    def stopped(_arguments):
        raise error

    monkeypatch.setattr("tocsin.__main__.run", stopped)
    monkeypatch.delenv("TOCSIN_LOG", raising=False)
    assert guarded(["list"]) == code
    assert "Traceback" not in capsys.readouterr().err
