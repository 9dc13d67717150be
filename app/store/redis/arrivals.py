"""Visitors who joined a part of a room."""

from __future__ import annotations

from typing import Any

from app.core.model import VisitorId
from app.store.connections import RedisClient
from app.store.keys import RoomKeys


async def number_of(redis: RedisClient, keys: RoomKeys, visitor_id: VisitorId) -> int:
    """The latest number that the part gave a visitor; 0 if none."""
    client: Any = redis
    return int(await client.zscore(keys.arrivals, visitor_id) or 0)
