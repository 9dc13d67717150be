"""Unloads long-closed rooms from Redis. The next use that needs one loads it again.

Showing an unloaded room and refusing newcomers does not load it: Postgres has all that takes.
"""

from __future__ import annotations

from app.core.clock import now_ms, to_ms
from app.core.model import RoomId, RoomStatus
from app.restoring.parts import forget_parts
from app.store.connections import Stores
from app.store.keys import RoomKeys
from app.store.redis.loaded import note_unloaded
from app.store.scripts import admission, restoring, room
from app.store.scripts import parts as parts_scripts
from app.store.scripts.room import NotLoaded
from app.store.sql.waiting_room import idle_rooms
from app.store.sql.waiting_room.idle_rooms import UnloadedRoom

CLOSED_S = 3_600.0  # as long as Redis keeps how places ended
LOADED_S = 900.0  # a room that was needed stays for a while
UNLOAD_MAX = 50  # rooms per round


async def unload_closed(stores: Stores) -> int:
    """Unload up to UNLOAD_MAX rooms. Returns how many were. Any number of workers may do so at once."""
    room_rows = await idle_rooms.select_to_unload(stores.postgres, CLOSED_S, UNLOAD_MAX)
    return sum([await unload_room(stores, it) for it in room_rows])


async def unload_room(
    stores: Stores, room_id: RoomId, *, closed_s: float = CLOSED_S, loaded_s: float = LOADED_S
) -> bool:
    """Unload a room that has been closed and loaded for that long, if nothing is lost. Returns whether it
    was.

    If interrupted, the room is either still in Redis, or restored by the next caller that needs it.
    """
    keys = RoomKeys(room_id)
    try:
        now = await room.status(stores.redis, keys)
        parts = (await parts_scripts.rounds(stores.redis, keys)).parts
        counted = await admission.counters(stores.redis, keys)
        of = room_id, now.epoch
        # If Postgres lacks how far the queue got, a tick records that, and another round unloads the room.
        if not await idle_rooms.keep_counted(
            stores.postgres, *of, now.serving_position, counted, now.waiting
        ):
            return False
        times = {"closed_ms": round(1000 * closed_s), "loaded_ms": round(1000 * loaded_s)}
        if not await restoring.unload(stores.redis, keys, epoch=now.epoch, **times):
            return False
        await forget_parts(stores.redis, room_id, parts if parts > 1 else 0, now.generation)
    except NotLoaded:  # Redis was lost or restarted: the round over loaded rooms restores this one
        return False
    if await idle_rooms.mark_unloaded(stores.postgres, room_id, now.epoch):  # else it was loaded again by now
        await note_unloaded(stores.redis, room_id)
    return True


def status_of(unloaded: UnloadedRoom) -> RoomStatus:
    """The status of an unloaded room."""
    return RoomStatus(
        now_ms=now_ms(),
        version=unloaded.version,
        epoch=unloaded.epoch,
        state="closed",
        serving_position=unloaded.serving_position,
        last_number=unloaded.numbers_reserved,
        waiting=unloaded.waiting,
        called=0,
        active=0,
        outflow_per_minute=0,
        available=unloaded.free,
        opened_at_ms=to_ms(unloaded.opened_at),
        held=None if unloaded.free is None else 0,
        generation=unloaded.generation,
    )
