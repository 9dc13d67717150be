"""Which rooms are loaded in this Redis."""

from __future__ import annotations

from typing import Any

from app.core.model import RoomId
from app.store.connections import RedisClient
from app.store.keys import ROOMS, RoomKeys


async def loaded_rooms(redis: RedisClient) -> list[RoomId]:
    """The rooms loaded in this Redis."""
    client: Any = redis
    return sorted(RoomId(it) for it in await client.smembers(ROOMS))


async def note_loaded(redis: RedisClient, room_id: RoomId) -> None:
    """Record that the room is loaded, or about to be."""
    client: Any = redis
    await client.sadd(ROOMS, room_id)


async def note_unloaded(redis: RedisClient, room_id: RoomId) -> None:
    """Record that the room is no longer loaded."""
    client: Any = redis
    await client.srem(ROOMS, room_id)


async def is_restoring(redis: RedisClient, keys: RoomKeys) -> bool:
    """Whether this room is still being loaded."""
    client: Any = redis
    restoring: str | None = await client.hget(keys.conf, "restoring")
    return restoring != "0"


async def note_outdated(redis: RedisClient, keys: RoomKeys) -> None:
    """Invalidate this Redis's copy of the room: its next user restores it."""
    client: Any = redis
    await client.hdel(keys.conf, "run_id")
