"""Hands visitor events on from Redis to the outbox, where a room's `visitor_events` is on.

Redis notes them with the step itself, a worker moves them in batches: into the outbox, together with where in
the stream they end, in one transaction, and only then out of Redis. So each is in the outbox once, in order,
however often this is cut off. What Redis loses before that is lost, and what its cap drops is counted.
"""

from __future__ import annotations

from app import metrics
from app.core.model import RoomId
from app.store.connections import Stores
from app.store.keys import RoomKeys
from app.store.redis import visitor_events as stream
from app.store.redis.visitor_events import BEGINNING, VisitorEvent
from app.store.sql import visitor_events as outbox
from app.store.sql.locks import try_lock
from app.store.sql.visitor_events import End

PAGE = 500  # one row of the outbox
PAGES_MAX = 20  # a round; the next one goes on


async def hand_on(stores: Stores, room_id: RoomId, dropped: int) -> None:
    """Move the room's events to the outbox; `dropped`: how many were one too many so far."""
    for _ in range(PAGES_MAX):
        if await _hand_on(stores, room_id, dropped) < PAGE:
            return


async def _hand_on(stores: Stores, room_id: RoomId, dropped: int) -> int:
    """How many were moved; 0 also while another worker does it."""
    keys = RoomKeys(room_id)
    async with stores.postgres.acquire() as connection, connection.transaction():
        if not await try_lock(connection, "fairgate visitor events", room_id):
            return 0
        before = await outbox.select_end(connection, room_id) or End(BEGINNING, 0)
        found = await stream.after(stores.redis, keys, before.entry_id, PAGE)
        if found:
            await outbox.insert_events(connection, room_id, [_subject(it) for it in found])
        more = dropped - before.dropped  # less: Redis was lost, and counts anew
        if more > 0:
            await outbox.insert_dropped(connection, room_id, more)
            metrics.VISITOR_EVENTS_DROPPED.inc(more)
        end = End(found[-1].entry_id if found else before.entry_id, dropped)
        if end != before:
            await outbox.note_end(connection, room_id, end)
    if end.entry_id != BEGINNING:
        await stream.forget(stores.redis, keys, end.entry_id)
    return len(found)


def _subject(it: VisitorEvent) -> str:
    return f"{it.word} {it.visitor_id} {it.number} {it.at_ms}"
