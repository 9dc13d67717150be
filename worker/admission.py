"""The admission controller: ticks busy rooms up to four times a second, records their progress in Postgres.

Any number of workers may do so at once: a tick is one script that depends only on elapsed time and the stored
state. So there is no leader, and nothing to take over.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from app import loops
from app.core.clock import now_ms
from app.core.model import RoomId
from app.core.monitoring.pulse import BEAT_S
from app.monitoring import counts
from app.monitoring.heartbeat import ThisProcess
from app.restoring.loaded_rooms import LOADS_MAX
from app.store.keys import WORKERS
from app.store.postgres_watch import PostgresWatch
from app.store.redis import heartbeats
from app.store.redis.busy import KEYS, MARK_EVERY_S, busy_rooms, mark_busy
from app.store.redis.loaded import loaded_rooms
from app.store.sql.waiting_room import idle_rooms
from worker.context import WorkerContext
from worker.room_ticker import DUE_WITHIN_S, TICK_S, RoomTicker, TickBatches
from worker.timing import repeat

log = structlog.get_logger(__name__)

QUERY_EVERY_S = 1.0  # interval for queries to Postgres
DUE_EVERY_S = 15.0
FIRST_QUERY_S = 3_600.0  # a starting worker checks changes of the last hour
LATE_S = 30.0  # allowance for changes committed late
VISITS_MAX = 20  # rooms visited once, started with each round of `BusyRooms`
ROUND_EVERY_S = 60.0


class BusyRooms:
    """Which rooms need work, and whether Postgres answers.

    The marks in Redis name rooms with somebody in them, now or a moment ago. Postgres names rooms that staff
    changed, in case the change did not reach Redis, and rooms with an upcoming scheduled time. All other
    loaded rooms are visited one after the other, so that nothing overlooked stays undone.
    """

    def __init__(self, ctx: WorkerContext) -> None:
        self._ctx = ctx
        self._tickers: dict[RoomId, RoomTicker] = {}
        self._tasks: dict[RoomId, asyncio.Task[None]] = {}
        self._changed: dict[RoomId, int] = {}
        self._due: set[RoomId] = set()
        self._visits: dict[RoomId, int] = {}  # rooms to visit once, and the version expected there
        self._round: list[RoomId] = []  # the rest of the current round
        self._queried_at, self._due_queried_at = -FIRST_QUERY_S, -DUE_EVERY_S
        self._round_at = 0.0
        self._marked_at = 0.0
        self._postgres = PostgresWatch(ctx.stores.postgres)
        self._ticks = TickBatches(ctx.stores.redis, self._postgres)
        self._outage_logged = False
        self._restores = asyncio.Semaphore(LOADS_MAX)

    async def run(self) -> None:
        """Keep a ticker for every room that needs work, until the worker stops."""
        query = partial(repeat, self._ctx.stopping, "ask_postgres", self._query_postgres, QUERY_EVERY_S)
        queries = [
            self._ctx.loops.start("postgres_watch", self._postgres.run),
            self._ctx.loops.start("ask_postgres", query),
        ]
        try:
            await repeat(self._ctx.stopping, "admit_rooms", self._tick_rooms, TICK_S)
            for ticker in self._tickers.values():
                ticker.dismiss()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        finally:
            await loops.end([*self._tasks.values(), *queries])  # queries delayed by a store

    async def _tick_rooms(self) -> bool:
        self._log_outage()
        rooms_wanted, visits = await self._find_rooms()
        for room_id, ticker in self._tickers.items():
            ticker.version, ticker.wanted = (
                max(ticker.version, visits.get(room_id, 0)),
                room_id in rooms_wanted,
            )
            if ticker.at_rest and not ticker.wanted:
                ticker.dismiss()
            else:
                ticker.tick_if_due()
        for room_id in (rooms_wanted | visits.keys()) - self._tickers.keys():
            ticker = self._tickers[room_id] = self._ticker(room_id)
            ticker.version, ticker.wanted = visits.get(room_id, 0), room_id in rooms_wanted
            self._tasks[room_id] = self._ctx.loops.start("admit_room", ticker.run, of=room_id)
            self._tasks[room_id].add_done_callback(partial(self._ticker_ended, room_id))
        return False

    async def _find_rooms(self) -> tuple[set[RoomId], dict[RoomId, int]]:
        """Return the rooms that need work, and those to visit once. Also records whether Redis answers in
        time."""
        read_at = time.monotonic()
        try:
            rooms_wanted = {*await busy_rooms(self._ctx.stores.redis, KEYS), *self._due}
            visits = await self._next_visits()
            await self._mark()
        except BaseException:
            self._ticks.answers.failed()
            raise
        self._ticks.answers.answered(read_at, time.monotonic())
        return rooms_wanted, visits

    async def _mark(self) -> None:
        """Renew the marks of rooms that are not at rest."""
        if time.monotonic() - self._marked_at < MARK_EVERY_S:
            return
        self._marked_at = time.monotonic()
        if awake := [
            room_id for room_id, ticker in self._tickers.items() if ticker.ticked and not ticker.at_rest
        ]:
            await mark_busy(self._ctx.stores.redis, KEYS, awake)

    def _ticker(self, room_id: RoomId) -> RoomTicker:
        return RoomTicker(self._ctx.stores, room_id, self._ticks, self._restores, self._ctx.settings.chain)

    def _ticker_ended(self, room_id: RoomId, _task: asyncio.Task[None]) -> None:
        del self._tickers[room_id], self._tasks[room_id]

    def _log_outage(self) -> None:
        if self._postgres.away and not self._outage_logged:
            log.warning("Postgres is unavailable: nobody is called until it is back")
        self._outage_logged = self._postgres.away

    async def _query_postgres(self) -> bool:
        """Query for changes by staff, including those committed late, and less often for scheduled times."""
        postgres, now = self._ctx.stores.postgres, time.monotonic()
        changed = await idle_rooms.select_changed(postgres, now - self._queried_at + LATE_S)
        if now - self._due_queried_at >= DUE_EVERY_S:
            self._due, self._due_queried_at = await idle_rooms.select_due(postgres, DUE_WITHIN_S), now
        self._queried_at = now
        self._visits |= {it: version for it, version in changed.items() if self._changed.get(it) != version}
        self._changed = changed
        return False

    async def _next_visits(self) -> dict[RoomId, int]:
        """Return the next rooms to visit once: changed ones first, then one of the round over all rooms."""
        if not self._round and time.monotonic() >= self._round_at:
            self._round = await loaded_rooms(self._ctx.stores.redis)
            self._round_at = time.monotonic() + ROUND_EVERY_S
        changed = list(self._visits)[:VISITS_MAX]
        visits = {room_id: self._visits.pop(room_id) for room_id in changed}
        if self._round:
            visits.setdefault(self._round.pop(), 0)
        return visits


async def admit_rooms(ctx: WorkerContext) -> None:
    """Run the waiting rooms until the worker stops."""
    await BusyRooms(ctx).run()


async def report(ctx: WorkerContext) -> None:
    """Write this worker's heartbeat and counts every second."""
    redis = ctx.stores.redis
    this_process = ThisProcess()

    async def beat() -> bool:
        await heartbeats.beat(redis, ctx.worker_id, this_process.about(ctx.loops), now_ms(), WORKERS)
        await counts.publish(ctx.stores.redis, ctx.worker_id)
        return False

    await repeat(ctx.stopping, "report", beat, BEAT_S)
    await counts.publish(ctx.stores.redis, ctx.worker_id)
    await heartbeats.leave(redis, ctx.worker_id, WORKERS)


LOOPS: tuple[Callable[[WorkerContext], Awaitable[None]], ...] = (admit_rooms, report)
