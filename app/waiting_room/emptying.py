"""Deletes and resets rooms: first in Postgres, then in Redis.

The transaction that ends a room also writes a row to `rooms_gone`, which stays until nothing of the room is
left in Redis. If the cleanup is interrupted, the next call or a worker finishes it. Place tokens, booking
tokens and passes name the generation they were issued in, so none is valid in a room that was reset or
created again.
"""

from __future__ import annotations

from app import audit
from app.audit import Entity
from app.core.account import Author
from app.core.clock import now_ms
from app.core.errors import Conflict, RoomNotFound
from app.core.model import Room, RoomId, RoomStatus
from app.core.waiting_room.parts import PARTS_MAX
from app.restoring.parts import forget_parts
from app.restoring.room import rebuild_room
from app.store.away import stores_answer
from app.store.connections import Connection, Stores
from app.store.keys import DAY_MS, RoomKeys
from app.store.redis import busy
from app.store.redis.loaded import note_loaded, note_unloaded
from app.store.scripts import by_hand
from app.store.scripts import room as room_scripts
from app.store.sql.catalogue import events
from app.store.sql.locks import lock
from app.store.sql.waiting_room import rooms, rooms_gone
from app.store.sql.waiting_room.rooms_gone import GoneRoom
from app.waiting_room.control import audit_fields, new_seed, refresh
from app.waiting_room.queue import Queues

GONE_MAX = 50  # rooms per round of the worker


async def delete_room(queues: Queues, room_id: RoomId, *, force: bool, by: Author) -> None:
    """Delete a room with its settings, places, sessions and passes. Its name may be used again.

    Raises RoomNotFound; Conflict if an event sells through the room, or if anybody is waiting or inside and
    `force` is false. Calling it again finishes an interrupted deletion.
    """
    with stores_answer():
        try:
            now = await _status(queues, room_id)
        except RoomNotFound:
            if await remove_gone(queues.stores, room_id):
                return
            raise
        if not force and (now.waiting or now.called or now.active):
            inside = now.called + now.active
            raise Conflict(
                f"{now.waiting} wait in this room and {inside} are called or inside; "
                "use force to delete it anyway."
            )
        await _delete(queues.stores, room_id, by)


async def delete_with_event(stores: Stores, room_id: RoomId, *, by: Author) -> None:
    """Delete the room of a deleted event, even if visitors are in it. Repeating it changes nothing."""
    with stores_answer():
        await _delete(stores, room_id, by)


async def reset_room(queues: Queues, room_id: RoomId, *, by: Author) -> Room:
    """Empty a room and restart it at number 1, with the same settings and in the same state.

    Raises RoomNotFound, and Conflict if tickets were reserved: their buyers would lose them.
    """
    with stores_answer():
        await _status(queues, room_id)  # fails while Redis is unavailable, so that nothing is reset then
        async with queues.stores.postgres.acquire() as connection, connection.transaction():
            room = await _locked(connection, room_id)
            if room is None:
                raise RoomNotFound
            if room.event_id and await events.has_reservations(connection, room.event_id):
                raise Conflict("Tickets were reserved in this room, and their buyers would lose them.")
            await rooms_gone.note_gone(connection, GoneRoom(room_id, room.generation))
            generation = await rooms_gone.empty_room(connection, room_id, new_seed())
            before = {"generation": room.generation, "serving_position": room.serving_position}
            after = {"generation": generation, "serving_position": 0}
            await audit.record(connection, by, "reset", Entity("room", room_id), before=before, after=after)
        await remove_gone(queues.stores, room_id)
        await rebuild_room(queues.stores, room_id)
        await refresh(queues.stores, room_id)  # it opens at once
    return await queues.loaded_rooms.read(room_id)


async def remove_gone(stores: Stores, room_id: RoomId | None = None) -> int:
    """Remove deleted rooms from Redis: those of one name, or up to GONE_MAX of all. Returns how many."""
    rooms_left = await rooms_gone.select_gone(stores.postgres, room_id, GONE_MAX)
    for room in rooms_left:
        keys = RoomKeys(room.room_id, now_ms() // DAY_MS)
        await note_unloaded(stores.redis, room.room_id)
        await busy.unmark(stores.redis, room.room_id)
        if not await by_hand.forget_room(stores.redis, keys, generation=room.generation):
            await note_loaded(stores.redis, room.room_id)
        await forget_parts(stores.redis, room.room_id, PARTS_MAX, room.generation)
        await rooms_gone.delete_gone(stores.postgres, room)
    return len(rooms_left)


async def _status(queues: Queues, room_id: RoomId) -> RoomStatus:
    keys = RoomKeys(room_id)
    return await queues.loaded_rooms.when_loaded(
        room_id, lambda: room_scripts.status(queues.stores.redis, keys), lambda unloaded: unloaded
    )


async def _delete(stores: Stores, room_id: RoomId, by: Author) -> None:
    async with stores.postgres.acquire() as connection, connection.transaction():
        room = await _locked(connection, room_id)
        if room is not None:
            if room.event_id is not None:
                raise Conflict(f"The event {room.event_id} sells through this room; delete the event.")
            await rooms_gone.note_gone(connection, GoneRoom(room_id, room.generation))
            await rooms.delete_room(connection, room_id)
            before = audit_fields(room)
            await audit.record(connection, by, "delete", Entity("room", room_id), before=before)
    await remove_gone(stores, room_id)


async def _locked(connection: Connection, room_id: RoomId) -> Room | None:
    """The room, locked against restores and changes until the transaction ends."""
    await lock(connection, "fairgate restore", room_id)
    row = await rooms.lock_room(connection, room_id)
    return row.room if row else None
