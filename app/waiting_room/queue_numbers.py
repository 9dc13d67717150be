"""Queue numbers: none is given out before Postgres has reserved it; and the draw of a lottery."""

from __future__ import annotations

from app.core import rules
from app.core.clock import from_ms
from app.core.model import RoomId
from app.store.connections import Stores
from app.store.keys import RoomKeys
from app.store.scripts import admission
from app.store.sql import queue_numbers
from app.store.sql.locks import try_lock

DRAW_BATCH = 2_000  # visitors: a few ms of script, one INSERT


async def reserve_numbers(stores: Stores, room_id: RoomId) -> None:
    """Reserve another block of numbers, and those for a draw. Raises NotLoaded.

    If the room moved on meanwhile nothing is raised, and whoever runs out asks again.
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
    """Number the next visitors of the pre-queue; how many. In Postgres first. Raises NotLoaded.

    A lock keeps workers from doing the same work; the order does not hang on it: a number has one visitor and
    a visitor one number in Postgres, and only the first to come with the number that is next moves anybody.
    """
    async with stores.postgres.acquire() as connection, connection.transaction():
        if not await try_lock(connection, "fairgate draw", room_id):
            return 0
        return await _draw_next(stores, room_id)


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
