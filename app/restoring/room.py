"""Loads a room into Redis: initially, after Redis was lost, and after a restart that may have lost a second.

Postgres provides the serving position, the numbers given out, claimed sessions, removed visitors and the
stock; visitors bring back their places in the tokens they hold. Any process may start a restore at any time
and die at any point: a lock in Postgres lets only one run at a time, and each starts an epoch of its own, in
which anything that an earlier one still does is refused.
"""

from __future__ import annotations

from app.core.errors import RoomNotFound
from app.core.model import RoomId
from app.core.waiting_room import rules
from app.restoring.stock import rebuild_stock
from app.store.connections import Stores
from app.store.keys import RoomKeys
from app.store.redis import busy
from app.store.redis.busy import mark_busy
from app.store.redis.conf import restored_fields
from app.store.redis.loaded import is_restoring, note_loaded
from app.store.scripts import restoring, room
from app.store.scripts.restoring import RestorePoint
from app.store.scripts.stock import RoomNotReady
from app.store.sql.locks import try_lock
from app.store.sql.waiting_room import rooms, sessions
from app.store.sql.waiting_room.rooms import RoomRow


async def rebuild_room(stores: Stores, room_id: RoomId) -> bool:
    """Restore the room unless it is complete.

    Returns False if another process is restoring it, or started to meanwhile. Raises RoomNotFound.
    """
    async with stores.postgres.acquire() as connection, connection.transaction():
        if not await try_lock(connection, "fairgate restore", room_id):
            return False
        if await is_loaded(stores, room_id):
            return True
        row = await rooms.select_room(stores.postgres, room_id)
        if row is None:
            raise RoomNotFound
        point = await sessions.next_epoch(
            stores.postgres,
            room_id,
            claim_window_s=row.room.settings.claim_window_s,
            block=rules.numbers_block(row.room.numbers_reserved),
        )
        if point is None:
            raise RoomNotFound
        return await _restore(stores, row, point)


async def is_loaded(stores: Stores, room_id: RoomId) -> bool:
    """Whether Redis has the room, and it is not being restored."""
    keys = RoomKeys(room_id)
    try:
        await room.status(stores.redis, keys)
    except room.NotLoaded:
        return False
    return not await is_restoring(stores.redis, keys)


async def _restore(stores: Stores, row: RoomRow, point: RestorePoint) -> bool:
    redis = stores.redis
    keys, epoch = RoomKeys(row.room.room_id), point.epoch
    async for removed in sessions.removed_visitors(stores.postgres, row.room.room_id):
        await restoring.load_removed(redis, keys, removed)
    if not await restoring.restore(redis, keys, restored_fields(row, point.draw_first), point):
        return False
    await note_loaded(redis, row.room.room_id)
    await mark_busy(redis, busy.KEYS, [row.room.room_id])  # a worker ticks it even if this process dies now
    async for claimed in sessions.recent_sessions(stores.postgres, row.room.room_id):
        if not await restoring.load_sessions(redis, keys, claimed, epoch=epoch):
            return False
    if row.room.event_id is not None:
        try:
            await rebuild_stock(stores, row.room.room_id, row.room.event_id, epoch)
        except RoomNotReady:
            return False
    back_s = 0 if row.unloaded and not row.waiting else row.room.settings.restore_window_s
    window_s = back_s if epoch > 1 else 0
    return await restoring.finish_restore(redis, keys, epoch=epoch, window_ms=window_s * 1000)
