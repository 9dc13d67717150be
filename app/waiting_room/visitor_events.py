"""Moves visitor events from Redis to the outbox, for rooms with `visitor_events` on.

A script notes each event in Redis atomically with the step itself. A worker moves them in batches: it writes
them to the outbox with its position in the stream, in one transaction, and only then removes them from Redis.
So each is in the outbox once and in order, however often the worker is interrupted. Events are lost if Redis
is lost before, and counted if the stream's cap drops them.
"""

from __future__ import annotations

from app import metrics
from app.core.model import RoomId
from app.store.connections import Stores
from app.store.keys import RoomKeys
from app.store.redis import visitor_events as stream
from app.store.redis.visitor_events import BEGINNING, VisitorEvent
from app.store.sql.locks import try_lock
from app.store.sql.waiting_room import visitor_events as outbox
from app.store.sql.waiting_room.visitor_events import End

PAGE = 500  # one row of the outbox
PAGES_MAX = 20  # per round; the next one goes on


async def move_to_outbox(stores: Stores, room_id: RoomId, dropped: int) -> None:
    """Move the room's events to the outbox. `dropped`: how many the stream's cap has dropped so far."""
    for _ in range(PAGES_MAX):
        if await _move_page(stores, room_id, dropped) < PAGE:
            return


async def _move_page(stores: Stores, room_id: RoomId, dropped: int) -> int:
    """Move a page. Returns how many events; 0 also while another worker does it."""
    keys = RoomKeys(room_id)
    async with stores.postgres.acquire() as connection, connection.transaction():
        if not await try_lock(connection, "fairgate visitor events", room_id):
            return 0
        before = await outbox.select_end(connection, room_id) or End(BEGINNING, 0)
        events_read = await stream.after(stores.redis, keys, before.entry_id, PAGE)
        if events_read:
            await outbox.insert_events(connection, room_id, [_subject(it) for it in events_read])
        more = dropped - before.dropped  # negative if Redis was lost and counts from 0 again
        if more > 0:
            await outbox.insert_dropped(connection, room_id, more)
            metrics.VISITOR_EVENTS_DROPPED.inc(more)
        end = End(events_read[-1].entry_id if events_read else before.entry_id, dropped)
        if end != before:
            await outbox.note_end(connection, room_id, end)
    if end.entry_id != BEGINNING:
        await stream.forget(stores.redis, keys, end.entry_id)
    return len(events_read)


def _subject(event: VisitorEvent) -> str:
    return f"{event.word} {event.visitor_id} {event.number} {event.at_ms}"
