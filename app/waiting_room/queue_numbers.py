"""Reserves queue numbers in Postgres before they are given out, and runs the draw of a lottery."""

from __future__ import annotations

import time

from app.core.clock import from_ms
from app.core.model import Room, RoomId
from app.core.waiting_room import rules
from app.store.connections import Connection, Stores
from app.store.keys import RoomKeys
from app.store.redis import entrants
from app.store.scripts import admission
from app.store.sql.locks import try_lock
from app.store.sql.waiting_room import draws, queue_numbers, rooms

# How long after the opening a draw waits for the log. The log itself records that the beacon was unavailable
# at most `NEAR_MS` and `WAITS_MS` (`core/assurance/beacon.py`) after the opening.
MIXED_WITHIN_MS = {"entries": 60_000, "beacon": 240_000}
DRAW_BATCH = 2_000  # visitors: one script run of a few ms, one INSERT


async def reserve_numbers(stores: Stores, room_id: RoomId) -> None:
    """Reserve another block of numbers, and those for a draw. Raises NotLoaded.

    Reserves nothing if the room was restored or reset meanwhile; a caller that runs out asks again.
    """
    keys = RoomKeys(room_id)
    now = await admission.numbers(stores.redis, keys)
    reserved = await queue_numbers.reserve_numbers(
        stores.postgres,
        room_id,
        (now.generation, now.epoch),
        now.last_number + rules.numbers_block(now.last_number),
        draw_first=now.draw_first,
        draw_last=now.draw_last,
        opened_at=from_ms(now.opened_at_ms),
    )
    if reserved is not None:
        await admission.raise_numbers(
            stores.redis, keys, epoch=now.epoch, draw_last=now.draw_last, numbers=reserved
        )


async def draw_batch(stores: Stores, room_id: RoomId) -> int:
    """Number the next visitors of the pre-queue, in Postgres first. Returns how many. Raises NotLoaded.

    A lock keeps workers from doing the same work twice, but the order does not depend on it: in Postgres each
    number has one visitor and each visitor one number, and the script moves visitors only if they are the
    next to be drawn. A draw with added entropy waits until that is known: a second or two for the log's root,
    about 15 s for the beacon.
    """
    async with stores.postgres.acquire() as connection, connection.transaction():
        if not await try_lock(connection, "fairgate draw", room_id):
            return 0
        row = await rooms.select_room(connection, room_id)
        if row is None or not await _is_mixed(connection, stores, row.room):
            return 0
        return await _draw_next(stores, room_id)


async def _is_mixed(connection: Connection, stores: Stores, room: Room) -> bool:
    """Whether everybody in the pre-queue has their final draw.

    Until it is mixed, theirs is by the seed alone.
    """
    if room.settings.queueing_method != "lottery" or room.settings.draw_entropy == "none":
        return True
    if room.draw_root is None:
        waited_ms = time.time_ns() // 1_000_000 - room.opened_at_ms
        if room.opened_at_ms and waited_ms > MIXED_WITHIN_MS[room.settings.draw_entropy]:
            await draws.keep_root(connection, room, b"")  # nothing writes the log: draw by the seed alone
        return False
    if room.draw_root:
        await _mix(stores, room)
    return True


async def _mix(stores: Stores, room: Room) -> None:
    """Give everybody the draw of the seed mixed with the added entropy. Repeating it changes nothing."""
    keys, root = RoomKeys(room.room_id), (room.draw_root or b"").hex()
    if await entrants.mixed(stores.redis, keys) == root:
        return
    key = rules.draw_key(room.seed, room.draw_root)
    async for visitor_ids in entrants.pages(stores.redis, keys, DRAW_BATCH):
        draws = {it: rules.draw_of(key, it) for it in visitor_ids}
        await admission.mix(stores.redis, keys, draws, mixed="")
    await admission.mix(stores.redis, keys, {}, mixed=root)


async def _draw_next(stores: Stores, room_id: RoomId) -> int:
    keys = RoomKeys(room_id)
    following = await admission.undrawn(stores.redis, keys, limit=DRAW_BATCH)
    if not following.visitor_ids:
        return 0
    drawn = await queue_numbers.insert_drawn(
        stores.postgres, room_id, following.visitor_ids, following.draw_next, following.draw_last
    )
    draw_next = max(following.draw_next, drawn.highest + 1)
    await admission.draw(stores.redis, keys, drawn.numbers, expected=following.draw_next, draw_next=draw_next)
    return len(drawn.numbers)
