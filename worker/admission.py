"""The admission controller: ticks busy rooms four times a second, and records their progress in Postgres.

Any number of workers may do so at once: a tick is one script that follows from elapsed time and from what is
there. So there is no leader, and nothing to take over.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import structlog

from app import loops
from app.core import rules
from app.core.clock import now_ms
from app.core.errors import RoomNotFound
from app.core.model import RoomId, RoomStatus
from app.core.wait_estimate import Measured
from app.monitoring import counts
from app.monitoring.heartbeat import Self
from app.restoring.loaded_rooms import LOADS_MAX
from app.restoring.room import rebuild_room
from app.store.connections import POSTGRES_AWAY
from app.store.keys import WORKERS, RoomKeys
from app.store.postgres_watch import AWAY_AFTER_S
from app.store.redis.busy import KEYS, MARK_EVERY_S, busy_rooms, mark_busy
from app.store.redis.heartbeats import forget, tell
from app.store.redis.submissions import loaded_rooms
from app.store.scripts import admission
from app.store.scripts.admission import Tick
from app.store.scripts.room import NotLoaded
from app.store.sql import resting, rooms
from app.waiting_room import control, wait_estimate
from app.waiting_room.ended_places import keep_endings
from app.waiting_room.queue_numbers import draw_batch, reserve_numbers
from worker.context import WorkerContext
from worker.timing import pause, repeat

log = structlog.get_logger(__name__)

TICK_S = 0.25
IDLE_TICK_S = 1.0  # of a room nobody is in; also how often Postgres is asked
TICKS_AT_ONCE = 20  # each has a connection meanwhile
CALLS_MAX = 2_000  # a tick; one script run stays below 10 ms
DUE_EVERY_S, DUE_WITHIN_S = 15.0, 60.0  # a room is looked after from a minute before a time that acts on it
FIRST_LOOK_S = 3_600.0  # a worker that starts looks at what was changed in the last hour
LATE_S = 30.0  # a change is seen also if it was committed so late
VISITS_MAX = 20  # rooms that are looked at once, begun with each round of `Watch`
ROUND_EVERY_S = 60.0
KEEP_EVERY_S = 1.0


class Gate:
    """One worker's care of one room, while there is work for it."""

    def __init__(self, ctx: WorkerContext, room_id: RoomId, watch: Watch) -> None:
        self._stores = ctx.stores
        self._room_id = room_id
        self._watch = watch
        self._keys = RoomKeys(room_id)
        self._records_at = 0.0
        self._recorded: tuple[int | str, ...] = ()
        self._keeps_at = 0.0
        self._measured = Measured()
        self.version = 0  # of the room in Postgres, as far as it is known
        self.ticked, self.at_rest = False, False  # whether it did, and as of the last tick
        self.wanted = False  # there is work for it, as far as `Watch` knows
        self.dismissed = asyncio.Event()

    async def run(self) -> None:
        """Tick until the room rests, the worker stops or the room is deleted."""
        try:
            await repeat(self.dismissed, f"admit {self._room_id}", self._once, TICK_S)
        except RoomNotFound:
            log.info("the room is gone", room_id=self._room_id)

    async def _once(self) -> bool:
        """One tick and what follows from it; True when more is due at once."""
        # Without Postgres a called visitor could not claim and would lose their turn: so nobody is called.
        silent_s = self._watch.silent_s()
        limit = 0 if self._watch.postgres_away or silent_s > AWAY_AFTER_S else CALLS_MAX
        try:
            async with self._watch.ticks:
                tick = await admission.admit(
                    self._stores.redis, self._keys, limit=limit, silent_ms=round(1000 * silent_s)
                )
        except NotLoaded:
            return await self._restore_if_needed()
        if limit == 0:
            return False
        if tick.restoring:  # whoever began it may have died; if not, this does nothing
            await self._restore()
        if tick.status.version < self.version:
            await control.push(self._stores, self._room_id)
        if tick.numbers_left < rules.numbers_block(tick.status.last_number) // 2:
            await reserve_numbers(self._stores, self._room_id)
        self._measured = await wait_estimate.follow(self._stores.redis, self._keys, self._measured, tick)
        # A room comes to rest once this is recorded; so one that is found at rest has nothing new to record.
        found_at_rest = not self.ticked and not self.wanted and rests(tick) and tick.status.state != "closed"
        recorded = found_at_rest or await self._record(tick.status)
        drawn = await draw_batch(self._stores, self._room_id) if tick.undrawn else 0
        more = tick.more or drawn > 0
        self.ticked = True
        self.at_rest = recorded and not more and rests(tick) and tick.status.version >= self.version
        if not more and (rest_s := resting_s(tick)):
            await pause(self.dismissed, rest_s)
        return more

    async def _restore_if_needed(self) -> bool:
        """A room that was unloaded is let be, unless somebody has to do with it."""
        if not self.wanted and await resting.select_unloaded(self._stores.postgres, self._room_id):
            self.at_rest = True
            return False
        return await self._restore()

    async def _restore(self) -> bool:
        # When Redis was lost all busy rooms are due at once; each restore needs two connections.
        async with self._watch.restores:
            return await rebuild_room(self._stores, self._room_id)

    async def _record(self, now: RoomStatus) -> bool:
        """Keep how far the queue got and how places ended, each second; whether that is kept."""
        if time.monotonic() >= self._keeps_at:
            await keep_endings(self._stores, self._room_id, now.now_ms)
            self._keeps_at = time.monotonic() + KEEP_EVERY_S
        moved = (now.state, now.serving_position, now.last_number, now.opened_at_ms)
        if moved == self._recorded:
            return True
        if time.monotonic() < self._records_at:
            return False
        await rooms.record_progress(self._stores.postgres, self._room_id, now)
        self._recorded, self._records_at = moved, time.monotonic() + 1.0
        return True


class Watch:
    """Which rooms there is work for, and whether Postgres answers.

    By the marks in Redis: those in which anybody is or was a moment ago. By Postgres: those that staff
    changed, should the change not have reached Redis, and those that a set time will act on. And one after
    the other all others that are loaded, so that nothing stays undone that all of this overlooked.
    """

    def __init__(self, ctx: WorkerContext) -> None:
        self._ctx = ctx
        self._gates: dict[RoomId, Gate] = {}
        self._tasks: dict[RoomId, asyncio.Task[None]] = {}
        self._changed: dict[RoomId, int] = {}
        self._due: set[RoomId] = set()
        self._visits: dict[RoomId, int] = {}  # to be looked at once, and the version expected there
        self._round: list[RoomId] = []  # what is left of it
        self._asked_at, self._due_asked_at = -FIRST_LOOK_S, -DUE_EVERY_S
        self._round_at = 0.0
        self._answered_at = time.monotonic()
        self._marked_at = 0.0
        self.postgres_away = False
        self.restores = asyncio.Semaphore(LOADS_MAX)
        self.ticks = asyncio.Semaphore(TICKS_AT_ONCE)

    async def run(self) -> None:
        """Keep a gate for every room there is work for, until the worker stops."""
        try:
            await repeat(self._ctx.stopping, "admit_rooms", self._once, TICK_S)
            for gate in self._gates.values():
                gate.dismissed.set()
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        finally:
            await loops.end(self._tasks.values())  # those that a store keeps waiting

    async def _once(self) -> bool:
        if time.monotonic() - self._asked_at >= IDLE_TICK_S:
            await self._ask_postgres()
        wanted = {*await busy_rooms(self._ctx.stores.redis, KEYS), *self._due}
        visits = await self._next_visits()
        await self._mark()
        for room_id, gate in self._gates.items():
            gate.version, gate.wanted = max(gate.version, visits.get(room_id, 0)), room_id in wanted
            if gate.at_rest and not gate.wanted:
                gate.dismissed.set()
        for room_id in (wanted | visits.keys()) - self._gates.keys():
            gate = self._gates[room_id] = Gate(self._ctx, room_id, self)
            gate.version, gate.wanted = visits.get(room_id, 0), room_id in wanted
            self._tasks[room_id] = self._ctx.loops.start("admit_room", gate.run, of=room_id)
            self._tasks[room_id].add_done_callback(partial(self._gone, room_id))
        return False

    async def _mark(self) -> None:
        """Those that do not rest stay busy."""
        if time.monotonic() - self._marked_at < MARK_EVERY_S:
            return
        self._marked_at = time.monotonic()
        if awake := [room_id for room_id, gate in self._gates.items() if gate.ticked and not gate.at_rest]:
            await mark_busy(self._ctx.stores.redis, KEYS, awake)

    def silent_s(self) -> float:
        """How long ago Postgres was asked what it has answered."""
        return time.monotonic() - self._answered_at

    def _gone(self, room_id: RoomId, _task: asyncio.Task[None]) -> None:
        del self._gates[room_id], self._tasks[room_id]

    async def _ask_postgres(self) -> None:
        """Each second: what staff changed, with what may have been committed late; less often what is due."""
        postgres, now = self._ctx.stores.postgres, time.monotonic()
        try:
            changed = await resting.select_changed(postgres, now - self._asked_at + LATE_S)
            if now - self._due_asked_at >= DUE_EVERY_S:
                self._due, self._due_asked_at = await resting.select_due(postgres, DUE_WITHIN_S), now
        except POSTGRES_AWAY as error:
            if not self.postgres_away:
                log.warning("Postgres is away: nobody is called meanwhile", why=repr(error))
            self.postgres_away = True
            return
        self.postgres_away, self._asked_at, self._answered_at = False, now, now
        self._visits |= {it: version for it, version in changed.items() if self._changed.get(it) != version}
        self._changed = changed

    async def _next_visits(self) -> dict[RoomId, int]:
        """The next rooms to be looked at once: those that were changed first, then one of the round."""
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
    await Watch(ctx).run()


async def report(ctx: WorkerContext) -> None:
    """Tell each second that this worker lives, and what it counted."""
    redis: Any = ctx.stores.redis
    myself = Self()

    async def once() -> bool:
        await tell(redis, ctx.worker_id, myself.about(ctx.loops))
        await redis.zadd(WORKERS, {ctx.worker_id: now_ms()})
        await forget(ctx.stores.redis, WORKERS, now_ms())
        await counts.tell(ctx.stores.redis, ctx.worker_id)
        return False

    await repeat(ctx.stopping, "report", once, 1.0)
    await counts.tell(ctx.stores.redis, ctx.worker_id)
    await redis.zrem(WORKERS, ctx.worker_id)


def rests(tick: Tick) -> bool:
    """Whether nothing in this room needs a worker until somebody comes, or for longer than a minute."""
    now = tick.status
    if tick.restoring or tick.backlog or now.called or now.active or now.held or now.outflow_per_minute:
        return False
    if now.waiting and now.state != "closed":
        return False
    return tick.due_in_ms is None or tick.due_in_ms > 1000 * DUE_WITHIN_S


def resting_s(tick: Tick) -> float:
    """For how long this room needs no tick, besides the usual time between two.

    In one that nobody is in only a time that staff set makes anything move: whoever comes is called by their
    join.
    """
    now = tick.status
    if now.called + now.active or tick.restoring or (now.waiting and now.state != "closed"):
        return 0.0
    if tick.due_in_ms is None:
        return IDLE_TICK_S - TICK_S
    return max(0.0, min(IDLE_TICK_S, tick.due_in_ms / 1000) - TICK_S)


LOOPS: tuple[Callable[[WorkerContext], Awaitable[None]], ...] = (admit_rooms, report)
