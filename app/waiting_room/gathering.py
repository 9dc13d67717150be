"""Gathers a room in parts: moves its visitors from the parts into its queue, in the order of their numbers.

Each step is one idempotent script, so any number of workers may run them at once, and one that dies in
between loses nothing: a part keeps the numbers it gave out, and the queue accepts only numbers behind those
it has.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from math import ceil
from typing import NamedTuple

from app.core.model import RoomId
from app.core.waiting_room.parts import SPARE, part_id
from app.store.connections import RedisClient
from app.store.keys import RoomKeys
from app.store.scripts import parts as scripts
from app.store.scripts.parts import PartContents, PartLost, Rounds
from app.store.scripts.room import NotLoaded

READ_MAX = 2_000  # visitors per part and tick
GATHERED_AT_ONCE = 500  # visitors per script run, which takes a few ms


class PartsSeen(NamedTuple):
    """What a worker saw of a room's parts. `used`: how much of the round the busiest part gave out."""

    round: int = -1  # -1: none seen yet
    used: int = 0
    used_before: int = 0


async def gather(redis: RedisClient, room_id: RoomId, before: PartsSeen) -> PartsSeen:
    """Run one tick: start a round if numbers of the last one were used, and move those who have joined.

    If a part has lost the numbers it gave out, the whole room counts as lost: it is restored, and visitors on
    the way come back by their tokens. Raises NotLoaded.
    """
    keys = RoomKeys(room_id)
    most = ceil(SPARE * before.used_before)
    now = await scripts.rounds(redis, keys, after=before.round if before.used else -1, most=most)
    if now.parts == 1:
        return PartsSeen()
    if not now.ready:
        await _open(redis, room_id, now)
        return PartsSeen()
    try:
        turned = await asyncio.gather(*(_turn(redis, room_id, now, it) for it in range(now.parts)))
    except PartLost:
        with suppress(NotLoaded):  # the call unloads the room; its next user restores it
            await scripts.rounds(redis, keys, lost=now.epoch)
        return PartsSeen()
    await _move(redis, keys, now, turned)
    used, used_before = max(it.used for it in turned), max(it.used_before for it in turned)
    return PartsSeen(now.number, used, used_before or before.used_before)


async def _open(redis: RedisClient, room_id: RoomId, now: Rounds) -> None:
    """Open all parts before any has a round: a part found closed later has therefore lost its data."""
    for part in range(now.parts):
        keys = RoomKeys(part_id(room_id, part))
        await scripts.open_part(redis, keys, generation=now.generation, epoch=now.epoch, first=now.first)
    await scripts.rounds(redis, RoomKeys(room_id), opened=now.epoch)


async def _turn(
    redis: RedisClient, room_id: RoomId, now: Rounds, part: int, limit: int = READ_MAX
) -> PartContents:
    return await scripts.turn_part(
        redis,
        RoomKeys(part_id(room_id, part)),
        epoch=now.epoch,
        number=now.number,
        base=now.base,
        size=now.size,
        place=part,
        parts=now.parts,
        after=now.gathered_to,
        limit=limit,
    )


async def _move(redis: RedisClient, keys: RoomKeys, now: Rounds, turned: Sequence[PartContents]) -> None:
    """Move visitors up to the highest number at or below which no part can add another one."""
    to = min(it.complete for it in turned)
    order = sorted((number, it) for part in turned for it, number in part.arrivals if number <= to)
    expected = now.gathered_to
    while to > expected:
        some, order = order[:GATHERED_AT_ONCE], order[GATHERED_AT_ONCE:]
        last = some[-1][0] if order else to
        records = [(visitor_id, number) for number, visitor_id in some]
        if not await scripts.gather(redis, keys, records, epoch=now.epoch, expected=expected, to=last):
            return  # another worker is ahead
        expected = last


async def next_round(redis: RedisClient, room_id: RoomId, part: int, after: int, missing: int) -> bool:
    """Give a part that has used up round `after` the next one at once; `missing` visitors lack a number.

    Returns False if there is no next round with numbers yet. Raises NotLoaded, PartLost.
    """
    now = await scripts.rounds(redis, RoomKeys(room_id), after=after, hurry=1, most=missing)
    if not now.ready or now.number <= after or not now.size:
        return False
    await _turn(redis, room_id, now, part, limit=0)
    return True
