"""`tocsin demo`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.cli.failure import FAILED
from tocsin.cli.options import Json
from tocsin.cli.printing import print_json, print_lines, remark
from tocsin.domain.errors import NotAllowedNowError

if TYPE_CHECKING:
    from tocsin.demo.pace import Pace
    from tocsin.demo.steps import Audience

Fast = Annotated[bool, typer.Option("--fast", help="Shorten the waits still more.")]
Keep = Annotated[
    Path | None, typer.Option("--keep", metavar="DIR", help="Play in this empty or new directory, and keep it.")
]


def demo(*, fast: Fast = False, keep: Keep = None, as_json: Json = False) -> int:
    """Play one incident's whole life on a throw-away home.

    Everything is real (a server, a product that breaks, mail) and on this machine only. It exits 0 only if every step
    was observed from outside.

    Example: tocsin demo --fast
    """
    # The demo brings a mail server and a web client along, which no other verb needs.
    from tocsin.cli.demo_text import Recorder, Teller, closing_lines, opening_lines
    from tocsin.demo.pace import FAST, ORDINARY

    _refuse_unless_empty(keep)
    pace = FAST if fast else ORDINARY
    if as_json:
        recorder = Recorder()
        _play(keep, pace, recorder)
        print_json(recorder.summary(pace, keep))
        return 0 if recorder.passed else FAILED
    teller = Teller()
    print_lines(opening_lines(pace))
    _play(keep, pace, teller)
    print_lines(closing_lines(teller, keep))
    return 0 if teller.passed else FAILED


def _play(keep: Path | None, pace: Pace, audience: Audience) -> None:
    """Play everything, or as far as it is observed; the audience has seen how far."""
    from tocsin.demo.ending import told_to_stop_once
    from tocsin.demo.stage import stage
    from tocsin.demo.steps import StepFailedError, Steps
    from tocsin.demo.story import play

    try:
        with told_to_stop_once(), _home(keep) as folder, stage(folder, pace, Steps(audience)) as running:
            play(running)
    except StepFailedError:
        return
    except KeyboardInterrupt:
        remark("Stopped. Whatever the demo had started has ended.")
        raise


@contextmanager
def _home(keep: Path | None) -> Iterator[Path]:
    """The directory to play in: the one to keep, else one that vanishes afterwards."""
    if keep is not None:
        yield keep.absolute()
        return
    with TemporaryDirectory(prefix="tocsin-demo-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def _refuse_unless_empty(keep: Path | None) -> None:
    if keep is not None and keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
        raise NotAllowedNowError(
            f"{keep} is not an empty directory, so nothing was started. Name a new or an empty one with --keep."
        )
