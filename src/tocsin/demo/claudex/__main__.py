"""The command `claudex`: one flag does one thing, `serve` runs until it is told to stop."""

from __future__ import annotations

import argparse
import os
import sys

from tocsin.demo.claudex import config, home

VERSION = os.environ.get("CLAUDEX_VERSION", "1.4.2")
"""The wrapper that `install` writes says which release this is."""


def main(argv: list[str] | None = None) -> int:
    """Run one command. Returns its exit code: 0 done, 1 failed, 2 not understood (from argparse)."""
    options = _parser().parse_args(argv)
    place = home.of_environment()
    if options.validate_config:
        return _validate(place)
    if options.init:
        return _init(place)
    if options.repair_sessions:
        return _repair(place)
    if options.profile_memory:
        return _profile(place)
    return _serve(place, options.port)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="claudex", description=__doc__)
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--version", action="version", version=f"claudex {VERSION}")
    choice.add_argument("--validate-config", action="store_true", help="exit 0 if config.toml is valid, else say why")
    choice.add_argument("--init", action="store_true", help="write a default config.toml; never over an existing one")
    choice.add_argument("--repair-sessions", action="store_true", help="replace sessions that cannot be read")
    choice.add_argument("--profile-memory", action="store_true", help="what the running service holds in memory")
    choice.add_argument("serve", nargs="?", choices=["serve"], help="answer requests until SIGTERM")
    parser.add_argument("--port", type=int, help="port for serve, instead of the configured one; 0 picks one")
    return parser


def _validate(place: home.Home) -> int:
    try:
        config.read(place.config)
    except config.ConfigError as error:
        return _fail(str(error))
    return _say(f"{place.config} is valid.")


def _init(place: home.Home) -> int:
    try:
        home.write_default_config(place)
    except FileExistsError:
        return _fail(f"{place.config} exists and was left as it is; remove it first to get a default one.")
    return _say(f"Wrote {place.config}.")


def _repair(place: home.Home) -> int:
    repaired = home.repair_sessions(place)
    for session in repaired:
        _say(f"Repaired {session}; the broken one is beside it as session.json.corrupt.")
    return _say(f"{len(repaired)} repaired.")


def _profile(place: home.Home) -> int:
    import http.client  # noqa: PLC0415 - slow to import, and --version must be quick
    import json  # noqa: PLC0415 - as above

    from tocsin.demo.claudex.service import LOOPBACK, running_port  # noqa: PLC0415 - as above

    port = running_port(place)
    if port is None:
        return _fail("The service is not running, so there is no memory to profile; start it with: claudex serve")
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=10)
    try:
        connection.request("GET", "/debug/memory")
        held = json.loads(connection.getresponse().read())
    except OSError as error:
        return _fail(f"The service should be on port {port} but does not answer: {error}")
    finally:
        connection.close()
    for name, value in held.items():
        _say(f"{name:16} {value:>12}")
    return 0


def _serve(place: home.Home, port: int | None) -> int:
    from tocsin.demo.claudex.service import serve  # noqa: PLC0415 - http.server is slow to import

    try:
        serve(place, port)
    except config.ConfigError as error:
        place.note(place.hooks_log, "ERROR", f"not started: {error}")
        return _fail(f"Not started, the configuration is invalid.\n{error}")
    except OSError as error:
        place.note(place.hooks_log, "ERROR", f"not started: {error}")
        return _fail(f"Not started: {error}")
    return 0


def _say(line: str) -> int:
    print(line)  # noqa: T201 - a program talking to its terminal
    return 0


def _fail(line: str) -> int:
    print(line, file=sys.stderr)  # noqa: T201 - as above
    return 1


if __name__ == "__main__":
    sys.exit(main())
