"""The reservation processor: processes the streams of all rooms that have anything in them.

A request put into an empty stream is announced to all workers with one message; a worker that receives it has
a lane for that room until the stream is empty again. So the cost depends on the rooms that currently sell: no
other has a task, a connection, or a read.

One worker at a time has a room, by a lease that it renews twice a second; while the lease is valid, the
others ignore messages about the room. Two at once do no harm, but halve the batches. A batch stays pending in
the stream until it is settled, so another worker takes over what a killed one leaves, and batches interrupted
by a store are simply repeated. Submissions that fail for other reasons are given up after some attempts (see
`worker/lane.py`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from functools import partial

from app import loops
from app.core.model import RoomId
from app.store.connections import REDIS_AWAY
from app.store.keys import SUBMITTED_CHANNEL
from app.store.pubsub import listen
from app.store.redis import backlogs, busy
from app.store.redis.loaded import loaded_rooms
from app.store.scripts.leases import FREE, Bid
from worker.context import WorkerContext
from worker.lane import LEASE_MS, Lane
from worker.timing import repeat

CHECK_S = 0.5  # interval for checking the streams of busy rooms, in case a message was lost
ROUND_S = 30.0  # interval for checking the streams of all loaded rooms; also once at the start
LISTEN_AGAIN_S = 0.25
LEASE_FIRST_S = 10.0  # for this long after another's lease ended, ask for the lease before reading the stream


class Lanes:
    """The lanes of one worker."""

    def __init__(self, ctx: WorkerContext) -> None:
        self._ctx = ctx
        self._lanes: dict[RoomId, Lane] = {}
        self._tasks: dict[RoomId, asyncio.Task[None]] = {}
        self._elsewhere: dict[RoomId, float] = {}  # when the lease of another worker ends, by room
        self._round_at = self._bid_at = 0.0

    async def run(self) -> None:
        """Run until the worker stops; then each lane finishes its current batch."""
        listening = self._ctx.loops.start("hear_submissions", self._listen)
        try:
            await repeat(self._ctx.stopping, "drain", self._check_streams, CHECK_S)
            self.wake(list(self._lanes))  # they stop at once
            await asyncio.gather(*self._tasks.values())
        finally:
            await loops.end([listening, *self._tasks.values()])

    def wake(self, room_ids: Iterable[RoomId]) -> None:
        """Wake the lanes of these rooms: there may be something in their streams."""
        now = time.monotonic()
        for room_id in room_ids:
            if (until := self._elsewhere.get(room_id, 0.0)) > now:
                continue
            if room_id not in self._tasks:
                lane = self._lanes[room_id] = Lane(self._ctx, room_id, self._bid, lease_first=until > 0)
                task = self._ctx.loops.start("drain_room", lane.run, of=room_id)
                self._tasks[room_id] = task
                task.add_done_callback(partial(self._lane_ended, room_id))
            self._lanes[room_id].wake()

    def _lane_ended(self, room_id: RoomId, _task: asyncio.Task[None]) -> None:
        lane = self._lanes.pop(room_id)
        del self._tasks[room_id]
        self._elsewhere.pop(room_id, None)
        if lane.elsewhere_until > time.monotonic():
            self._elsewhere[room_id] = lane.elsewhere_until

    def _bid(self, lane: Lane) -> Bid:
        """Return this worker's bid for a room.

        It takes a room from another worker at most once a second, so that the figures reflect the last room
        that changed hands.
        """
        has, now = sum(it.leads for it in self._lanes.values()), time.monotonic()
        if lane.leads:
            return Bid(has)
        even = now - self._bid_at >= LEASE_MS / 1000
        if even:
            self._bid_at = now
        return Bid(has + 1, even)

    def _free(self, room_id: RoomId) -> None:
        """Forget the lease of another worker, which has given the room back."""
        self._elsewhere.pop(room_id, None)
        if lane := self._lanes.get(room_id):
            lane.elsewhere_until = 0.0

    async def _listen(self) -> None:
        """Wake the lanes named in messages; while Redis is unavailable `_check_streams` finds them."""
        while True:
            with suppress(*REDIS_AWAY):
                async for channel, payload in listen(self._ctx.stores.redis, SUBMITTED_CHANNEL + "*"):
                    if channel:
                        room_id = RoomId(channel.removeprefix(SUBMITTED_CHANNEL))
                        if payload == FREE:
                            self._free(room_id)
                        self.wake([room_id])
                    else:
                        self._round_at = 0.0  # earlier messages were missed
            await asyncio.sleep(LISTEN_AGAIN_S)

    async def _check_streams(self) -> bool:
        redis, now = self._ctx.stores.redis, time.monotonic()
        self._elsewhere = {it: until for it, until in self._elsewhere.items() if until + LEASE_FIRST_S > now}
        if now >= self._round_at:
            rooms = await loaded_rooms(redis)
            self._round_at = time.monotonic() + ROUND_S
        else:
            rooms = await busy.busy_rooms(redis, busy.KEYS)
        self.wake(await backlogs.backlogs(redis, [it for it in rooms if it not in self._tasks]))
        return False


async def drain(ctx: WorkerContext) -> None:
    """Process reservations until the worker stops."""
    await Lanes(ctx).run()


LOOPS: tuple[Callable[[WorkerContext], Awaitable[None]], ...] = (drain,)
