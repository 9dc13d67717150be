"""The worker process, which is arq's: `fairgate worker`, or `arq worker.main.WorkerSettings`.

arq starts and ends the loops (`worker/lifespan.py`) and runs the jobs (`worker/jobs.py`) from one queue
shared by all workers. `fairgate worker` adds what arq's own command lacks: the loops keep running while the
queue is unavailable, and there is a port for operators.
"""

from __future__ import annotations

import asyncio
import socket
import sys
import time
from contextlib import suppress
from datetime import UTC
from signal import Signals
from typing import TYPE_CHECKING, Any

import structlog
import uvloop
from arq.constants import in_progress_key_prefix, job_key_prefix
from arq.jobs import DeserializationError, deserialize_job_raw
from arq.worker import Worker

from app import logs
from app.core.errors import CannotRun
from app.runtime import cpu_policy, installation, reloading
from app.settings import Settings
from app.store.redis.job_queue import QUEUE, QUEUE_AWAY, decode, encode, open_queue, redis_settings
from app.store.spans import with_trace_ids
from worker import jobs, lifespan
from worker.timing import Backoff

AT_ONCE = 4  # jobs per worker: they share its connections with the loops
POLL_S = 0.5
HEALTH_S = 5
STEADY_S = 5.0  # a queue that has answered for this long has recovered
LEFT_MS = 1_000  # until a job unknown to this release is checked again
LEAVE_S = 0.8  # for the current jobs and the queue, at shutdown

logger = structlog.get_logger(__name__)


def worker_settings(settings: Settings, ops_listener: socket.socket | None = None) -> dict[str, Any]:
    """The settings of an arq worker."""
    queue = open_queue(settings)
    return {
        "functions": jobs.functions(),
        "cron_jobs": jobs.cron_jobs(),
        "on_startup": lifespan.start,
        "on_shutdown": lifespan.stop,
        "ctx": {"settings": settings, "ops_listener": ops_listener, "queue": queue},
        "redis_pool": queue,
        "redis_settings": redis_settings(settings),  # for `arq --check`
        "queue_name": QUEUE,
        "job_serializer": encode,
        "job_deserializer": decode,
        "job_timeout": jobs.TIMEOUT_S,
        "max_jobs": AT_ONCE,
        "max_tries": jobs.TRIES,
        "job_completion_wait": settings.shutdown_grace_s,
        "keep_result": 0,
        "poll_delay": POLL_S,
        "health_check_interval": HEALTH_S,
        "timezone": UTC,
        "log_results": False,
    }


if not TYPE_CHECKING:

    def __getattr__(name: str) -> dict[str, Any]:
        """`WorkerSettings`, created when arq requests them: they read the environment, which an import
        must not do."""
        if name != "WorkerSettings":
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        try:
            settings = installation.resolve(Settings())
            logs.configure(settings, "worker", with_trace_ids)
            return worker_settings(settings)
        except CannotRun as error:
            sys.exit(f"fairgate: {error}")


class LastingWorker(Worker):
    """arq's worker, which keeps running while its queue is unavailable."""

    async def main(self) -> None:
        """Run until cancelled; without the queue the loops run alone."""
        await lifespan.start(self.ctx)
        reloading.on_hangup(self.ctx["settings"])
        backoff = Backoff()
        while True:
            began = time.monotonic()
            try:
                await super().main()
            except QUEUE_AWAY as error:
                if time.monotonic() - began > STEADY_S:
                    backoff.reset()
                if backoff.first:
                    logger.warning("the queue is unavailable; the loops continue", why=repr(error))
                await asyncio.sleep(backoff.next())

    async def start_jobs(self, job_ids: list[bytes]) -> None:
        """Start jobs as arq does, but return a slot if the connection to the queue breaks, which arq does
        not."""
        try:
            await super().start_jobs(job_ids)
        except QUEUE_AWAY:
            self._release_sem_dec_counter_on_complete()
            raise

    async def run_job(self, job_id: str, score: int) -> None:
        """Run a job as arq does, but leave one of an unknown function in the queue instead of failing it.

        During an upgrade, workers of the newer release know it. It expires after a day.
        """
        raw = await self.pool.get(job_key_prefix + job_id)
        if raw is None or self._knows(raw):
            await super().run_job(job_id, score)
            return
        async with self.pool.pipeline(transaction=True) as together:
            together.zincrby(self.queue_name, LEFT_MS, job_id)
            together.delete(in_progress_key_prefix + job_id)
            await together.execute()

    def _knows(self, raw: bytes) -> bool:
        try:
            return deserialize_job_raw(raw, deserializer=self.job_deserializer)[0] in self.functions
        except DeserializationError:
            return True  # arq reports what is wrong with it

    def handle_sig_wait_for_completion(self, signum: Signals) -> None:
        """Stop reading on SIGTERM or SIGINT.

        The loops finish their current batch while arq waits for its jobs; a job that takes longer is
        cancelled, which returns its key to the queue.
        """
        self._stop_reading()
        super().handle_sig_wait_for_completion(signum)

    def _stop_reading(self) -> None:
        if running := self.ctx.get("loops"):
            running.stop_reading()

    async def close(self) -> None:
        """End the loops, even if the queue cannot be reached."""
        self._stop_reading()
        self.on_shutdown = None
        try:
            with suppress(*QUEUE_AWAY, TimeoutError):
                async with asyncio.timeout(LEAVE_S):
                    await super().close()
        finally:
            await lifespan.stop(self.ctx)


def run(settings: Settings, ops_listener: socket.socket | None) -> None:
    """Work until SIGTERM or SIGINT. Raises CannotRun if a store cannot be used at the start."""
    cpu_policy.use_batch_policy()
    loop = uvloop.new_event_loop()
    asyncio.set_event_loop(loop)
    try:
        LastingWorker(**worker_settings(settings, ops_listener)).run()
    finally:
        loop.close()
