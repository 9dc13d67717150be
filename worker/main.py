"""The worker process: permanent jobs under arq's eye.

Each job runs for the life of the process. arq holds one entry per job in a queue of this worker's own, so
what a dead worker leaves there concerns nobody; its work is taken over in the stores (every worker ticks all
rooms, stale batches are claimed). An arq job attends the work for a shift and asks for the next one; a queue
that is away stops the attendance, not the work. What breaks is started again by `app.loops`.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import socket
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from typing import Any

import msgspec
import structlog
import uvloop
from arq import Retry, func
from arq.connections import ArqRedis
from arq.worker import Worker
from redis.asyncio import RedisCluster

from app import garbage, health, loops, ops, scheduling
from app.core.errors import CannotRun
from app.ops import Ops
from app.settings import Settings
from app.store.connections import REDIS_AWAY, connected, queue_pool
from app.waiting_room import open_line
from worker import admission, expiry, mail, mend, notices, payments, processor, samples
from worker.context import WorkerContext
from worker.pace import Backoff, pause

log = structlog.get_logger(__name__)

JOBS: tuple[Callable[[WorkerContext], Awaitable[None]], ...] = (
    *admission.JOBS,
    *processor.JOBS,
    *expiry.JOBS,
    *payments.JOBS,
    *mend.JOBS,
    *notices.JOBS,
    *mail.JOBS,
    *samples.JOBS,
)
SHIFT_S = 1800  # how long arq's lock on a job of ours outlives a killed worker; nobody waits for it
GRACE_S = 2.0  # for the batch in hand at shutdown


class Crew:
    """The running jobs of this process."""

    def __init__(self, ctx: WorkerContext) -> None:
        self.ctx = ctx
        self._jobs = {job.__name__: job for job in JOBS}
        self._running: dict[str, asyncio.Task[None]] = {}

    def running(self, name: str) -> asyncio.Task[None]:
        """The job's task; a new one when there is none."""
        task = self._running.get(name)
        if task is None or task.done():
            task = self._running[name] = self.ctx.loops.start(name, partial(self._jobs[name], self.ctx))
        return task

    async def finish(self) -> None:
        """Let the jobs come to an end, which they do when the worker is stopping; cut off what does not."""
        if self._running:
            _, late = await asyncio.wait(self._running.values(), timeout=GRACE_S)
            for task in late:
                log.warning("a job was cut off", job=task.get_name())
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)


def run(settings: Settings, ops_listener: socket.socket | None) -> None:
    """Work until SIGTERM or SIGINT. Raises CannotRun when a store cannot be used at the start."""
    scheduling.as_batch()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_work(settings, ops_listener))


async def _work(settings: Settings, ops_listener: socket.socket | None) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    async with connected(settings, "worker") as stores:
        if isinstance(stores.redis, RedisCluster) and not settings.queue_redis_url:
            raise CannotRun(
                "REDIS_URL is a Redis Cluster, where arq cannot keep its queue; "
                "set QUEUE_REDIS_URL to a Redis that is none"
            )
        worker_id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        crew = Crew(WorkerContext(settings, stores, worker_id, stopping))
        await health.tell_faults(stores)
        log.info("working", worker_id=worker_id)
        garbage.spare_what_started()
        attending = [crew.ctx.loops.start("attend", partial(_attend, crew))]
        if ops_listener is not None:
            told = Ops(stores, open_line(stores, settings), crew.ctx.loops)
            attending.append(crew.ctx.loops.start("ops", partial(ops.serve, told, ops_listener)))
        await stopping.wait()
        await crew.finish()
        await loops.end(attending)


async def _attend(crew: Crew) -> None:
    """Keep an arq worker going; after trouble with its queue a new one."""
    backoff = Backoff()
    while not crew.ctx.stopping.is_set():
        try:
            await _arq(crew)
        except REDIS_AWAY as error:
            if backoff.first:
                log.warning("the queue is away; the work goes on", why=repr(error))
            await pause(crew.ctx.stopping, backoff.next())


async def _arq(crew: Crew) -> None:
    """One arq worker, until it is cancelled or its queue fails."""
    queue = f"fairgate:worker:{crew.ctx.worker_id}:{secrets.token_hex(3)}"
    pool = ArqRedis(queue_pool(crew.ctx.settings))
    pool.auto_close_connection_pool = True
    pool.default_queue_name = queue
    pool.job_serializer, pool.job_deserializer = msgspec.json.encode, msgspec.json.decode
    worker = Worker(
        functions=[_attendance(crew, job.__name__, queue) for job in JOBS],
        redis_pool=pool,
        queue_name=queue,
        job_serializer=msgspec.json.encode,
        job_deserializer=msgspec.json.decode,
        handle_signals=False,
        max_jobs=len(JOBS),  # all run: then arq does not look into its queue, which cost a tenth of a core
        poll_delay=0.1,
        health_check_interval=5,
        log_results=False,
    )
    try:
        for job in JOBS:
            await pool.enqueue_job(job.__name__, _job_id=f"{queue}:{job.__name__}")
        await worker.async_run()
    finally:
        if worker.main_task is not None:
            worker.main_task.cancel()
        with suppress(*REDIS_AWAY, asyncio.CancelledError):
            await worker.close()


def _attendance(crew: Crew, name: str, queue: str) -> Any:
    """The arq function that attends one job."""

    async def attend(ctx: dict[str, Any]) -> None:
        await ctx["redis"].expire(queue, 2 * SHIFT_S)
        task = crew.running(name)
        await asyncio.wait({task}, timeout=SHIFT_S)
        if not crew.ctx.stopping.is_set():
            raise Retry(defer=1 if task.done() else 0)

    return func(attend, name=name, timeout=SHIFT_S + 60, max_tries=1_000_000, keep_result=0)
