"""After Redis is lost everybody is back in place without a second turn, and new numbers exceed old ones."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.core import errors
from app.core.model import Place, RoomStatus
from app.core.tokens.claims import PlaceClaims
from app.core.waiting_room.rules import draw_of
from app.restoring.room import rebuild_room
from app.settings import Settings
from app.store.connections import Stores
from app.store.keys import ROOMS
from app.store.scripts.admission import admit
from app.store.sql.waiting_room.rooms import record_progress
from app.waiting_room import control
from app.waiting_room.joining import Joiner
from app.waiting_room.queue import Queues, claim, join, leave, open_queues, place, status
from app.waiting_room.queue_numbers import draw_batch, reserve_numbers
from tests.support.builders import KEYS, ROOM, SEED, STAFF, Client, a_stored_room, a_visitor, token, whole


@pytest.fixture
async def queues(stores: Stores) -> Queues:
    return open_queues(stores, Settings(rate_limits=False))


async def an_open_room(queues: Queues, **settings: Any) -> None:
    """An open room, without a restore window unless asked for; calls are made by hand in these tests."""
    await a_stored_room(queues.stores, **({"restore_window_s": 0, "admission_rate_per_minute": 0} | settings))
    await control.set_state(queues, ROOM, "open", by=STAFF)


async def join_visitors(queues: Queues, count: int) -> list[Place]:
    answers = await asyncio.gather(*(join(queues, ROOM, Joiner(a_visitor())) for _ in range(count)))
    return [found for found, _ in answers]


async def call_next(queues: Queues, count: int) -> RoomStatus:
    """Call this many, as ticks with a full bucket would, and record it as the worker does each second."""
    client: Client = queues.stores.redis
    await client.hset(KEYS.conf, mapping={"rate": 1, "burst": max(count, 1)})
    await client.hset(KEYS.meter, "level", count * 60_000)
    called = await admit(queues.stores.redis, KEYS, limit=count)
    await client.hset(KEYS.conf, "rate", 0)
    await client.hset(KEYS.meter, "level", 0)
    assert called.calls == count
    await record_progress(queues.stores.postgres, ROOM, called.status)
    return called.status


async def wipe(queues: Queues) -> None:
    await queues.stores.redis.flushall()


async def wipe_and_restore(queues: Queues) -> None:
    await wipe(queues)
    await status(queues, ROOM)
    await whole(queues.stores)


def claims(found: Place, epoch: int = 1) -> PlaceClaims:
    return token(found.visitor_id, found.token_number, epoch)


async def come_back(queues: Queues, found: Place) -> Place:
    """The visitor returns with their token."""
    return (await join(queues, ROOM, Joiner(found.visitor_id, claims(found))))[0]


async def test_everybody_returns_in_the_old_order_and_new_visitors_stand_behind(queues: Queues) -> None:
    await an_open_room(queues)
    crowd = await join_visitors(queues, 50)
    await call_next(queues, 10)
    await wipe_and_restore(queues)
    (new,) = await join_visitors(queues, 1)
    returned = [await come_back(queues, it) for it in reversed(crowd[10:])]
    assert [it.queue_number for it in returned] == list(range(50, 10, -1))
    assert not any(it.new for it in returned)
    assert new.queue_number is not None
    assert new.queue_number > 50
    now = await call_next(queues, 40)
    assert (now.serving_position, now.waiting, now.epoch) == (50, 1, 2)
    assert (await place(queues, ROOM, token(new.visitor_id, new.queue_number, 2)))[0].ahead == 0


async def test_a_place_taken_after_a_session_ended_survives_too(queues: Queues) -> None:
    await an_open_room(queues)
    (buyer,) = await join_visitors(queues, 1)
    await call_next(queues, 1)
    await claim(queues, ROOM, claims(buyer))
    await leave(queues, ROOM, claims(buyer))
    second = await come_back(queues, buyer)
    await wipe_and_restore(queues)
    assert (await place(queues, ROOM, claims(second)))[0].state == "waiting"


async def test_nobody_who_had_a_turn_gets_a_second_one(queues: Queues) -> None:
    await an_open_room(queues, claim_window_s=60)
    done, inside, missed, *_ = await join_visitors(queues, 5)
    await call_next(queues, 3)
    await claim(queues, ROOM, claims(done))
    await leave(queues, ROOM, claims(done))
    session, _ = await claim(queues, ROOM, claims(inside))

    await queues.stores.postgres.execute("UPDATE calls SET called_at = called_at - interval '61 seconds'")
    await wipe_and_restore(queues)
    assert (await place(queues, ROOM, claims(missed)))[0].state == "no_show"
    again, _ = await claim(queues, ROOM, claims(inside))
    assert (again.new, again.session_expires_at_ms) == (False, session.session_expires_at_ms)
    with pytest.raises(errors.SessionDone):
        await claim(queues, ROOM, claims(done))
    for visitor in (done, missed):
        found = await come_back(queues, visitor)
        assert found.new
        assert (found.queue_number or 0) > 5


async def test_a_call_that_still_ran_is_made_again(queues: Queues) -> None:
    await an_open_room(queues, claim_window_s=60)
    ann, bob = await join_visitors(queues, 2)
    await call_next(queues, 1)
    await wipe_and_restore(queues)
    assert (await place(queues, ROOM, claims(ann)))[0].state == "called"
    assert (await place(queues, ROOM, claims(bob)))[0].state == "waiting"
    assert (await claim(queues, ROOM, claims(ann)))[0].state == "active"


async def test_a_call_nobody_had_recorded_yet_is_not_lost(queues: Queues) -> None:
    """The serving position is recorded each second; later claims are known by their session."""
    await an_open_room(queues)
    ann, bob, cem = await join_visitors(queues, 3)
    await call_next(queues, 3)
    await queues.stores.postgres.execute("UPDATE rooms SET serving_position = 0")
    await queues.stores.postgres.execute("DELETE FROM calls")
    await claim(queues, ROOM, claims(bob))
    await wipe_and_restore(queues)
    states = [(await place(queues, ROOM, claims(it)))[0].state for it in (bob, cem)]
    assert states == ["active", "waiting"]
    assert (await status(queues, ROOM))[1].serving_position == 2
    assert (await place(queues, ROOM, claims(ann)))[0].state == "no_show"


async def test_removed_visitors_stay_out(queues: Queues) -> None:
    await an_open_room(queues)
    ann, _ = await join_visitors(queues, 2)
    await control.remove(queues, ROOM, ann.visitor_id, by=STAFF)
    await wipe_and_restore(queues)
    with pytest.raises(errors.RemovedByStaff):
        await come_back(queues, ann)
    assert (await place(queues, ROOM, claims(ann)))[0].state == "removed"


async def test_admission_waits_for_its_window_then_goes_on(queues: Queues) -> None:
    await an_open_room(queues, restore_window_s=300, admission_rate_per_minute=60_000)
    ann, *_ = await join_visitors(queues, 2_000)
    await wipe(queues)
    (new,) = await join_visitors(queues, 1)
    assert new.state == "waiting"
    await whole(queues.stores)
    now = (await status(queues, ROOM))[1]
    until = await queues.stores.redis.hget(KEYS.conf, "restore_until_ms")
    assert until is not None
    assert 290_000 < int(until) - now.now_ms <= 300_000
    assert (await come_back(queues, ann)).state in ("waiting", "called")
    before = await admit(queues.stores.redis, KEYS, limit=10, now_ms=int(until) - 1)
    after = await admit(queues.stores.redis, KEYS, limit=10, now_ms=int(until))
    assert (before.calls, after.calls > 0) == (0, True)


async def test_a_first_load_has_no_window(queues: Queues) -> None:
    await an_open_room(queues, restore_window_s=300, admission_rate_per_minute=600)
    assert (await join_visitors(queues, 1))[0].state == "called"


async def test_a_fifo_pre_queue_returns_in_the_order_it_came(queues: Queues) -> None:
    await a_stored_room(queues.stores, restore_window_s=0, admission_rate_per_minute=0)
    await control.configure(queues, ROOM, {"prequeue_at": "2020-01-01T00:00:00Z"}, by=STAFF)
    await admit(queues.stores.redis, KEYS, limit=10)
    crowd = await join_visitors(queues, 9)
    await wipe(queues)
    await status(queues, ROOM)
    await admit(queues.stores.redis, KEYS, limit=10)
    returned = [await come_back(queues, it) for it in reversed(crowd)]
    assert {it.state for it in returned} == {"prequeue"}
    await control.set_state(queues, ROOM, "open", by=STAFF)
    found = [(await place(queues, ROOM, claims(it)))[0] for it in crowd]
    assert [(it.queue_number, it.ahead) for it in found] == [(n, n - 1) for n in range(1, 10)]


async def test_a_half_drawn_lottery_goes_on_with_everybody_in_their_place(queues: Queues) -> None:
    await a_stored_room(
        queues.stores, restore_window_s=0, admission_rate_per_minute=0, queueing_method="lottery"
    )
    await control.configure(queues, ROOM, {"prequeue_at": "2020-01-01T00:00:00Z"}, by=STAFF)
    await admit(queues.stores.redis, KEYS, limit=10)
    crowd = await join_visitors(queues, 40)
    await control.set_state(queues, ROOM, "open", by=STAFF)
    (late,) = await join_visitors(queues, 1)
    await reserve_numbers(queues.stores, ROOM)
    client: Client = queues.stores.redis
    in_order = sorted(crowd, key=lambda it: (draw_of(SEED, it.visitor_id), it.visitor_id))
    await client.zrem(KEYS.prequeue, *(it.visitor_id for it in in_order[25:]))  # as if the worker had died
    await draw_batch(queues.stores, ROOM)
    await wipe(queues)
    returned = [await come_back(queues, it) for it in (late, *crowd)]
    assert {it.state for it in returned} == {"waiting", "prequeue"}
    while await draw_batch(queues.stores, ROOM):
        pass
    found = [(await place(queues, ROOM, claims(it)))[0] for it in (*in_order, late)]
    assert [it.queue_number for it in found] == list(range(1, 42))
    assert [it.ahead for it in found] == list(range(41))


async def test_a_server_that_restarted_with_its_data_is_not_believed_blindly(queues: Queues) -> None:
    await an_open_room(queues)
    crowd = await join_visitors(queues, 5)
    client: Client = queues.stores.redis
    await client.hset(KEYS.conf, "run_id", "0" * 40)
    await client.hset(KEYS.meter, "last_number", 3)  # Redis lost its last second
    await client.zrem(KEYS.waiting, crowd[3].visitor_id, crowd[4].visitor_id)
    (new,) = await join_visitors(queues, 1)
    assert (new.queue_number or 0) > 5
    found = [await come_back(queues, it) for it in crowd]
    assert [it.queue_number for it in found] == [1, 2, 3, 4, 5]
    assert (await status(queues, ROOM))[1].waiting == 6


async def test_many_processes_notice_at_once_and_one_restores(queues: Queues) -> None:
    await an_open_room(queues)
    crowd = await join_visitors(queues, 20)
    others = [open_queues(queues.stores, Settings(rate_limits=False)) for _ in range(4)]
    await wipe(queues)
    await asyncio.gather(*(come_back(it, visitor) for it in others for visitor in crowd))
    await whole(queues.stores)
    now = (await status(queues, ROOM))[1]
    assert (now.epoch, now.waiting) == (2, 20)
    assert await rebuild_room(queues.stores, ROOM), "a whole room is left alone"
    assert (await status(queues, ROOM))[1].epoch == 2


async def test_a_restore_that_died_half_way_is_begun_again(queues: Queues) -> None:
    await an_open_room(queues)
    (ann,) = await join_visitors(queues, 1)
    await call_next(queues, 1)
    await claim(queues, ROOM, claims(ann))
    client: Client = queues.stores.redis
    await client.delete(KEYS.active, KEYS.turns)
    await client.hset(KEYS.conf, "restoring", 1)
    with pytest.raises(errors.Restoring):
        await claim(queues, ROOM, claims(ann))
    assert await rebuild_room(queues.stores, ROOM)
    assert (await claim(queues, ROOM, claims(ann)))[0].state == "active"


async def test_a_wipe_again_and_again(queues: Queues) -> None:
    await an_open_room(queues)
    crowd = await join_visitors(queues, 6)
    tokens = {it.visitor_id: claims(it) for it in crowd}
    for epoch in range(2, 6):
        await wipe(queues)
        for visitor_id, known in list(tokens.items()):
            found, now = await join(queues, ROOM, Joiner(visitor_id, known))
            assert now.epoch == epoch
            if epoch % 2:  # every other time, nobody keeps the newer token
                tokens[visitor_id] = token(visitor_id, found.token_number, epoch)
    places = [(await place(queues, ROOM, tokens[it.visitor_id]))[0] for it in crowd]
    assert [it.ahead for it in places] == list(range(6))


async def test_the_stock_comes_back_before_anything_is_claimed(queues: Queues) -> None:
    await an_open_room(queues, admission_rate_per_minute=60_000)
    await queues.stores.postgres.execute(
        "INSERT INTO events (event_id, room_id, name, starts_at) VALUES ('gala', $1, 'Gala', now() + '1 d')",
        ROOM,
    )
    await queues.stores.postgres.execute(
        "INSERT INTO ticket_types (event_id, ticket_type_id, name, price, total, held, sold) "
        "VALUES ('gala', 'floor', 'Floor', 5000, 10, 0, 0)"
    )
    await control.refresh(queues.stores, ROOM)
    await wipe(queues)
    (ann,) = await join_visitors(queues, 1)
    await whole(queues.stores)
    now = await admit(queues.stores.redis, KEYS, limit=10)
    assert now.status.available == 10
    assert (await claim(queues, ROOM, claims(ann, 2)))[0].state in ("waiting", "active")
    assert await queues.stores.redis.sismember(ROOMS, ROOM)


async def test_without_postgres_a_wiped_room_says_so(queues: Queues) -> None:
    await an_open_room(queues)
    await wipe(queues)
    queues.stores.postgres.terminate()
    with pytest.raises(errors.StoreUnavailable):
        await join_visitors(queues, 1)
