"""Lanes after a loss of Redis: everybody keeps their lane and order, and nobody gets a second turn."""

from __future__ import annotations

from app.core.lanes import Lane
from app.core.model import LaneStatus, Place
from app.core.tokens.place_tokens import new_member_id
from app.settings import Settings
from app.store.connections import Stores
from app.waiting_room import control
from app.waiting_room.joining import Joiner
from app.waiting_room.queue import Queues, claim, join, open_queues, status
from tests.restoring.test_rebuild import call_next, claims, come_back, wipe_and_restore
from tests.support.builders import ROOM, STAFF, a_stored_room, a_visitor

LANES = [Lane(name="Members", share=50)]


async def in_lane(queues: Queues, lane: int, count: int) -> list[Place]:
    """This many join one after the other; members are known to Postgres, as after a proof."""
    found = []
    for _ in range(count):
        visitor = new_member_id(lane) if lane else a_visitor()
        if lane:
            await queues.stores.postgres.execute(
                "INSERT INTO members (room_id, member_key, visitor_id) VALUES ($1, $2, $3)",
                *(ROOM, visitor.encode(), visitor),
            )
        found.append((await join(queues, ROOM, Joiner(visitor)))[0])
    return found


async def test_everybody_is_back_in_their_lane_and_nobody_has_a_second_turn(stores: Stores) -> None:
    queues = open_queues(stores, Settings(rate_limits=False))
    await a_stored_room(stores, restore_window_s=0, admission_rate_per_minute=0, lanes=LANES)
    await control.set_state(queues, ROOM, "open", by=STAFF)
    ordinary, members = await in_lane(queues, 0, 6), await in_lane(queues, 1, 4)
    before = await call_next(queues, 4)
    assert before.lanes == [LaneStatus(50, 2, 4), LaneStatus(50, 8, 2)]
    inside, _ = await claim(queues, ROOM, claims(members[0]))
    assert inside.state == "active"

    await wipe_and_restore(queues)
    now = (await status(queues, ROOM))[1]
    assert [it.serving_position for it in now.lanes] == [2, 8]
    # Ordinary visitors with numbers below those of the called members have not had a turn.
    for waited in (*ordinary[2:], *members[2:]):
        found = await come_back(queues, waited)
        assert (found.state, found.queue_number) == ("waiting", waited.queue_number)
    again, _ = await claim(queues, ROOM, claims(members[0]))
    assert (again.new, again.session_expires_at_ms) == (False, inside.session_expires_at_ms)
    after = await call_next(queues, 6)
    assert after.lanes == [LaneStatus(50, 6, 0), LaneStatus(50, 10, 0)]


async def test_how_far_a_lane_was_is_kept_by_its_claimed_turns_alone_too(stores: Stores) -> None:
    queues = open_queues(stores, Settings(rate_limits=False))
    await a_stored_room(stores, restore_window_s=0, admission_rate_per_minute=0, lanes=LANES)
    await control.set_state(queues, ROOM, "open", by=STAFF)
    (first,), (member,) = await in_lane(queues, 0, 1), await in_lane(queues, 1, 1)
    await call_next(queues, 2)
    await claim(queues, ROOM, claims(member))
    await stores.postgres.execute("UPDATE rooms SET lane_serving = '{}', serving_position = 0")
    await wipe_and_restore(queues)
    now = (await status(queues, ROOM))[1]
    assert [it.serving_position for it in now.lanes] == [0, 2]
    assert (await come_back(queues, first)).state == "waiting"
