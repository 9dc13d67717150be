"""arq's jobs: scheduled work and work on demand, which may wait.

A job whose worker dies stays locked for the longest timeout and ten seconds, so timeouts are short: long work
is split into rounds or steps, each of which may run twice. Scheduled jobs run once, on whichever worker takes
them. Work that must be taken over at once is a loop (`worker/lifespan.py`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple

import structlog
from arq import cron, func
from arq.cron import CronJob
from arq.typing import WorkerCoroutine
from arq.worker import Function

from app import loops, metrics
from app.jobs import steps as job_steps
from app.store.redis import job_queue
from app.store.sql.jobs import jobs as stored_jobs
from worker import mail, notices, repair, samples
from worker.context import WorkerContext

log = structlog.get_logger(__name__)

Work = Callable[..., Coroutine[Any, Any, None]]
TIMEOUT_S = 30
STEPS_S = 5.0  # for the steps of one job, before another job gets its turn
LATER_S, IDLE_S = 2.0, 10.0
TRIES = 3  # of a run that is interrupted, for example because its worker stops


class Periodic(NamedTuple):
    """A scheduled job: its period in seconds (a divisor of a minute, or whole minutes), and its offset
    within that."""

    work: Work
    every_s: int
    after_s: int = 0  # so that not all start in the same second
    timeout_s: int = TIMEOUT_S


def counted(work: Work) -> WorkerCoroutine:
    """Wrap as a coroutine function for arq: counted, timed, and logged once while a store is unavailable.

    Other errors are logged by arq, with their traceback.
    """
    name, away = work.__name__, False

    async def job(ctx: dict[Any, Any], *arguments: Any, **_: Any) -> None:
        nonlocal away
        began, outcome = time.perf_counter(), "failed"
        try:
            await work(ctx["worker"], *arguments)
            outcome, away = "done", False
        except asyncio.CancelledError:
            outcome = "cut_off"  # it took too long, or the worker is stopping
            raise
        except loops.AWAY as error:
            outcome = "store_away"
            if not away:
                log.warning("a store is unavailable", job=name, why=repr(error))
            away = True
        finally:
            metrics.JOBS.labels(name, outcome).inc()
            metrics.JOB_SECONDS.labels(name).observe(time.perf_counter() - began)

    return job


def functions() -> list[Function]:
    """Jobs run on demand."""
    return [func(counted(step_job), name=job_queue.STEP_JOB, timeout=TIMEOUT_S, max_tries=TRIES)]


async def step_job(ctx: WorkerContext, job_id: str) -> None:
    """Run some steps of a job started by staff (`app/jobs/control.py`); the next ones are another arq job."""
    assert ctx.job_queue is not None
    until, after_s = time.monotonic() + STEPS_S, 0.0
    while time.monotonic() < until and not ctx.stopping.is_set() and not after_s:
        progress = await job_steps.step(ctx.stores, job_id)
        if progress == "over":
            return
        after_s = LATER_S if progress == "later" else 0.0
    await job_queue.enqueue_step(ctx.job_queue, job_id, after_s=after_s)


async def resume_jobs(ctx: WorkerContext) -> None:
    """Re-enqueue jobs that nobody continues: the queue was unavailable, or their worker died."""
    for job_id, steps in await stored_jobs.idle(ctx.stores.postgres, IDLE_S):
        assert ctx.job_queue is not None
        await job_queue.enqueue_step(ctx.job_queue, job_id, steps)


PERIODIC = (
    Periodic(repair.align_totals, 5, timeout_s=10),
    Periodic(resume_jobs, 10, after_s=2, timeout_s=10),
    Periodic(samples.roll_up, 10, after_s=4, timeout_s=10),
    Periodic(mail.mail_reminders, 30, after_s=7),
    Periodic(repair.reconcile_rooms, 60, after_s=13),
    Periodic(repair.unload_rooms, 60, after_s=23),
    Periodic(notices.forget_notices, 60, after_s=43),
    Periodic(repair.purge, 300, after_s=53),
)


def cron_jobs() -> list[CronJob]:
    """The schedule, in arq's form."""
    return [_cron(it) for it in PERIODIC]


@dataclass
class Schedule(CronJob):
    """arq's scheduled job with the next run in one sum: searching for it field by field, as arq does, took a
    tenth of an idle worker's CPU."""

    every_s: int = 60
    after_s: int = 0

    def calculate_next(self, prev_run: datetime) -> None:
        """Set the next run after `prev_run`: the same moment on every worker."""
        periods = (prev_run.timestamp() - self.after_s) // self.every_s + 1
        at_s = periods * self.every_s + self.after_s
        self.next_run = datetime.fromtimestamp(at_s, UTC).replace(microsecond=self.microsecond)


def _cron(it: Periodic) -> CronJob:
    job = cron(counted(it.work), name=it.work.__name__, unique=True, timeout=it.timeout_s, max_tries=TRIES)
    return Schedule(**vars(job), every_s=it.every_s, after_s=it.after_s)
