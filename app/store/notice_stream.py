"""The Redis stream of notices, for other systems: XREADGROUP it, dedupe by `id`.

An entry has the fields `id`, `type`, `timestamp` and `data` (JSON). The stream is capped: who reads it is to
keep up with it. Delivery is at least once, in order for each reservation and each room.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from redis.exceptions import ResponseError

from app.store.connections import RedisClient
from app.store.keys import EVENTS
from app.store.outbox import Notice

EVENTS_MAX = 100_000  # entries, roughly; about 50 MB
NOTHING = "0-0"


async def add(redis: RedisClient, notices: Sequence[Notice]) -> str:
    """Add them in order; the id of the last entry."""
    client: Any = redis
    pipeline = client.pipeline(transaction=False)
    for it in notices:
        fields = {"id": it.notice_id, "type": it.type, "timestamp": it.at, "data": it.data}
        pipeline.xadd(EVENTS, fields, maxlen=EVENTS_MAX, approximate=True)
    entry_id: str = (await pipeline.execute())[-1]
    return entry_id


async def end(redis: RedisClient) -> str:
    """The id of the entry that was added last, also when it is no longer there; `0-0` when there was none."""
    client: Any = redis
    try:
        entry_id: str = (await client.xinfo_stream(EVENTS))["last-generated-id"]
    except ResponseError:  # no such key
        return NOTHING
    return entry_id


def order(entry_id: str) -> tuple[int, int]:
    """What entry ids are compared by: ms and number."""
    ms, _, number = entry_id.partition("-")
    return int(ms), int(number)
