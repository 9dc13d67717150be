"""The backlogs: which submissions wait in the rooms' streams, and how many."""

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
    client: Any = redis
    unsettled_ids: list[str] = []
    for stream in (keys.batches, keys.submissions):  # in this order: a batch may be split meanwhile
        after = "-"
        while entries := await client.xrange(stream, min=after, count=ENTRIES_AT_ONCE):
            for _, fields in entries:
                unsettled_ids += _ids(fields.get("b", fields.get("s", "")).split("\n"))
            after = f"({entries[-1][0]}"
    return unsettled_ids


def _ids(lines: Iterable[str]) -> list[str]:
    return [it.partition("|")[0] for it in lines]
