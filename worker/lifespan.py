"""The loops of a worker process: started by arq's `on_startup`, ended by its `on_shutdown`.

They are loops because take-over must be fast: every worker ticks all rooms, and what a dead one left in a
stream is claimed by another within seconds, whereas an arq job would stay locked until its timeout. Jobs are
in `worker/jobs.py`.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import socket
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import structlog

from app import loops
from app.core.errors import CannotRun
from app.monitoring import health, ops_server
from app.monitoring.ops_server import Ops
from app.payments import gateways
from app.runtime import gc_tuning
from app.settings import Settings
from app.store.connections import connected, is_cluster
from app.tracing import opened_tracer
from app.waiting_room.queue import open_queues
from worker import (
    admission,
    alerts,
    autopilot,
    beacon,
    channels,
    expiry,
    mail,
    notices,
    payments,
    processor,
    repair,
    samples,
    witnesses,
)
from worker.context import WorkerContext

log = structlog.get_logger(__name__)

LOOPS: tuple[Callable[[WorkerContext], Awaitable[None]], ...] = (
    *admission.LOOPS,
    *processor.LOOPS,
    *expiry.LOOPS,
    *payments.LOOPS,
    *repair.LOOPS,
    *notices.LOOPS,
    *mail.LOOPS,
    *channels.LOOPS,
    *samples.LOOPS,
    *autopilot.LOOPS,
    *beacon.LOOPS,
    *witnesses.LOOPS,
    *alerts.LOOPS,
)
LAST_S = 0.2  # for the current batch when the grace period is over


class WorkerLoops:
    """The running loops of this process."""

    def __init__(self, ctx: WorkerContext) -> None:
        self.ctx = ctx
        self._until = 0.0
        self.running = [ctx.loops.start(loop.__name__, partial(loop, ctx)) for loop in LOOPS]

    def stop_reading(self) -> None:
        """Ask the loops to finish their current work, within the grace period."""
        self._until = self._until or time.monotonic() + self.ctx.settings.shutdown_grace_s
        self.ctx.stopping.set()

    async def finish(self) -> None:
        """Ask the loops to stop, and cancel those that do not in time."""
        self.stop_reading()
        left_s = max(self._until - time.monotonic(), LAST_S)
        _, late = await asyncio.wait(self.running, timeout=left_s)
        for task in late:
            log.warning("a loop was cut off", loop=task.get_name())
        await loops.end(late)


async def start(arq: dict[Any, Any]) -> None:
    """Connect to the stores and start the loops; arq's `on_startup`. Raises CannotRun.

    Repeating it does nothing. `arq` is the context that arq passes to its jobs, which find `worker` in it.
    """
    if "worker" in arq:
        return
    settings: Settings = arq["settings"]
    if settings.gateway:
        gateways.check(settings.gateway)
    async with AsyncExitStack() as opened:
        tracer = await opened.enter_async_context(opened_tracer("worker"))
        stores = await opened.enter_async_context(connected(settings, "worker", tracer))
        if is_cluster(stores.redis) and not settings.queue_redis_url:
            raise CannotRun(
                "REDIS_URL is a Redis Cluster, where arq cannot keep its queue; "
                "set QUEUE_REDIS_URL to a single Redis server"
            )
        worker_id = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(3)}"
        ctx = WorkerContext(settings, stores, worker_id, asyncio.Event(), arq["queue"])
        await health.log_store_faults(stores)
        log.info("working", worker_id=worker_id)
        gc_tuning.freeze_startup_objects()
        if listener := arq.get("ops_listener"):
            ops = Ops(stores, open_queues(stores, settings), ctx.loops, ctx.stopping.is_set)
            answering = ctx.loops.start("ops", partial(ops_server.serve, ops, listener))
            opened.push_async_callback(loops.end, [answering])
        running = WorkerLoops(ctx)
        opened.push_async_callback(running.finish)
        arq["worker"], arq["loops"], arq["opened"] = ctx, running, opened.pop_all()


async def stop(arq: dict[Any, Any]) -> None:
    """Stop the loops, cancel those that take too long, and close the stores; arq's `on_shutdown`."""
    if opened := arq.pop("opened", None):
        await opened.aclose()
