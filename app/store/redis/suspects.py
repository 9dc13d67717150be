"""How many have joined a room as suspects, by the reason; since the room was loaded."""

from __future__ import annotations

from typing import Any

from app.core.model import RoomId
from app.core.newcomers import REASONS
from app.store.connections import RedisClient
from app.store.keys import RoomKeys


async def by_reason(redis: RedisClient, room_id: RoomId) -> dict[str, int]:
    """`weigh.lua` counts them."""
    client: Any = redis
    found = await client.hmget(RoomKeys(room_id).meter, [f"suspects_{letter}" for letter in REASONS])
    return {reason: int(count or 0) for reason, count in zip(REASONS.values(), found, strict=True)}
