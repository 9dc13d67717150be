"""What waits in the rooms' streams of submissions: how many, and which."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from app.core.model import RoomId
from app.store.connections import RedisClient
from app.store.keys import RoomKeys
from app.store.pipelining import Command, run_together

ROOMS_AT_ONCE = 500
ENTRIES_AT_ONCE = 500


def questions(keys: RoomKeys) -> list[Command]:
    """The commands whose replies `answered` counts."""
    return [("XLEN", keys.submissions), ("HMGET", keys.batched, "taken", "settled")]


def answered(length: int, counted: Sequence[str | None]) -> int:
    """How many submissions nobody has settled."""
    taken, settled = (int(it or 0) for it in counted)
    return length + taken - settled


async def backlogs(redis: RedisClient, room_ids: Sequence[RoomId]) -> dict[RoomId, int]:
    """How many submissions nobody has settled, of the rooms that have any; a round trip for many rooms.

    A room of which Redis cannot tell is left out.
    """
    found: dict[RoomId, int] = {}
    for first in range(0, len(room_ids), ROOMS_AT_ONCE):
        some = room_ids[first : first + ROOMS_AT_ONCE]
        replies = iter(await run_together(redis, [it for one in some for it in questions(RoomKeys(one))]))
        for room_id, length, counted in zip(some, replies, replies, strict=True):
            if isinstance(length, int) and isinstance(counted, list):
                found[room_id] = answered(length, counted)
    return {it: length for it, length in found.items() if length}


async def backlog(redis: RedisClient, keys: RoomKeys) -> int:
    """How many submissions of the room nobody has settled."""
    return (await backlogs(redis, [keys.room_id])).get(keys.room_id, 0)


async def waiting(redis: RedisClient, keys: RoomKeys, reservation_ids: Collection[str]) -> set[str]:
    """Those of the reservations whose submission is not settled: until then it is in a stream."""
    return {*await unsettled(redis, keys)}.intersection(reservation_ids)


async def unsettled(redis: RedisClient, keys: RoomKeys) -> list[str]:
    """The reservations whose submissions are not settled."""
    client: Any = redis
    found: list[str] = []
    for stream in (keys.batches, keys.submissions):  # in this order a batch that is taken apart is not missed
        after = "-"
        while entries := await client.xrange(stream, min=after, count=ENTRIES_AT_ONCE):
            for _, fields in entries:
                found += _ids(fields.get("b", fields.get("s", "")).split("\n"))
            after = f"({entries[-1][0]}"
    return found


def _ids(lines: Iterable[str]) -> list[str]:
    return [it.partition("|")[0] for it in lines]
