"""Logs of `serve` and `worker`: one line per event on standard error, JSON unless somebody is watching."""

from __future__ import annotations

import logging
import sys

import structlog

from tocsin.settings import Settings

_NOISY = ("httpx", "httpcore", "mail.log", "asyncio")


def start_logging(settings: Settings) -> None:
    """Send every logger's lines to standard error, from the level of TOCSIN_LOG on.

    What a line carries as `extra` (incident and page ids) becomes fields of its own.

    Args:
        settings: whose `log` is the level.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    watched = sys.stderr.isatty()
    renderer = structlog.dev.ConsoleRenderer(colors=False) if watched else structlog.processors.JSONRenderer()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(settings.log.upper())
    for name in _NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
