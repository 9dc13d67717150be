"""Leases: one worker at a time processes a room's submissions, as two would halve its batches.

Only speed depends on them. Two workers that both believe to have the lease do no harm.
"""

from __future__ import annotations

from typing import NamedTuple

from app.store.connections import RedisClient
from app.store.keys import SUBMITTED_CHANNEL, RoomKeys
from app.store.scripts.loader import call

FREE = "free"  # end_lease.lua publishes this in place of a number of submissions


class Bid(NamedTuple):
    """How many rooms the worker would have; `even`: it takes this one from a worker that has more."""

    rooms: int
    even: bool = False


async def lease(redis: RedisClient, keys: RoomKeys, worker: str, bid: Bid, *, lease_ms: int) -> int:
    """Take or extend the lease. Returns 0, or the remaining ms of another worker's lease."""
    rooms, even = bid
    left_ms: int = await call(
        redis, "lease", keys, worker=worker, rooms=rooms, even=int(even), lease_ms=lease_ms
    )
    return left_ms


async def end_lease(redis: RedisClient, keys: RoomKeys, worker: str) -> None:
    """End this worker's lease, if it has it, and notify the others."""
    channel = SUBMITTED_CHANNEL + keys.room_id
    await call(redis, "end_lease", keys, worker=worker, channel=channel)
