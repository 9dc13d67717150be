"""Logging with structlog to stderr: readable on a terminal, JSON otherwise. Requests:
`web.http.request_log`."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from logging.handlers import WatchedFileHandler
from typing import Any

from app.settings import Settings


@contextmanager
def _without(package: str) -> Iterator[None]:
    """Import others as if this package, which is optional for them, were not installed."""
    if package in sys.modules:
        yield
        return
    sys.modules[package] = None  # type: ignore[assignment]  # as Python documents: importing it fails
    try:
        yield
    finally:
        del sys.modules[package]


with _without("rich"):  # it would take 70 ms in each process, to draw tracebacks that we do not use
    import structlog

# Libraries whose `info` messages repeat what we log, or are not needed.
QUIET = ("alembic", "arq", "asyncio", "granian", "_granian", "httpx", "hypercorn.error", "quart.serving")

# Warns with a traceback every second while Postgres is unavailable; our jobs log that once, in one line.
SILENT = ("asyncpg.pool",)


def configure(settings: Settings, role: str, *more: Any) -> None:
    """Set up logging; `role` (web, worker, up) is on every line, `more` are further processors."""
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
    """Log messages of at least this severity from now on."""
    root = logging.getLogger()
    root.setLevel(level.upper())
    for name in QUIET:
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    for name in SILENT:
        logging.getLogger(name).setLevel(logging.ERROR)


def get(name: str) -> Any:
    """Return the logger of a module: `logs.get(__name__).info("event", key=value)`."""
    return structlog.get_logger(name)


def _rendering(log_format: str, *, on_terminal: bool) -> list[Any]:
    if log_format == "json" or (log_format == "auto" and not on_terminal):
        return [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
    # Other formatters show the values of variables, which may be secrets.
    plain = structlog.dev.plain_traceback
    return [structlog.dev.ConsoleRenderer(colors=on_terminal, exception_formatter=plain)]
