"""Logging: structlog, to stderr. Readable on a terminal, JSON otherwise. Requests: `web.http.request_log`."""

from __future__ import annotations

import logging
import sys
from logging.handlers import WatchedFileHandler
from typing import Any

import structlog

from app.settings import Settings

# Libraries that log at `info` what we log ourselves, or that nobody needs twice.
QUIET = ("alembic", "arq", "asyncio", "granian", "_granian", "httpx", "hypercorn.error", "quart.serving")

# It warns with a traceback every second while Postgres is unavailable; our jobs log that once, in a line.
SILENT = ("asyncpg.pool",)


def configure(settings: Settings, role: str, *more: Any) -> None:
    """Set logging up; `role` (web, worker, up) is on every line. `more`: further processors."""
    before: list[Any] = [
        structlog.contextvars.merge_contextvars,
        *more,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        lambda _logger, _method, event: {"role": role, **event},
    ]
    structlog.configure(
        processors=[*before, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr)]
    if settings.log_file:
        handlers.append(WatchedFileHandler(settings.log_file, delay=True))
    for handler, on_terminal in zip(handlers, (sys.stderr.isatty(), False), strict=False):
        handler.setFormatter(
            structlog.stdlib.ProcessorFormatter(
                foreign_pre_chain=before,
                processors=[
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    *_rendering(settings.log_format, on_terminal=on_terminal),
                ],
            )
        )
    logging.getLogger().handlers = handlers
    set_level(settings.log_level)


def set_level(level: str) -> None:
    """Log what is at least as severe as this, from now on."""
    root = logging.getLogger()
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    for name in SILENT:
        logging.getLogger(name).setLevel(logging.ERROR)


def get(name: str) -> Any:
    """The logger of a module: `log.get(__name__).info("event", key=value)`."""
    return structlog.get_logger(name)


def _rendering(log_format: str, *, on_terminal: bool) -> list[Any]:
    if log_format == "json" or (log_format == "auto" and not on_terminal):
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    return [structlog.dev.ConsoleRenderer(colors=on_terminal)]
