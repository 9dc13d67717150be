"""The Redis stream of events for other systems: XREADGROUP it, dedupe by `id`.

An entry has the fields `id`, `type`, `timestamp` and `data` (JSON). The stream is capped, so readers must
keep up with it. Delivery is at least once, in order for each reservation and each room.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import Any

from redis.exceptions import ResponseError

from app.store.away import RedisUnable
from app.store.connections import RedisClient
from app.store.keys import NoticeKeys
from app.store.scripts.loader import call
from app.store.sql.notifications.outbox import Notice

KEYS = NoticeKeys()
EVENTS_MAX = 100_000  # entries, roughly; about 30 MB
NOTHING = "0-0"


async def add_notices(
    redis: RedisClient, keys: NoticeKeys, notices: Iterable[Notice], *, entries_max: int = EVENTS_MAX
) -> str:
    """Add one or more in order; returns the id of the last entry."""
    entry_id: str = await call(
        redis, "add_notices", keys, chain.from_iterable(notices), entries_max=entries_max
    )
    return entry_id


async def end(redis: RedisClient) -> str:
    """The id of the last entry added, even if it has been trimmed; `0-0` if there was none."""
    client: Any = redis
    try:
        entry_id: str = (await client.xinfo_stream(KEYS.events))["last-generated-id"]
    except RedisUnable:
        raise
    except ResponseError:  # no such key
        return NOTHING
    return entry_id


def order(entry_id: str) -> tuple[int, int]:
    """The sort key of entry ids: ms and sequence number."""
    ms, _, number = entry_id.partition("-")
    return int(ms), int(number)
