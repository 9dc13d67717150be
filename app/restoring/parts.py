"""Removes the parts of a room from Redis."""

from __future__ import annotations

from app.core.model import RoomId
from app.core.waiting_room.parts import part_id
from app.store.connections import RedisClient
from app.store.keys import RoomKeys
from app.store.scripts import parts as scripts


async def forget_parts(redis: RedisClient, room_id: RoomId, parts: int, generation: str) -> None:
    """Remove the parts 0 to `parts` - 1 of this generation of a room from Redis."""
    for part in range(parts):
        await scripts.forget_part(redis, RoomKeys(part_id(room_id, part)), generation=generation)
