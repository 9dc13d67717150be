"""SIGHUP: reread the settings and apply those that can change while a process runs.

A process cannot be given a new environment, so only the settings file and the files of secrets can differ.
Settings used at start-up, such as addresses, need a restart; the log says so.
"""

from __future__ import annotations

import asyncio
import signal
import sys
from collections.abc import Callable

from pydantic import ValidationError

from app import logs
from app.core.errors import CannotRun, WrongUsage
from app.settings import Settings


def on_hangup(running: Settings, then: Callable[[], None] = lambda: None) -> bool:
    """Reload the settings on SIGHUP from now on; `then` runs afterwards.

    `running` are the settings shared by the whole process. At a terminal SIGHUP ends the process as usual,
    because its window was closed: returns False. A signal that arrived during start-up was blocked
    (`child_process.as_role`), and is delivered now.
    """
    if sys.stderr.isatty():
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
        return False
    before = [Settings()]

    def hang_up() -> None:
        before.append(reload(before.pop(), running))
        then()

    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hang_up)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
    return True


def reload(before: Settings, running: Settings) -> Settings:
    """Apply the changes that can be applied; invalid settings change nothing. Returns the settings as they
    are configured now."""
    log = logs.get(__name__)
    try:
        now = Settings()
    except (ValidationError, CannotRun, WrongUsage) as error:
        names = [str(it["loc"][0]) for it in error.errors()] if isinstance(error, ValidationError) else []
        log.error("the settings are invalid and were not changed", settings=names, why=_why(error))
        return before
    changed = [it for it in Settings.model_fields if getattr(now, it) != getattr(before, it)]
    running.take(now)
    logs.set_level(running.log_level)
    log.info("reloaded the settings", changed=[it for it in changed if it in Settings.RELOADED])
    if later := [it for it in changed if it not in Settings.RELOADED]:
        log.warning("changed settings need a restart", settings=later)
    return now


def _why(error: Exception) -> str:
    if isinstance(error, ValidationError):  # without the values, which may be secrets
        return "; ".join(it["msg"] for it in error.errors(include_input=False, include_url=False))
    return str(error)
