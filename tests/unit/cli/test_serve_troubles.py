"""What `/readyz` hears from the parts of a node."""

from __future__ import annotations

from tocsin.application.intake import Intake
from tocsin.bootstrap import open_application
from tocsin.cli.serve import _warnings
from tocsin.node import Node, running
from tocsin.procedures import packs
from tocsin.settings import Settings
from tocsin.watching import Watcher


class Idle:
    """An engine that has nothing to say."""

    def troubles(self):
        return ()


def test_parts_that_do_not_run_any_more_are_told_of(tmp_path):
    here = Settings.from_environment({"TOCSIN_HOME": str(tmp_path)})
    here.make_home()
    with running(here) as node:
        assert not any("does not run" in trouble or "not watched" in trouble for trouble in node.troubles())
        assert node.watcher is not None
        node.watcher.stop()
        node.intake._queue.put(None)
        node.intake._thread.join(30)
        told = list(node.troubles())
        assert any(trouble.startswith("The intake does not run") for trouble in told)
        assert any(trouble.startswith("The procedures directory is not watched") for trouble in told)


def test_a_directory_that_is_broken_or_gone_is_a_warning_and_no_trouble(tmp_path):
    here = Settings.from_environment({"TOCSIN_HOME": str(tmp_path)})
    packs.lay_out("generic", here.procedures, dict(packs.defaults()))
    with open_application(here) as app:
        watcher = Watcher(app, here.procedures)
        node = Node(app, Intake(app), Idle(), watcher, None)  # type: ignore[arg-type]
        watcher.look()
        assert list(_warnings(node, here)) == []
        (here.procedures / "people.yaml").write_text("nonsense: [")
        watcher.look()
        (warning,) = _warnings(node, here)
        assert warning.startswith("The procedures directory is not valid, the last good version is in force: ")
        assert "people.yaml:1" in warning
        here.procedures.rename(tmp_path / "elsewhere")
        watcher.look()
        (warning,) = _warnings(node, here)
        assert "the version in the database is in force" in warning
        assert "tocsin init" in warning
        assert not any("procedures directory is not valid" in trouble for trouble in node.troubles())
