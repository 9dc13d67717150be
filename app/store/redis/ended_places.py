"""How places ended; Redis keeps it for an hour."""

from __future__ import annotations

from typing import Any

from app.store.connections import RedisClient
from app.store.keys import RoomKeys
from app.store.scripts.restoring import EndingRecord


async def stored_until(redis: RedisClient, keys: RoomKeys) -> int:
    """Up to when (ms) endings of the room are in Postgres."""
    client: Any = redis
    return int(await client.hget(keys.meter, "kept_ms") or 0)


async def note_stored(redis: RedisClient, keys: RoomKeys, until_ms: int) -> None:
    """Record that endings up to then are in Postgres. Workers may race: storing one twice is harmless."""
    client: Any = redis
    await client.hset(keys.meter, "kept_ms", until_ms)


async def ended_since(
    redis: RedisClient, keys: RoomKeys, since_ms: int, offset: int, limit: int
) -> tuple[list[EndingRecord], int]:
    """A page of the places that ended since, oldest first, and when the last one did; 0: the page is empty.

    Places without a number are left out: before the draw, joining again yields the same place.
    """
    client: Any = redis
    page = await client.zrange(
        keys.ended, since_ms, "+inf", byscore=True, offset=offset, num=limit, withscores=True
    )
    if not page:
        return [], 0
    visitors = [visitor_id for visitor_id, _ in page]
    records = [
        EndingRecord(visitor_id, *_parts(text))
        for visitor_id, text in zip(visitors, await client.hmget(keys.endings, visitors), strict=True)
        if text is not None
    ]
    return [it for it in records if it.number > 0], int(page[-1][1])


def _parts(text: str) -> tuple[str, int]:
    word, _, number = text.partition("|")
    return word, int(number)
