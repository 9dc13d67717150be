"""Ticks one room while there is work for it, and does the follow-up work of its ticks.

Ticks are batched with those of other rooms (`TickBatches`). Most need no follow-up; follow-ups run in the
room's own task, so that a failing room delays no other.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from itertools import zip_longest

import structlog

from app.core.assurance.beacon import Chain
from app.core.errors import RoomNotFound
from app.core.model import Pace, RoomId
from app.core.waiting_room import rules
from app.core.waiting_room.wait_estimate import QueueMeasurements
from app.restoring.room import rebuild_room
from app.store.answer_log import AnswerLog
from app.store.coalescer import Coalescer
from app.store.connections import RedisClient, Stores
from app.store.keys import RoomKeys
from app.store.postgres_watch import PostgresWatch
from app.store.scripts import admission
from app.store.scripts.admission import Tick
from app.store.scripts.room import NotLoaded
from app.store.scripts.shared_round_trips import server_of
from app.store.sql.waiting_room import idle_rooms, rooms
from app.waiting_room import control, wait_estimate
from app.waiting_room.ended_places import keep_endings
from app.waiting_room.gathering import PartsSeen, gather
from app.waiting_room.queue_numbers import draw_batch, reserve_numbers
from app.waiting_room.visitor_events import move_to_outbox
from worker.log_writer import LogWriter
from worker.outage_reports import OutageReports
from worker.timing import repeat

log = structlog.get_logger(__name__)

TICK_S = 0.25
SLOW_TICK_S = 1.0  # for a room where nothing changed and nobody can be called yet
TOGETHER = 200  # rooms per round trip
FOLLOW_UPS_AT_ONCE = 20  # each holds a connection
CALLS_MAX = 2_000  # per tick; one script run stays below 10 ms
DUE_WITHIN_S = 60.0  # a room is ticked from this long before a scheduled time
RECORD_EVERY_S = 1.0
MOVE_EVENTS_EVERY_S = 0.5

Moved = tuple[int | str | None, ...]
Ticked = tuple[RoomKeys, OutageReports]


class TickBatches:
    """Ticks rooms: one round trip at a time to each server, for all that are due meanwhile."""

    def __init__(self, redis: RedisClient, postgres: PostgresWatch) -> None:
        self._redis = redis
        self.postgres = postgres
        self.answers = AnswerLog()  # of Redis, recorded by `BusyRooms`
        self._together: Coalescer[str, Ticked, Tick] = Coalescer(self._tick, batch_max=TOGETHER)
        self.follow_ups = asyncio.Semaphore(FOLLOW_UPS_AT_ONCE)

    def tick(self, keys: RoomKeys, outages: OutageReports) -> asyncio.Future[Tick]:
        """Return the next tick of a room. Raises NotLoaded, and errors of this room alone."""
        return self._together.submit(server_of(self._redis, keys.conf), (keys, outages))

    async def _tick(self, _server: str, some: Sequence[Ticked]) -> list[Tick | Exception]:
        """Tick rooms of one server. Without Postgres nobody is called, because they could not claim."""
        away, sent_at = self.postgres.away, time.monotonic()
        rooms = [(keys, outages.next_report(sent_at, away=away)) for keys, outages in some]
        ticks: list[Tick | Exception] = []
        try:
            ticks = await admission.admit_each(self._redis, rooms, limit=0 if away else CALLS_MAX)
            return ticks
        finally:
            now = time.monotonic()
            for (_, outages), tick in zip_longest(some, ticks):
                if isinstance(tick, Tick):
                    outages.answered(sent_at, now, tick.status.now_ms, away=away)
                else:
                    outages.failed()


class RoomTicker:
    """Ticks one room, for one worker."""

    def __init__(
        self, stores: Stores, room_id: RoomId, ticks: TickBatches, restores: asyncio.Semaphore, chain: Chain
    ) -> None:
        self._stores = stores
        self._room_id = room_id
        self._keys = RoomKeys(room_id)
        self._ticks = ticks
        self._postgres = ticks.postgres
        self._outages = OutageReports((ticks.postgres.log, ticks.answers))
        self._restores = restores
        self._dismissed = asyncio.Event()
        self._pending: asyncio.Future[Tick | None] | None = None  # a tick that needs a follow-up
        self._waiting = False  # for the next tick to be due
        self._due_at = 0.0
        self._seen: Moved = ()
        self._measured = QueueMeasurements()
        self._pace: Pace | None = None  # to be published
        self._recorded: Moved = ()
        self._record_at, self._keep_endings_at, self._move_events_at = 0.0, 0.0, 0.0
        self._log = LogWriter(stores, room_id, chain)
        self._parts = PartsSeen()  # of a room divided into parts
        self._dropped = 0  # dropped visitor events already reported
        self.version = 0  # the newest known version of the room in Postgres
        self.ticked, self.at_rest = False, False  # whether it has ticked, and was at rest then
        self.wanted = False  # whether it needs work, according to `BusyRooms`

    async def run(self) -> None:
        """Run follow-ups until the room rests, the worker stops or the room is deleted."""
        self._due_at = 0.0
        try:
            await repeat(self._dismissed, f"admit {self._room_id}", self._await_and_follow_up, 0)
        except RoomNotFound:
            log.info("the room was deleted", room_id=self._room_id)

    def dismiss(self) -> None:
        """Stop the ticker."""
        self._dismissed.set()
        if self._pending is not None and not self._pending.done():
            self._pending.set_result(None)

    def tick_if_due(self) -> None:
        """Tick if it is time to; called repeatedly."""
        if self._waiting and time.monotonic() >= self._due_at:
            self._tick()

    def _tick(self) -> None:
        self._waiting = False
        self._ticks.tick(self._keys, self._outages).add_done_callback(self._handle_tick)

    def _handle_tick(self, reply: asyncio.Future[Tick]) -> None:
        error = None if reply.cancelled() else reply.exception()
        if self._pending is None or self._pending.done() or reply.cancelled():
            return  # the task has failed or should end
        if error is not None:
            self._pending.set_exception(error)
        elif self._needs_follow_up(tick := reply.result()):
            self._pending.set_result(tick)
        else:
            self._schedule_next(tick)
            self._waiting = True

    async def _await_and_follow_up(self) -> bool:
        """Wait for a tick that needs a follow-up, and run it."""
        self._pending = asyncio.get_running_loop().create_future()
        if self._due_at:
            self._waiting = True
        else:
            self._tick()
        try:
            tick = await self._pending
        except NotLoaded:
            return await self._restore_if_needed()
        if tick is not None and not self._postgres.away:
            await self._restore_and_follow_up(tick)
        return True  # to wait for the next

    def _needs_follow_up(self, tick: Tick) -> bool:
        """Whether this tick needs a follow-up."""
        if self._postgres.away:
            return False
        self._measured, self._pace = wait_estimate.judge(self._measured, tick)
        return (
            tick.more
            or tick.restoring
            or tick.undrawn
            or tick.status.version < self.version
            or _numbers_run_out(tick)
            or self._pace is not None
            or self._is_to_be_recorded(tick)
            or self._has_events(tick)
            or self._log.is_due(tick)
            or tick.parts > 0
        )

    async def _restore_and_follow_up(self, tick: Tick) -> None:
        if tick.restoring:  # its worker may have died; if not, this does nothing
            await self._restore()
        async with self._ticks.follow_ups:
            drawn = await self._follow_up(tick)
        self._schedule_next(tick, more=tick.more or drawn > 0)

    async def _follow_up(self, tick: Tick) -> int:
        """Run the follow-up; returns how many places were drawn."""
        if tick.status.version < self.version:
            await control.push(self._stores, self._room_id)
        if _numbers_run_out(tick):
            await reserve_numbers(self._stores, self._room_id)
        if self._pace is not None:
            await admission.show_pace(self._stores.redis, self._keys, tick.status.pace, self._pace)
        if self._is_to_be_recorded(tick):
            await self._record(tick)
        if self._has_events(tick):
            await move_to_outbox(self._stores, self._room_id, tick.dropped)
            self._dropped, self._move_events_at = tick.dropped, time.monotonic() + MOVE_EVENTS_EVERY_S
        if self._log.is_due(tick):
            await self._log.write()
        if tick.parts:
            self._parts = await gather(self._stores.redis, self._room_id, self._parts)
        return await draw_batch(self._stores, self._room_id) if tick.undrawn else 0

    def _schedule_next(self, tick: Tick, *, more: bool = False) -> None:
        """Note the state after a tick, and schedule the next one."""
        written = self._log.is_done(tick) and not tick.visitor_events
        recorded = written and self._is_recorded(tick) and not tick.unkept
        moved, self._seen = _moved(tick) != self._seen, _moved(tick)
        self.ticked = True
        self.at_rest = recorded and not more and rests(tick) and tick.status.version >= self.version
        self._due_at = 0.0 if more else time.monotonic() + next_tick_s(tick, moved=moved)

    async def _restore_if_needed(self) -> bool:
        """Leave an unloaded room alone, unless somebody uses it."""
        self._due_at = time.monotonic()
        if not self.wanted and await idle_rooms.select_unloaded(self._stores.postgres, self._room_id):
            self.at_rest = True
        else:
            await self._restore()
        return True

    async def _restore(self) -> None:
        # When Redis was lost all busy rooms are due at once; each restore needs two connections.
        async with self._restores:
            await rebuild_room(self._stores, self._room_id)

    def _is_recorded(self, tick: Tick) -> bool:
        """Whether progress is recorded, which a room needs to rest, unless it was found at rest.

        After an outage it is recorded once more, because a promoted server may lack the last of it.
        """
        found_at_rest = not self.ticked and not self.wanted and rests(tick) and tick.status.state != "closed"
        return found_at_rest or (*_progress(tick), self._postgres.outages) == self._recorded

    def _has_events(self, tick: Tick) -> bool:
        """Whether there are visitor events to pass on now."""
        due = tick.visitor_events or tick.dropped != self._dropped
        return bool(due) and time.monotonic() >= self._move_events_at

    def _is_to_be_recorded(self, tick: Tick) -> bool:
        now = time.monotonic()
        keep = tick.unkept and now >= self._keep_endings_at
        return keep or (now >= self._record_at and not self._is_recorded(tick))

    async def _record(self, tick: Tick) -> None:
        """Record, at most every second, the progress of the queue and how places ended."""
        now, outages = time.monotonic(), self._postgres.outages
        if tick.unkept and now >= self._keep_endings_at:
            await keep_endings(self._stores, self._room_id, tick.status.now_ms)
            self._keep_endings_at = now + RECORD_EVERY_S
        if now >= self._record_at and not self._is_recorded(tick):
            reserved = tick.status.last_number + tick.numbers_left
            await rooms.record_progress(self._stores.postgres, self._room_id, tick.status, reserved)
            self._recorded = *_progress(tick), outages
            self._record_at = now + RECORD_EVERY_S


def rests(tick: Tick) -> bool:
    """Whether this room needs no worker until somebody joins, or for longer than a minute."""
    now = tick.status
    if tick.restoring or tick.backlog or now.called or now.active or now.held or now.outflow_per_minute:
        return False
    if now.waiting and now.state != "closed":
        return False
    return tick.due_in_ms is None or tick.due_in_ms > 1000 * DUE_WITHIN_S


def next_tick_s(tick: Tick, *, moved: bool) -> float:
    """Return the time until a room's next tick: a quarter of a second while it moves, to call and to publish.

    If nothing moves, only time can change anything: then it is the time until the next call, scheduled time
    or deadline, at most a second; visitors who join an empty room are called by their join.
    """
    if moved or tick.restoring or tick.undrawn:
        return TICK_S
    soon_ms = [it for it in (tick.call_in_ms, tick.due_in_ms) if it is not None]
    return max(TICK_S, min([SLOW_TICK_S, *(it / 1000 for it in soon_ms)]))


def _numbers_run_out(tick: Tick) -> bool:
    return tick.numbers_left < rules.numbers_block(tick.status.last_number) // 2


def _progress(tick: Tick) -> Moved:
    """The progress that Postgres must have."""
    now = tick.status
    lanes = (it.serving_position for it in now.lanes)
    return now.state, now.serving_position, now.last_number, now.opened_at_ms, *lanes


def _moved(tick: Tick) -> Moved:
    """Values that differ between two ticks if anything has moved."""
    now = tick.status
    return (now.version, *_progress(tick), now.waiting, now.called, now.active, now.available, now.held)
