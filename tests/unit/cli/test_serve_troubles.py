"""What `/readyz` hears from the parts of a node."""

from __future__ import annotations

from tocsin.cli.serve import _troubles
from tocsin.node import running
from tocsin.settings import Settings


def test_parts_that_do_not_run_any_more_are_told_of(tmp_path):
    here = Settings.from_environment({"TOCSIN_HOME": str(tmp_path)})
    here.make_home()
    with running(here) as node:
        assert not any("does not run" in trouble or "not watched" in trouble for trouble in _troubles(node))
        assert node.watcher is not None
        node.watcher.stop()
        node.intake._queue.put(None)
        node.intake._thread.join(30)
        told = list(_troubles(node))
        assert any(trouble.startswith("The intake does not run") for trouble in told)
        assert any(trouble.startswith("The procedures directory is not watched") for trouble in told)
