"""Takes samples of the rooms, for the graphs of the console."""

from __future__ import annotations

from contextlib import suppress

from app import samples, waiting_room
from app.core.errors import Restoring, StoreUnavailable
from app.core.samples import EVERY_MS
from app.samples import Latency
from worker.context import WorkerContext
from worker.pace import repeat


async def sample_rooms(ctx: WorkerContext) -> None:
    """Each two seconds, until the worker stops. With a store away there is a gap in the graph."""
    line, latency = waiting_room.open_line(ctx.stores, ctx.settings), Latency()

    async def once() -> bool:
        with suppress(StoreUnavailable, Restoring):
            await samples.take(line, latency)
        return False

    await repeat(ctx.stopping, "sample_rooms", once, EVERY_MS / 1000)


LOOPS = (sample_rooms,)
