"""The backlogs: which submissions wait in the rooms' streams, and how many."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from typing import Any

from app.core.model import RoomId
from app.store.connections import RedisClient
from app.store.keys import RoomKeys
from app.store.pipelining import Command, run_together

ROOMS_AT_ONCE = 500
ENTRIES_AT_ONCE = 500


def questions(keys: RoomKeys) -> list[Command]:
    """The commands whose replies `answered` takes."""
    return [("XLEN", keys.submissions), ("HMGET", keys.batched, "taken", "settled")]


def answered(length: int, counted: Sequence[str | None]) -> int:
    """The number of unsettled submissions."""
    taken, settled = (int(it or 0) for it in counted)
    return length + taken - settled


async def backlogs(redis: RedisClient, room_ids: Sequence[RoomId]) -> dict[RoomId, int]:
    """The numbers of unsettled submissions, for the rooms that have any, in one round trip for many rooms.

    Rooms that Redis cannot answer for are left out.
    """
    lengths: dict[RoomId, int] = {}
    for first in range(0, len(room_ids), ROOMS_AT_ONCE):
        some = room_ids[first : first + ROOMS_AT_ONCE]
        replies = iter(await run_together(redis, [it for one in some for it in questions(RoomKeys(one))]))
        for room_id, length, counted in zip(some, replies, replies, strict=True):
            if isinstance(length, int) and isinstance(counted, list):
                lengths[room_id] = answered(length, counted)
    return {it: length for it, length in lengths.items() if length}


async def backlog(redis: RedisClient, keys: RoomKeys) -> int:
    """The number of unsettled submissions of a room."""
    return (await backlogs(redis, [keys.room_id])).get(keys.room_id, 0)


async def waiting(redis: RedisClient, keys: RoomKeys, reservation_ids: Collection[str]) -> set[str]:
    """Those of the reservations whose submission is not settled, and is therefore still in a stream."""
    return {*await unsettled(redis, keys)}.intersection(reservation_ids)


async def unsettled(redis: RedisClient, keys: RoomKeys) -> list[str]:
    """The reservations with unsettled submissions."""
    streams = (keys.batches, keys.submissions)  # in this order: a batch may be split meanwhile
    pages = await run_together(redis, [("XRANGE", it, "-", "+", "COUNT", ENTRIES_AT_ONCE) for it in streams])
    if any(not isinstance(it, list) or len(it) == ENTRIES_AT_ONCE for it in pages):
        return [it for stream in streams async for it in _reservations_of(redis, stream)]
    return [it for page in pages for _, fields in page for it in _ids(fields)]


async def _reservations_of(redis: RedisClient, stream: str) -> AsyncIterator[str]:
    """Those of a stream of any length, page by page."""
    client: Any = redis
    after = "-"
    while entries := await client.xrange(stream, min=after, count=ENTRIES_AT_ONCE):
        for _, fields in entries:
            for it in _ids(fields):
                yield it
        after = f"({entries[-1][0]}"


def _ids(fields: Mapping[str, str]) -> list[str]:
    lines = fields.get("b", fields.get("s", "")).split("\n")
    return [it.partition("|")[0] for it in lines]
