"""Called visitors of a room in Redis."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from app.core.model import RoomId
from app.store.connections import RedisClient
from app.store.keys import RoomKeys
from app.store.sql.notifications.mail_queue import CalledVisitor

Call = tuple[str, float]  # visitor_id, claim deadline (ms)


async def calls(redis: RedisClient, room_id: RoomId, limit: int) -> set[Call]:
    """The open calls; if more than `limit`, those with the latest deadlines."""
    client: Any = redis
    return set(await client.zrange(RoomKeys(room_id).called, 0, limit - 1, desc=True, withscores=True))


async def numbered(redis: RedisClient, room_id: RoomId, calls: Sequence[Call]) -> list[CalledVisitor]:
    """The calls with their queue numbers; without those that have ended meanwhile."""
    if not calls:
        return []
    client: Any = redis
    visitors = [visitor_id for visitor_id, _ in calls]
    numbers = await client.hmget(RoomKeys(room_id).turns, visitors)
    return [
        CalledVisitor(room_id, visitor_id, int(number), int(claim_by_ms))
        for (visitor_id, claim_by_ms), number in zip(calls, numbers, strict=True)
        if number is not None
    ]
