"""Which worker works off a room's submissions: one at a time, as two would halve its batches.

Nothing but speed hangs on it. Two that both believe to have the lease do what any two workers may do.
"""

from __future__ import annotations

from typing import NamedTuple

from app.store.connections import RedisClient
from app.store.keys import SUBMITTED_CHANNEL, RoomKeys
from app.store.scripts.loader import call

FREE = "free"  # what end_lease.lua says in place of a number of submissions


class Bid(NamedTuple):
    """How many rooms a worker then has; `even`: it takes this one from a worker that has more."""

    rooms: int
    even: bool = False


async def lease(redis: RedisClient, keys: RoomKeys, worker: str, bid: Bid, *, lease_ms: int) -> int:
    """Take the lease, or put off its end: 0; or for how many ms another worker has it."""
    rooms, even = bid
    left_ms: int = await call(
        redis, "lease", keys, worker=worker, rooms=rooms, even=int(even), lease_ms=lease_ms
    )
    return left_ms


async def end_lease(redis: RedisClient, keys: RoomKeys, worker: str) -> None:
    """End the lease, if it is this worker's, and tell the others."""
    channel = SUBMITTED_CHANNEL + keys.room_id
    await call(redis, "end_lease", keys, worker=worker, channel=channel)
