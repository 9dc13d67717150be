"""Publishes events: from the outbox to the Redis stream, and from there to every webhook."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial

from app import loops
from app.notifications import relay, safe_post
from app.notifications.channels import webhooks
from app.set_aside.failures import TRIES_MAX
from app.store.connections import STORE_AWAY
from app.store.sql.notifications import delivery_log
from app.store.sql.notifications import webhooks as stored
from app.store.sql.notifications.outbox import forget, has_next
from app.store.sql.notifications.webhooks import Target
from worker.context import WorkerContext
from worker.timing import in_time, pause, repeat

RELAY_S = 0.25
CHECK_S = 1.0  # interval at which to check whether Redis has lost the stream's end, even without new events
# Pause in multiples of a step's duration: in a rush steps are slow, so events lag and reservations go first.
RESTS = 5
DISCOVER_S = 1.0  # a new webhook gets its deliveries within this time
DELIVER_S = 0.2
FORGET_STEPS_MAX = 1_000  # per round
REST_S, REST_MAX_S = 1.0, 30.0  # growing pauses for a webhook that accepts nothing


async def relay_notices(ctx: WorkerContext) -> None:
    """Relay events until the worker stops. Any number of workers may try; one at a time does."""

    failures = 0  # consecutive failures of a step without a known cause
    checked_at = 0.0

    async def relay_step() -> bool:
        nonlocal failures, checked_at
        began = time.monotonic()
        if not await has_next(ctx.stores.postgres):
            if began - checked_at < CHECK_S:
                return False
            checked_at = began
            if not await relay.has_lost(ctx.stores):
                return False
        try:
            published = await relay.relay(ctx.stores, apart=failures >= TRIES_MAX)
            failures = 0
        except STORE_AWAY:
            raise
        except Exception as error:  # whatever the cause, after some tries rows are published one by one
            if failures >= TRIES_MAX:
                raise
            failures += 1
            loops.failed("relay_notices", "a step", error)
            return False
        if published:
            await pause(ctx.stopping, RESTS * (time.monotonic() - began))
        return False

    await repeat(ctx.stopping, "relay_notices", relay_step, RELAY_S)


async def forget_notices(ctx: WorkerContext) -> None:
    """Delete old rows of the outbox: one round, in statements of limited size."""
    await delivery_log.forget_attempts(ctx.stores.postgres)
    for _ in in_time(range(FORGET_STEPS_MAX)):
        if not await forget(ctx.stores.postgres):
            break


async def deliver_notices(ctx: WorkerContext) -> None:
    """Run one lane per webhook, so that a slow one delays no other, until the worker stops."""
    lanes: dict[Target, asyncio.Task[None]] = {}

    async def update_lanes() -> bool:
        found = set(await stored.targets(ctx.stores.postgres))
        for target in lanes.keys() - found:
            lanes.pop(target).cancel()
        for target in found - lanes.keys():
            lane = partial(_lane, ctx, target)
            lanes[target] = ctx.loops.start("deliver", lane, of=str(target.webhook_id))
        return False

    try:
        await repeat(ctx.stopping, "deliver_notices", update_lanes, DISCOVER_S)
    finally:
        await loops.end(lanes.values())  # interrupted deliveries are repeated


async def _lane(ctx: WorkerContext, target: Target) -> None:
    """Deliver one webhook's events, a few at once; pause when it accepts none."""
    rest_s = REST_S
    async with safe_post.open_client() as client:

        async def deliver_batch() -> bool:
            nonlocal rest_s
            taken = await webhooks.deliver(ctx.stores, client, target, private=ctx.settings.webhooks_private)
            if taken is False:
                await pause(ctx.stopping, rest_s)
                rest_s = min(2 * rest_s, REST_MAX_S)
            elif taken:
                rest_s = REST_S
            return taken is True

        await repeat(ctx.stopping, f"deliver {target.webhook_id}", deliver_batch, DELIVER_S)


LOOPS: tuple[Callable[[WorkerContext], Awaitable[None]], ...] = (
    relay_notices,
    deliver_notices,
)
