"""arq's jobs: what is done now and then, or when somebody asked for it, and may wait.

A job whose worker dies stays locked for the longest timeout and ten seconds, so timeouts are short: what
takes long is done in rounds or steps, each of which may run twice. Those that come by the clock run once,
whichever worker takes them. What has to be taken over at once is a loop (`worker/crew.py`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple

import structlog
from arq import cron
from arq.cron import CronJob
from arq.typing import WorkerCoroutine
from arq.worker import Function

from app import loops, metrics
from worker import mail, mend, notices

log = structlog.get_logger(__name__)

Work = Callable[..., Coroutine[Any, Any, None]]
TIMEOUT_S = 30
TRIES = 3  # of a run that is cut off, as when its worker stops


class Periodic(NamedTuple):
    """What comes by the clock: each so many seconds (a divisor of a minute, or whole minutes), or so many
    after that."""

    work: Work
    every_s: int
    after_s: int = 0  # so that not all begin in the same second
    timeout_s: int = TIMEOUT_S


PERIODIC = (
    Periodic(mend.align_totals, 5, timeout_s=10),
    Periodic(mail.mail_reminders, 30, after_s=7),
    Periodic(mend.reconcile_rooms, 60, after_s=13),
    Periodic(mend.unload_rooms, 60, after_s=23),
    Periodic(notices.forget_notices, 60, after_s=43),
    Periodic(mend.purge, 300, after_s=53),
)


def counted(work: Work) -> WorkerCoroutine:
    """As a coroutine function of arq's: counted, timed, and told once that a store is away.

    What else goes wrong is arq's to log, with its traceback.
    """
    name, away = work.__name__, False

    async def job(ctx: dict[Any, Any], *arguments: Any, **_: Any) -> None:
        nonlocal away
        began, outcome = time.perf_counter(), "failed"
        try:
            await work(ctx["worker"], *arguments)
            outcome, away = "done", False
        except asyncio.CancelledError:
            outcome = "cut_off"  # it took too long, or the worker stops
            raise
        except loops.AWAY as error:
            outcome = "store_away"
            if not away:
                log.warning("a store is away", job=name, why=repr(error))
            away = True
        finally:
            metrics.JOBS.labels(name, outcome).inc()
            metrics.JOB_SECONDS.labels(name).observe(time.perf_counter() - began)

    return job


def functions() -> list[Function]:
    """What is done when somebody asked for it."""
    return []


def cron_jobs() -> list[CronJob]:
    """The clock, as arq has it."""
    return [_cron(it) for it in PERIODIC]


def _cron(it: Periodic) -> CronJob:
    if it.every_s < 60:
        when: dict[str, Any] = {"second": set(range(it.after_s % it.every_s, 60, it.every_s))}
    else:
        when = {"minute": set(range(0, 60, it.every_s // 60)), "second": it.after_s}
    name = it.work.__name__
    return cron(counted(it.work), name=name, unique=True, timeout=it.timeout_s, max_tries=TRIES, **when)
