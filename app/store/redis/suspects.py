"""How many joined a room as suspects, by reason, since the room was loaded."""

from __future__ import annotations

from typing import Any

from app.core.model import RoomId
from app.core.waiting_room.newcomers import REASONS
from app.store.connections import RedisClient
from app.store.keys import RoomKeys


async def by_reason(redis: RedisClient, room_id: RoomId) -> dict[str, int]:
    """Read the counts that `weigh.lua` keeps."""
    client: Any = redis
    counts = await client.hmget(RoomKeys(room_id).meter, [f"suspects_{letter}" for letter in REASONS])
    return {reason: int(count or 0) for reason, count in zip(REASONS.values(), counts, strict=True)}
