"""A room in parts in Redis, and its parts."""

from __future__ import annotations

from typing import Any

from app.core.waiting_room.parts import part_id
from app.store.keys import RoomKeys
from app.store.scripts import parts
from app.store.scripts.parts import ArrivalRecord, ArrivalReply, PartContents, Rounds
from tests.support.builders import KEYS, NOW, ROOM, Client, a_room

PARTS = 3
PART_KEYS = [RoomKeys(part_id(ROOM, it)) for it in range(PARTS)]


async def a_room_in_parts(redis: Client, **settings: Any) -> Rounds:
    """An open room whose parts are open and have the numbers of their first round."""
    await a_room(redis, parts=PARTS, **settings)
    now = await parts.rounds(redis, KEYS, now_ms=NOW)
    for keys in PART_KEYS:
        await parts.open_part(redis, keys, generation=now.generation, epoch=now.epoch, first=1)
    now = await parts.rounds(redis, KEYS, opened=now.epoch, now_ms=NOW)
    for part in range(PARTS):
        await give_numbers(redis, now, part)
    return now


async def give_numbers(redis: Client, now: Rounds, part: int = 0, *, limit: int = 100) -> PartContents:
    """Give a part its numbers for a round."""
    return await parts.turn_part(
        redis,
        PART_KEYS[part],
        epoch=now.epoch,
        number=now.number,
        base=now.base,
        size=now.size,
        place=part,
        parts=PARTS,
        after=now.gathered_to,
        limit=limit,
    )


async def join_part(
    redis: Client, *visitors: str, part: int = 0, again: int = 0, quantity: int = 0
) -> ArrivalReply:
    """Let these visitors join a part."""
    records = [ArrivalRecord(it, "", again, quantity) for it in visitors]
    return await parts.arrive(redis, PART_KEYS[part], records, rate=0, burst=1, parts=PARTS, now_ms=NOW)


async def numbers_of(redis: Client, *visitors: str, part: int = 0, again: int = 0) -> list[int]:
    """The numbers they are given or already have."""
    return [it.number for it in (await join_part(redis, *visitors, part=part, again=again)).arrivals]
