"""Figures of rooms and of the whole installation, as both stores have them now."""

from __future__ import annotations

from typing import NamedTuple

from app.core.clock import now_ms
from app.core.model import EventId, Room, RoomId, RoomStatus
from app.core.waiting_room import rules
from app.monitoring import counts
from app.monitoring.counts import InstallationCounts
from app.store.away import stores_answer
from app.store.connections import RedisClient, Stores
from app.store.keys import WORKERS, RoomKeys
from app.store.redis import backlogs, heartbeats, ledger
from app.store.redis.busy import LATELY_MS
from app.store.scripts import admission
from app.store.scripts.admission import Counters
from app.store.sql.reservations import orders
from app.store.sql.reservations.orders import ReservationCounts
from app.store.sql.waiting_room.rooms import select_progress
from app.waiting_room import queue, room_lists
from app.waiting_room.queue import Queues

WORKER_SEEN_MS = 10_000  # a worker writes its heartbeat every second


class RoomFigures(NamedTuple):
    """A room with its counters, its unsettled requests, and its stock ({} without an event)."""

    room: Room
    status: RoomStatus
    counted: Counters
    backlog: int
    stock: dict[str, int]


async def rooms(queues: Queues, limit: int) -> list[RoomFigures]:
    """The rooms that were busy in the last 15 minutes, by room_id; if more than `limit`, the latest.

    Without rooms that are being restored or fail. Raises StoreUnavailable.
    """

    redis = queues.stores.redis
    with stores_answer():
        busy = await room_lists.busy_rooms(queues, within_ms=LATELY_MS, limit=limit)
        keys = {it.room_id: RoomKeys(it.room_id) for it, _ in busy}
        counted = await admission.counters_of(redis, list(keys.values()))
        waiting = await backlogs.backlogs(redis, list(keys))
        selling = [it.room_id for it, _ in busy if it.event_id]
        stocks = dict(zip(selling, await ledger.stocks(redis, [keys[it] for it in selling]), strict=True))
    return [
        RoomFigures(it, status, counters, waiting.get(it.room_id, 0), stocks.get(it.room_id, {}))
        for (it, status), counters in zip(busy, counted, strict=True)
        if counters is not None  # lost a moment ago, or failing
    ]


async def room(queues: Queues, room_id: RoomId) -> RoomFigures:
    """One room. Raises RoomNotFound, Restoring, StoreUnavailable."""
    with stores_answer():
        row, status = await queue.status(queues, room_id)
        return await queues.loaded_rooms.when_loaded(room_id, lambda: _figures(queues, row, status))


async def waits_s(queues: Queues, room_id: RoomId) -> dict[str, int] | None:
    """How long called visitors had waited: p50, p90, p99. None: nobody has been called yet."""
    with stores_answer():
        return rules.wait_percentiles_s(await select_progress(queues.stores.postgres, room_id))


async def reservations(stores: Stores, event_id: EventId | None = None) -> ReservationCounts:
    """The reservations of an event, or of all. Reads all of them, so do not call it often."""
    with stores_answer():
        return await orders.counts(stores.postgres, event_id)


async def requests(stores: Stores) -> InstallationCounts:
    """The counts of all processes. Raises StoreUnavailable."""
    with stores_answer():
        return await counts.installation(stores.redis)


async def workers(redis: RedisClient) -> int:
    """The number of live workers."""
    return await heartbeats.alive(redis, WORKERS, now_ms(), WORKER_SEEN_MS)


async def _figures(queues: Queues, room: Room, status: RoomStatus) -> RoomFigures:
    keys, client = RoomKeys(room.room_id), queues.stores.redis
    counted = await admission.counters(client, keys)
    stock = await ledger.stock(client, keys) if room.event_id else {}
    return RoomFigures(room, status, counted, await backlogs.backlog(client, keys), stock)
