"""The admission controller: ticks rooms four times a second, and keeps Postgres up with the line.

Any number of workers may do so at once: a tick is one script that follows from elapsed time and from what is
there. So there is no leader, and nothing to take over.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

from app import loops, metrics, paces, room_control
from app.core import rules
from app.core.clock import now_ms
from app.core.errors import RoomNotFound
from app.core.model import RoomId, RoomStatus
from app.core.pace import Measured
from app.loading import LOADS_MAX
from app.numbers import draw_batch, reserve_numbers
from app.presence import Self
from app.rebuild import rebuild_room
from app.store import control_scripts, rooms
from app.store.connections import POSTGRES_AWAY
from app.store.control_scripts import Tick
from app.store.keys import ROOMS, WORKERS, RoomKeys
from app.store.presence import tell
from app.store.room_scripts import NotLoaded
from worker.context import WorkerContext
from worker.pace import pause, repeat

log = structlog.get_logger(__name__)

TICK_S = 0.25
IDLE_TICK_S = 1.0  # of a room nobody is in; also how often Postgres is asked
CALLS_MAX = 2_000  # a tick; one script run stays below 10 ms
FORGET_MS = 60_000  # a worker that was silent for so long is forgotten


class Gate:
    """One worker's care of one room."""

    def __init__(self, ctx: WorkerContext, room_id: RoomId, watch: Watch) -> None:
        self._stores = ctx.stores
        self._stopping = ctx.stopping
        self._room_id = room_id
        self._watch = watch
        self._keys = RoomKeys(room_id)
        self._records_at = 0.0
        self._recorded: tuple[int | str, ...] = ()
        self._measured = Measured()

    async def run(self) -> None:
        """Tick until the worker stops or the room is deleted."""
        try:
            await repeat(self._stopping, f"admit {self._room_id}", self._once, TICK_S)
        except RoomNotFound:
            log.info("the room is gone", room_id=self._room_id)

    async def _once(self) -> bool:
        """One tick and what follows from it; True when more is due at once."""
        # Whoever is called while Postgres is away could not claim, and would lose their turn: so nobody is.
        limit = 0 if self._watch.postgres_away else CALLS_MAX
        try:
            tick = await control_scripts.admit(self._stores.redis, self._keys, limit=limit)
        except NotLoaded:
            return await self._restore()
        if limit == 0:
            return False
        if tick.restoring:  # whoever began it may have died; if not, this does nothing
            await self._restore()
        if tick.status.version < self._watch.versions.get(self._room_id, 0):
            await room_control.push(self._stores, self._room_id)
        if tick.numbers_left < rules.numbers_block(tick.status.last_number) // 2:
            await reserve_numbers(self._stores, self._room_id)
        self._measured = await paces.follow(self._stores.redis, self._keys, self._measured, tick)
        await self._record(tick.status)
        drawn = await draw_batch(self._stores, self._room_id) if tick.undrawn else 0
        more = tick.more or drawn > 0
        if not more and (rest_s := resting_s(tick)):
            await pause(self._stopping, rest_s)
        return more

    async def _restore(self) -> bool:
        # After a wipe every room is due at once; each restore holds one connection and asks for another.
        async with self._watch.restores:
            return await rebuild_room(self._stores, self._room_id)

    async def _record(self, now: RoomStatus) -> None:
        """Keep how far the line got, each second while it moves."""
        moved = (now.state, now.serving_position, now.last_number, now.opened_at_ms)
        if moved == self._recorded or time.monotonic() < self._records_at:
            return
        await rooms.record_progress(self._stores.postgres, self._room_id, now)
        self._recorded, self._records_at = moved, time.monotonic() + 1.0


class Watch:
    """Which rooms there are, in which version, and whether Postgres answers; looked at each second."""

    def __init__(self, ctx: WorkerContext) -> None:
        self._ctx = ctx
        self._gates: dict[RoomId, asyncio.Task[None]] = {}
        self.versions: dict[RoomId, int] = {}
        self.postgres_away = False
        self.restores = asyncio.Semaphore(LOADS_MAX)

    async def run(self) -> None:
        """Keep a gate for every room until the worker stops."""
        try:
            await repeat(self._ctx.stopping, "admit_rooms", self._once, IDLE_TICK_S)
            await asyncio.gather(*self._gates.values(), return_exceptions=True)
        finally:
            await loops.end(self._gates.values())  # those that a store keeps waiting

    async def _once(self) -> bool:
        redis: Any = self._ctx.stores.redis
        try:
            self.versions = await rooms.select_versions(self._ctx.stores.postgres)
            self.postgres_away = False
            found = set(self.versions)
        except POSTGRES_AWAY as error:
            if not self.postgres_away:
                log.warning("Postgres is away: nobody is called meanwhile", why=repr(error))
            self.postgres_away = True
            found = {RoomId(room_id) for room_id in await redis.smembers(ROOMS)}
        for room_id, gate in list(self._gates.items()):
            if gate.done():
                del self._gates[room_id]
        for room_id in found - self._gates.keys():
            run = Gate(self._ctx, room_id, self).run
            self._gates[room_id] = self._ctx.loops.start("admit_room", run, of=room_id)
        return False


async def admit_rooms(ctx: WorkerContext) -> None:
    """Run the waiting rooms until the worker stops."""
    await Watch(ctx).run()


async def report(ctx: WorkerContext) -> None:
    """Tell each second that this worker lives, and what it counted."""
    redis: Any = ctx.stores.redis
    myself = Self()

    async def once() -> bool:
        await tell(redis, ctx.worker_id, myself.about(ctx.loops))
        await redis.zadd(WORKERS, {ctx.worker_id: now_ms()})
        await redis.zremrangebyscore(WORKERS, "-inf", now_ms() - FORGET_MS)
        await metrics.publish(ctx.stores.redis, ctx.worker_id)
        return False

    await repeat(ctx.stopping, "report", once, 1.0)
    await redis.zrem(WORKERS, ctx.worker_id)


def resting_s(tick: Tick) -> float:
    """For how long this room needs no tick, besides the usual time between two.

    In one that nobody is in only a time that staff set makes anything move: whoever comes is called by their
    join.
    """
    now = tick.status
    if now.waiting + now.called + now.active or tick.restoring:
        return 0.0
    if tick.due_in_ms is None:
        return IDLE_TICK_S - TICK_S
    return max(0.0, min(IDLE_TICK_S, tick.due_in_ms / 1000) - TICK_S)


JOBS: tuple[Callable[[WorkerContext], Awaitable[None]], ...] = (admit_rooms, report)
