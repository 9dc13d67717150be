"""Samples the rooms for the graphs of the console, and rolls the samples up."""

from __future__ import annotations

from contextlib import suppress

from app.core.errors import Restoring, StoreUnavailable
from app.core.waiting_room.history import EVERY_MS
from app.monitoring import history
from app.monitoring.history import Latency
from app.waiting_room import queue
from worker.context import WorkerContext
from worker.timing import repeat


async def sample_rooms(ctx: WorkerContext) -> None:
    """Sample busy rooms every second. While a store is unavailable, the graph has a gap."""
    queues, latency = queue.open_queues(ctx.stores, ctx.settings), Latency()

    async def sample() -> bool:
        with suppress(StoreUnavailable, Restoring):
            await history.take_sample(queues, latency)
        return False

    await repeat(ctx.stopping, "sample_rooms", sample, EVERY_MS / 1000)


async def roll_up(ctx: WorkerContext) -> None:
    """Store the completed steps of histories."""
    await history.roll_up(ctx.stores)


LOOPS = (sample_rooms,)
