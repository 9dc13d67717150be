"""Runs the autopilots, which adapt the rate of rooms to their shops' health."""

from __future__ import annotations

from app.gate import prometheus
from app.waiting_room import autopilot, queue
from worker.context import WorkerContext
from worker.timing import repeat

EVERY_S = 1.0


async def steer_rooms(ctx: WorkerContext) -> None:
    """Decide on the rate of every room with an autopilot whenever that is due, until the worker stops."""
    queues = queue.open_queues(ctx.stores, ctx.settings)

    async def steer() -> bool:
        await autopilot.steer_rooms(queues)
        return False

    await repeat(ctx.stopping, "steer_rooms", steer, EVERY_S)


async def ask_prometheus(ctx: WorkerContext) -> None:
    """Query shops' health from their Prometheus, until the worker stops."""
    queues = queue.open_queues(ctx.stores, ctx.settings)

    async def query() -> bool:
        await prometheus.query_all(queues, private=ctx.settings.webhooks_private)
        return False

    await repeat(ctx.stopping, "ask_prometheus", query, EVERY_S)


LOOPS = (steer_rooms, ask_prometheus)
