"""What remains of the parts of a room that is deleted, reset or unloaded."""

from __future__ import annotations

from app.restoring.unloading import unload_room
from app.store.scripts.admission import admit
from app.store.sql.waiting_room import rooms
from app.waiting_room import control, emptying
from app.waiting_room.gathering import PartsSeen, gather
from app.waiting_room.joining import Joiner
from app.waiting_room.queue import Queues, join, status
from app.waiting_room.queue_numbers import reserve_numbers
from tests.support.builders import KEYS, ROOM, STAFF, Client
from tests.waiting_room.test_parts import all_gathered, an_open_room, claims, join_visitors, queues

__all__ = ["queues"]


async def test_nothing_is_left_of_a_room_that_was_deleted(queues: Queues, redis: Client) -> None:
    await an_open_room(queues)
    await join_visitors(queues, 20)
    await emptying.delete_room(queues, ROOM, force=True, by=STAFF)
    assert [it async for it in redis.scan_iter(f"{{{ROOM}*")] == []


async def test_a_reset_room_begins_again_in_all_parts(queues: Queues) -> None:
    await an_open_room(queues)
    (ann,) = await join_visitors(queues, 1)
    await emptying.reset_room(queues, ROOM, by=STAFF)
    await reserve_numbers(queues.stores, ROOM)
    await gather(queues.stores.redis, ROOM, PartsSeen())
    again, _ = await join(queues, ROOM, Joiner(ann.visitor_id))
    assert again.new


async def test_an_unloaded_room_leaves_no_parts_and_its_visitors_return(
    queues: Queues, redis: Client
) -> None:
    await an_open_room(queues, restore_window_s=0)
    places = await join_visitors(queues, 20)
    await all_gathered(queues)
    await control.set_state(queues, ROOM, "close", by=STAFF)
    await admit(redis, KEYS, limit=0)
    await redis.delete(KEYS.log)  # as if a worker had written it
    row = (await status(queues, ROOM))[1]
    await rooms.record_progress(queues.stores.postgres, ROOM, row, row.last_number + 1_000)
    assert await unload_room(queues.stores, ROOM, closed_s=0, loaded_s=0)
    assert [it async for it in redis.scan_iter(f"{{{ROOM}~*")] == []
    await control.set_state(queues, ROOM, "open", by=STAFF)
    await gather(queues.stores.redis, ROOM, PartsSeen())
    for it in places:
        again, _ = await join(queues, ROOM, Joiner(it.visitor_id, claims=claims(it)))
        assert (again.queue_number, again.new) == (it.queue_number, False)
