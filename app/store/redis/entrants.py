"""The entrants of a lottery's pre-queue, read in pages."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from app.core.model import VisitorId
from app.store.connections import RedisClient
from app.store.keys import RoomKeys

MIXED = "mixed"  # field of the meter: the root mixed into all draws, see `mix.lua`


async def mixed(redis: RedisClient, keys: RoomKeys) -> str:
    """The root mixed into all draws; "": they use the seed alone."""
    client: Any = redis
    return str(await client.hget(keys.meter, MIXED) or "")


async def pages(redis: RedisClient, keys: RoomKeys, size: int) -> AsyncIterator[list[VisitorId]]:
    """Yield everybody present throughout, some of them twice, in pages of roughly this size."""
    client: Any = redis
    cursor = 0
    while True:
        cursor, entrants = await client.zscan(keys.prequeue, cursor, count=size)
        if entrants:
            yield [VisitorId(visitor_id) for visitor_id, _ in entrants]
        if int(cursor) == 0:
            return
