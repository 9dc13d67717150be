"""Evaluates the alert rules every two seconds; one worker at a time does."""

from __future__ import annotations

from contextlib import suppress

from app.monitoring import alerts
from app.monitoring.alert_reading import Reader
from app.monitoring.alerts import Watch
from app.store.connections import STORE_AWAY
from app.store.sql.monitoring import alerts as stored
from app.waiting_room import queue
from worker.context import WorkerContext
from worker.timing import repeat

EVERY_S = 2.0


async def watch_alerts(ctx: WorkerContext) -> None:
    """Start and end alerts until the worker stops. Another worker rebuilds the state of a dead one."""
    queues = queue.open_queues(ctx.stores, ctx.settings)
    watch = Watch(Reader(queues, ctx.settings))

    async def evaluate() -> bool:
        await alerts.evaluate_rules(ctx.stores, watch, ctx.worker_id)
        return False

    await repeat(ctx.stopping, "watch_alerts", evaluate, EVERY_S)
    with suppress(*STORE_AWAY):
        await stored.leave_watch(ctx.stores.postgres, ctx.worker_id)


LOOPS = (watch_alerts,)
