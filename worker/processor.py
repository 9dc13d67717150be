"""The reservation processor: works off the stream of every room that sells.

Any number of workers may do so at once. A batch stays pending in the stream until it is settled, so what a
killed worker leaves is taken over by another one, and what a store's outage interrupts is simply done again.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from app import holds, loops
from app.core.model import RoomId
from app.store import stream
from app.store.connections import STORE_AWAY
from app.store.reservations import Superseded
from app.store.stock_scripts import RoomNotReady
from worker.context import WorkerContext
from worker.pace import Backoff, pause, repeat

log = structlog.get_logger(__name__)

DISCOVER_S = 1.0  # a new room is picked up within this time
WAIT_MS = 500  # one wait for submissions; also how soon the drain notices that it should stop
TAKE_OVER_S = 0.5
IDLE_MS = 2_000  # a batch that lies for so long is another worker's; less would double work, more would stall

TROUBLE: tuple[type[Exception], ...] = (*STORE_AWAY, RoomNotReady, Superseded)


async def drain(ctx: WorkerContext) -> None:
    """One lane per room with an event, until the worker stops."""
    lanes: dict[RoomId, asyncio.Task[None]] = {}

    async def once() -> bool:
        for room_id in await stream.rooms_on_sale(ctx.stores.redis, known=lanes.keys()):
            lanes[room_id] = ctx.loops.start("drain_room", partial(_lane, ctx, room_id), of=room_id)
        return False

    try:
        await repeat(ctx.stopping, "drain", once, DISCOVER_S)
        await asyncio.gather(*lanes.values())  # each finishes the batch in hand
    finally:
        await loops.end(lanes.values())


async def _lane(ctx: WorkerContext, room_id: RoomId) -> None:
    await Lane(ctx, room_id).run()  # a new one, which first looks for what an old one left


class Lane:
    """One worker's work on one room, batch after batch: what comes meanwhile makes the next one larger."""

    def __init__(self, ctx: WorkerContext, room_id: RoomId) -> None:
        self._ctx = ctx
        self._room_id = room_id
        self._keys = holds.keys_of(room_id)
        self._behind = True  # there may be submissions we have read and not settled
        self._took_over_at = 0.0

    async def run(self) -> None:
        """Work until the worker stops; then finish the batch in hand."""
        backoff = Backoff()
        try:
            while not self._ctx.stopping.is_set():
                try:
                    await self.step()
                    backoff.reset()
                except TROUBLE as error:
                    self._behind = True
                    if backoff.first:
                        log.warning("reservations wait", room_id=self._room_id, why=repr(error))
                    await pause(self._ctx.stopping, backoff.next())
            if not self._behind:
                await stream.leave_group(self._ctx.stores.redis, self._keys, self._ctx.worker_id)
        except TROUBLE:
            pass  # stopping while a store is away: the batch stays pending, another worker takes it over

    async def step(self) -> None:
        """Work off one batch: a new one, or first what was interrupted or taken over. Raises TROUBLE."""
        redis, consumer = self._ctx.stores.redis, self._ctx.worker_id
        if self._behind:
            messages = await stream.read_own(redis, self._keys, consumer)
        else:
            messages = await stream.read_new(redis, self._keys, consumer, WAIT_MS)
        if messages:
            batch = await holds.decide(self._ctx.stores, self._room_id, messages)
            await holds.record(self._ctx.stores, batch)
        self._behind = self._behind and bool(messages)
        await self._take_over()

    async def _take_over(self) -> None:
        if time.monotonic() - self._took_over_at < TAKE_OVER_S:
            return
        self._took_over_at = time.monotonic()
        redis, consumer = self._ctx.stores.redis, self._ctx.worker_id
        if await stream.take_over(redis, self._keys, consumer, IDLE_MS):
            self._behind = True


JOBS: tuple[Callable[[WorkerContext], Awaitable[None]], ...] = (drain,)
