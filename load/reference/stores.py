"""What the stores do on this machine without us: the same script and table, at the same batch size.

One caller, one call after the other, like the product's coalescer and processor. The ratio to these figures
says how much of the stores' capacity reaches visitors.
"""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from app.core.clock import REDIS_TIME
from app.core.model import EventId, RoomId, VisitorId
from app.core.tokens.place_tokens import new_visitor_id
from app.store.connections import Stores
from app.store.keys import RoomKeys
from app.store.scripts import loader
from app.store.scripts.room import NO_TOKEN, AskRecord, JoinRecord

VISITORS_MAX = 200_000
INSERT = """
    INSERT INTO reservations (reservation_id, event_id, visitor_id, status, items, amount, currency,
                              fingerprint, expires_at)
    SELECT id, $2, id, 'held', '[{"ticket_type_id": "floor", "quantity": 1, "price": 4500}]', 4500, 'EUR',
           'reference', $3
    FROM unnest($1::text[]) AS id
"""


async def joins_per_s(stores: Stores, room_id: RoomId, batch: int, seconds: float) -> float:
    """New visitors per second through `join.lua` alone. Spoils the room: Postgres does not know its
    numbers."""
    keys = RoomKeys(room_id)
    client: Any = stores.redis  # redis-py types these for its sync and async clients at once
    await client.hset(keys.meter, "numbers_reserved", 10**9)

    async def join(visitors: Sequence[VisitorId]) -> None:
        records = [value for visitor_id in visitors for value in JoinRecord(visitor_id, "", 0, NO_TOKEN, 0)]
        await loader.call(stores.redis, "join", keys, records, now_ms=REDIS_TIME, rate=0, burst=1, away=0)

    return await _per_s(join, [new_visitor_id() for _ in range(VISITORS_MAX)], batch, seconds)


async def places_per_s(
    stores: Stores, room_id: RoomId, waiting: Sequence[VisitorId], batch: int, seconds: float
) -> float:
    """Exact places per second through `place.lua` alone; `waiting` are in the room and ask in turn."""
    keys, rounds = RoomKeys(room_id), -(-VISITORS_MAX // len(waiting))

    async def look_up(visitors: Sequence[VisitorId]) -> None:
        records = [value for visitor_id in visitors for value in AskRecord(visitor_id, 0, NO_TOKEN, 0)]
        await loader.call(stores.redis, "place", keys, records, now_ms=REDIS_TIME, rate=0, burst=1)

    return await _per_s(look_up, list(waiting) * rounds, batch, seconds)


async def inserts_per_s(stores: Stores, event_id: EventId, batch: int, seconds: float) -> float:
    """Rows per second into `reservations`, one committed multi-row INSERT after the other; removed again."""
    expires_at = datetime.now(UTC) + timedelta(days=1)
    async with stores.postgres.acquire() as connection:

        async def insert(visitors: Sequence[VisitorId]) -> None:
            await connection.execute(INSERT, visitors, event_id, expires_at)

        try:
            return await _per_s(insert, [new_visitor_id() for _ in range(VISITORS_MAX)], batch, seconds)
        finally:
            await connection.execute("DELETE FROM reservations WHERE event_id = $1", event_id)


async def _per_s(
    work: Callable[[Sequence[VisitorId]], Awaitable[None]],
    visitors: Sequence[VisitorId],
    batch: int,
    seconds: float,
) -> float:
    done, begun = 0, time.perf_counter()
    while done + batch <= len(visitors) and time.perf_counter() - begun < seconds:
        await work(visitors[done : done + batch])
        done += batch
    return done / (time.perf_counter() - begun)
