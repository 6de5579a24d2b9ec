"""The program `tocsin`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import typer
from typer.exceptions import TyperException

from tocsin.cli import failure
from tocsin.cli.app import run
from tocsin.cli.printing import prepare_streams
from tocsin.domain.errors import TocsinError


def main() -> None:
    """Run the command line and end the process with its exit code."""
    prepare_streams()
    sys.exit(guarded(sys.argv[1:]))


def guarded(arguments: Sequence[str]) -> int:
    """Run a command line; whatever goes wrong becomes a sentence on standard error.

    This is the command line's one error boundary: a person at a terminal is never shown a bare traceback, unless they
    ask for it with TOCSIN_LOG=debug.

    Args:
        arguments: what follows the program's name.

    Returns:
        The exit code.
    """
    as_json = "--json" in arguments
    try:
        return run(arguments)
    except TocsinError as error:
        _show_traceback()
        failure.tell(failure.problem(error), as_json=as_json)
        return failure.exit_code(error)
    except TyperException as error:
        return _misused(error, as_json=as_json)
    except typer.Abort:
        failure.tell(_problem("Stopped", "Stopped at the prompt; nothing was done."), as_json=as_json)
        return failure.FAILED
    except KeyboardInterrupt:
        return failure.INTERRUPTED
    except OSError as error:
        _show_traceback()
        failure.tell(_problem("Failed", f"The system did not let us: {error}."), as_json=as_json)
        return failure.FAILED
    except Exception as error:  # noqa: BLE001 - the documented boundary
        _show_traceback()
        told = (
            f"This should not have happened ({type(error).__name__}: {error}). What was stored before is still there."
        )
        failure.tell(_problem("Failed", f"{told} TOCSIN_LOG=debug shows where it came from."), as_json=as_json)
        return failure.FAILED


def _misused(error: TyperException, *, as_json: bool) -> int:
    context = getattr(error, "ctx", None)
    detail = error.format_message()
    if context is None:
        failure.tell(_problem("Usage", detail), as_json=as_json)
    elif type(error).__name__ == "NoArgsIsHelpError":
        sys.stderr.write(detail + "\n")
    elif as_json:
        failure.tell(_problem("Usage", detail), as_json=True)
    else:
        failure.tell({"detail": detail}, as_json=False)
        sys.stderr.write(f"{context.get_usage()}\nSee '{context.command_path} --help'.\n")
    return error.exit_code


def _problem(title: str, detail: str) -> dict[str, object]:
    return {"type": "about:blank", "title": title, "detail": detail}


def _show_traceback() -> None:
    if os.environ.get("TOCSIN_LOG", "").lower() == "debug":
        import traceback  # noqa: PLC0415 - only for whoever asks

        traceback.print_exc()


if __name__ == "__main__":
    main()
