"""Sends what is queued in the notification channels, in a few lanes each.

Lanes are loops: an arq job per message would stay locked when its worker dies, and the channel's table
already records what is due and who has it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial

from app import loops
from app.notifications.channel import Channel, Send
from app.notifications.channels import CHANNELS
from worker.context import WorkerContext
from worker.timing import pause, repeat

SEND_S = 1.0  # interval at which a channel's lanes check for due work
REST_S, REST_MAX_S = 1.0, 30.0  # growing pauses while the other side accepts nothing


async def send_queued(ctx: WorkerContext) -> None:
    """Run the lanes of all channels, each with its own connection, until the worker stops."""
    lanes = []
    for channel in CHANNELS:
        if channel.opened is not None:
            send = channel.opened(ctx.settings)
            for number in range(channel.lanes):
                lane = partial(_lane, ctx, channel, send, number)
                lanes.append(ctx.loops.start(f"send_{channel.name}", lane, of=f"lane {number}"))
    try:
        await asyncio.wait(lanes)
    finally:
        await loops.end(lanes)


async def _lane(ctx: WorkerContext, channel: Channel, send: Send, number: int) -> None:
    """Send while there is anything to send; when idle, lanes check in turn."""
    rest_s = REST_S
    await pause(ctx.stopping, number * SEND_S)

    async def send_batch() -> bool:
        nonlocal rest_s
        taken = await send(ctx.stores)
        if taken is False:
            await pause(ctx.stopping, rest_s)
            rest_s = min(2 * rest_s, REST_MAX_S)
        elif taken:
            rest_s = REST_S
        return taken is True

    await repeat(ctx.stopping, f"send_{channel.name}", send_batch, channel.lanes * SEND_S)


LOOPS: tuple[Callable[[WorkerContext], Awaitable[None]], ...] = (send_queued,)
