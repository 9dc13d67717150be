"""Restoring the reservation half of a room from Postgres after Redis is lost."""

from __future__ import annotations

import pytest

from app.reservations import batches, holds
from app.reservations.operations import Payment, cancel, check, confirm
from app.restoring.stock import rebuild_stock
from app.store.connections import Stores
from app.store.keys import ROOMS
from app.store.redis.submissions import Message
from app.store.scripts.stock import RoomNotReady
from app.store.sql.reservations.reservations import Superseded
from tests.support.sales import (
    CONF,
    GALA,
    HALL,
    LIVE,
    RUN_ID,
    a_session,
    a_shop,
    counters,
    reserve_tickets,
    stock,
)
from tests.support.waiting import wait_until


async def empty_redis(stores: Stores, epoch: int = 2) -> None:
    """An empty Redis with the room being restored, as `rebuild_room` begins it."""
    await stores.redis.flushall()
    await stores.postgres.execute("UPDATE rooms SET epoch = $1", epoch)
    run_id = await stores.redis.eval(RUN_ID, 1, LIVE.conf)
    await stores.redis.hset(LIVE.conf, mapping={**CONF, "run_id": run_id, "epoch": epoch, "restoring": 1})
    await stores.redis.sadd(ROOMS, HALL)


async def open_again(stores: Stores) -> None:
    await stores.redis.hset(LIVE.conf, "restoring", "0")


async def test_everything_is_as_it_was(stores: Stores) -> None:
    async with a_shop(stores, ends_on_confirm=0) as engine:
        ann, bob, cem = [await a_session(stores) for _ in range(3)]
        held = await reserve_tickets(engine, ann, "floor:2,balcony:1", key="held")
        sold = await reserve_tickets(engine, bob, "floor:1", key="sold")
        lost = await reserve_tickets(engine, cem, "floor:3", key="gone")
        await confirm(engine, sold.reservation_id, Payment("card", "tok_ok"), "pay")
        await cancel(engine, lost.reservation_id)
        keys = (LIVE.stock, LIVE.holds, LIVE.allowance)
        before = [await stores.redis.hgetall(key) for key in keys]

        await empty_redis(stores)
        assert await rebuild_stock(stores, HALL, GALA, epoch=2) == 2
        assert [await stores.redis.hgetall(key) for key in keys] == before
        assert await check(stores, GALA) == []

        await open_again(stores)
        for claims, key, items, first in (
            (ann, "held", "floor:2,balcony:1", held),
            (bob, "sold", "floor:1", sold),
            (cem, "gone", "floor:3", lost),
        ):
            again = await reserve_tickets(engine, claims, items, key=key)  # although no session is back yet
            assert again.replayed
            assert again.reservation == first.reservation
        assert await counters(stores) == (2, 1)


async def test_visitors_inside_who_hold_something_are_buyers_again(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        ann, _ = await a_session(stores), await a_session(stores)
        await reserve_tickets(engine, ann)
        sessions = await stores.redis.zrange(LIVE.active, 0, -1, withscores=True)
        await empty_redis(stores)
        await stores.redis.zadd(LIVE.active, dict(sessions))
        await rebuild_stock(stores, HALL, GALA, epoch=2)
        assert await stores.redis.smembers(LIVE.buyers) == {ann.visitor_id}


async def test_restoring_twice_is_restoring_once(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        await reserve_tickets(engine, await a_session(stores))
        await empty_redis(stores)
        for _ in range(2):
            assert await rebuild_stock(stores, HALL, GALA, epoch=2) == 1
            assert await stock(stores.redis, "floor", LIVE) == (8, 2, 0)


async def test_a_restart_that_kept_most_of_redis_is_put_right(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        await reserve_tickets(engine, await a_session(stores))
        await stores.redis.hset(LIVE.holds, "lost", "held|eve|5000|EUR|1|2|floor:1:5000")
        await stores.redis.hincrby(LIVE.stock, "free:floor", -1)
        await stores.redis.hset(LIVE.conf, mapping={"epoch": 2, "restoring": 1})
        await rebuild_stock(stores, HALL, GALA, epoch=2)
        assert await stock(stores.redis, "floor", LIVE) == (8, 2, 0)
        assert await check(stores, GALA) == []


async def test_a_restore_that_was_overtaken_leaves_the_room_alone(stores: Stores) -> None:
    async with a_shop(stores):
        await empty_redis(stores, epoch=3)
        with pytest.raises(RoomNotReady):
            await rebuild_stock(stores, HALL, GALA, epoch=2)
        await rebuild_stock(stores, HALL, GALA, epoch=3)
        await open_again(stores)
        with pytest.raises(RoomNotReady):
            await rebuild_stock(stores, HALL, GALA, epoch=3)
        assert await stock(stores.redis, "floor", LIVE) == (10, 0, 0)


async def test_a_batch_decided_before_the_wipe_sells_nothing_after_it(stores: Stores) -> None:
    async with a_shop(stores, {"floor": 2}) as engine:
        old = Message("1-1", "r-old", "ann", "print", "", "floor:2")
        await stores.redis.hset(holds.keys_of(HALL).outcomes, "r-old", "print|pending|ann")
        batch = await batches.decide(stores, HALL, [old])
        await empty_redis(stores)
        await rebuild_stock(stores, HALL, GALA, epoch=2)
        await open_again(stores)
        reserved = await reserve_tickets(engine, await a_session(stores), "floor:2")
        assert reserved.reservation is not None
        with pytest.raises(Superseded):
            await batches.record(stores, batch)
        assert await counters(stores) == (2, 0)
        assert await check(stores, GALA) == []


async def test_a_hold_that_ended_while_it_was_restored_is_given_back_after(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        await reserve_tickets(engine, await a_session(stores))
        await empty_redis(stores)
        await rebuild_stock(stores, HALL, GALA, epoch=2)
        await stores.postgres.execute("UPDATE reservations SET expires_at = now()")
        await holds.expire_due(stores)
        assert await stock(stores.redis, "floor", LIVE) == (8, 2, 0)
        await open_again(stores)
        await holds.repair(stores, older_than_s=0)
        assert await stock(stores.redis, "floor", LIVE) == (10, 0, 0)
        assert await check(stores, GALA) == []


async def test_a_large_event_is_restored_in_chunks(stores: Stores) -> None:
    async with a_shop(stores, {"floor": 5000}):
        await stores.postgres.execute(
            "INSERT INTO reservations (reservation_id, event_id, visitor_id, status, items, amount, "
            "currency, fingerprint, expires_at) SELECT 'r' || n, 'gala', 'v' || n, 'held', "
            """'[{"ticket_type_id": "floor", "quantity": 1, "price": 5000}]', 5000, 'EUR', 'p', """
            "now() + interval '1 hour' FROM generate_series(1, 2500) n"
        )
        await stores.postgres.execute("UPDATE ticket_types SET held = 2500")
        await empty_redis(stores)
        assert await rebuild_stock(stores, HALL, GALA, epoch=2) == 2500
        assert await stock(stores.redis, "floor", LIVE) == (2500, 2500, 0)
        assert await check(stores, GALA) == []


async def test_the_worker_goes_on_by_itself(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        ann = await a_session(stores)
        await reserve_tickets(engine, ann)
        await empty_redis(stores)
        await rebuild_stock(stores, HALL, GALA, epoch=2)
        await open_again(stores)
        bob = await a_session(stores)
        await wait_until(lambda: reserve_tickets(engine, bob), "a reservation")
