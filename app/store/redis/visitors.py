"""Finds a visitor of a room by something a person can read out to staff."""

from __future__ import annotations

from typing import Any, NamedTuple

import asyncpg

from app.core.lanes import LANE_BAND, LANES_MAX
from app.core.model import RoomId
from app.store.connections import RedisClient
from app.store.keys import RoomKeys

SCAN_COUNT = 1000
SCANS_MAX = 50  # of called and active visitors; whoever is searched for is rarely further back
MATCHES_MAX = 20


class Visitor(NamedTuple):
    """Where a visitor is. `until_ms`: their claim deadline or the end of their session, 0 for neither."""

    visitor_id: str
    state: str  # waiting, pre-queue, called, active, removed, or how the place ended; "" for none
    queue_number: int
    until_ms: int


async def numbered(redis: RedisClient, keys: RoomKeys, queue_number: int) -> list[str]:
    """The visitor with this queue number, while they wait or have their turn."""
    client: Any = redis
    for lane in range(LANES_MAX + 1 if await client.hexists(keys.conf, "lanes") else 1):
        score = lane * LANE_BAND + queue_number
        waiting = await client.zrangebyscore(keys.waiting, score, score, start=0, num=MATCHES_MAX)
        if waiting:
            return [str(it) for it in waiting]
    cursor = 0
    for _ in range(SCANS_MAX):
        cursor, turns = await client.hscan(keys.turns, cursor, count=SCAN_COUNT)
        names = [name for name, number in turns.items() if number == str(queue_number)]
        if names or not cursor:
            return names
    return []


async def of_email(postgres: asyncpg.Pool, room_id: RoomId, email: str) -> list[str]:
    """The visitors who left this address in the room, or joined with its account."""
    rows = await postgres.fetch(
        "SELECT visitor_id FROM mailboxes WHERE room_id = $1 AND lower(email) = $2 LIMIT $3",
        *(room_id, email, MATCHES_MAX),
    )
    return [row["visitor_id"] for row in rows]


async def of_reservation(postgres: asyncpg.Pool, room_id: RoomId, reservation_id: str) -> list[str]:
    """The visitor of this reservation."""
    row = await postgres.fetchrow(
        "SELECT visitor_id FROM reservations JOIN events USING (event_id) "
        "WHERE reservation_id = $1 AND events.room_id = $2",
        *(reservation_id, room_id),
    )
    return [row["visitor_id"]] if row else []


async def state_of(redis: RedisClient, keys: RoomKeys, visitor_id: str) -> Visitor:
    """Where the visitor is now."""
    client: Any = redis
    if await client.sismember(keys.removed, visitor_id):
        return Visitor(visitor_id, "removed", 0, 0)
    number = int(await client.hget(keys.turns, visitor_id) or 0)
    for state, key in (("called", keys.called), ("active", keys.active)):
        deadline = await client.zscore(key, visitor_id)
        if deadline is not None:
            return Visitor(visitor_id, state, number, int(deadline))
    waiting = await client.zscore(keys.waiting, visitor_id)
    if waiting is not None:
        return Visitor(visitor_id, "waiting", int(waiting) % LANE_BAND, 0)
    if await client.zscore(keys.prequeue, visitor_id) is not None:
        return Visitor(visitor_id, "pre-queue", 0, 0)
    ended = await client.hget(keys.endings, visitor_id)
    word, _, ended_number = (ended or "").partition("|")
    return Visitor(visitor_id, word.replace("_", "-"), int(ended_number or 0), 0)
