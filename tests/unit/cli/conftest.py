"""Verbs run in the test's own process, on a real home laid out once and copied for every test."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import dataclass

import pytest

from tocsin.__main__ import guarded


@dataclass(frozen=True)
class Ran:
    """What a command line came to."""

    code: int
    out: str
    err: str

    @property
    def json(self):
        """Standard output as JSON."""
        return json.loads(self.out)


@pytest.fixture
def bare(tmp_path, monkeypatch, capsys):
    """`bare(*args)` runs a command line on a home that nobody has laid out, `bare.home`."""
    for name in [name for name in os.environ if name.startswith("TOCSIN_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("TOCSIN_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("LOGNAME", "nobody-in-the-procedures")

    def run(*args):
        capsys.readouterr()
        code = guarded([str(arg) for arg in args])
        told = capsys.readouterr()
        return Ran(code, told.out, told.err)

    run.home = tmp_path / "home"
    return run


@pytest.fixture(scope="session")
def laid_out_once(tmp_path_factory):
    """A home of the pack claudex-windows with the values that work on loopback."""
    home = tmp_path_factory.mktemp("template") / "home"
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("TOCSIN_")]:
            patch.delenv(name)
        patch.setenv("TOCSIN_HOME", str(home))
        assert guarded(["init", "--pack", "claudex-windows", "--defaults", "--json"]) == 0
    return home


@pytest.fixture
def tocsin(bare, laid_out_once):
    """`tocsin(*args)` runs a command line on a laid-out home, `tocsin.home`."""
    shutil.copytree(laid_out_once, bare.home)
    bare.home.chmod(0o700)
    return bare
