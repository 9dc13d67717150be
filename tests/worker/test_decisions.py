"""What a worker does with decisions: it writes those in the stream, and gets new ones if none is valid."""

from __future__ import annotations

import asyncio

from app.core.clock import now_ms
from app.reservations import holds
from app.reservations.operations import check
from app.restoring.stock import rebuild_stock
from app.store.connections import Stores
from app.store.redis.backlogs import backlog
from app.store.sql.reservations import reservations
from tests.support.builders import Client
from tests.support.sales import (
    GALA,
    HALL,
    LIVE,
    a_sale,
    a_session,
    an_engine,
    reserve_tickets,
    rows,
    running_worker,
    stock,
)
from tests.support.waiting import wait_until


async def test_what_the_release_before_left_undecided_is_decided_by_the_worker(stores: Stores) -> None:
    """Its web processes put requests into the stream that have not taken any tickets yet."""
    client: Client = stores.redis
    await a_sale(stores, {"floor": 2})
    for name in ("ann", "bob"):
        await client.hset(holds.keys_of(HALL).outcomes, f"r-{name}", f"print|pending|{name}")
        await client.xadd(LIVE.submissions, {"s": f"r-{name}|{name}|print||floor:2"})
    async with running_worker(stores):
        await wait_until(lambda: _is_settled(stores), "both to be decided")
    assert await rows(stores) == {"r-ann": "held"}
    assert (await client.hget(holds.keys_of(HALL).outcomes, "r-bob")) == "print|sold_out|bob"
    assert await check(stores, GALA) == []


async def test_a_submission_that_redis_does_not_know_any_more_takes_nothing(stores: Stores) -> None:
    """Redis was lost after it was read: its visitor has been told to send it again."""
    client: Client = stores.redis
    await a_sale(stores)
    await a_session(stores, "ann")
    await client.xadd(LIVE.submissions, {"s": "r-ann|ann|print|web1|floor:2"})
    async with running_worker(stores):
        await wait_until(lambda: _is_settled(stores), "it to be taken from the stream")
    assert await rows(stores) == {}
    assert await client.hget(holds.keys_of(HALL).outcomes, "r-ann") is None
    assert await stock(stores.redis, "floor", LIVE) == (10, 0, 0)


async def test_what_was_granted_before_a_restore_is_granted_anew(stores: Stores) -> None:
    """Redis came back with its stream and the room was restored, so the earlier hold is void."""
    client: Client = stores.redis
    await a_sale(stores, {"floor": 2})
    async with an_engine(stores) as engine:
        reserving = asyncio.create_task(reserve_tickets(engine, await a_session(stores)))
        await wait_until(lambda: backlog(stores.redis, LIVE), "a submission")
        epoch = await stores.postgres.fetchval("UPDATE rooms SET epoch = epoch + 1 RETURNING epoch")
        await client.hset(LIVE.conf, mapping={"epoch": epoch, "restoring": 1})
        await rebuild_stock(stores, HALL, GALA, epoch)
        await client.hset(LIVE.conf, "restoring", 0)
        assert await stock(stores.redis, "floor", LIVE) == (2, 0, 0)
        async with running_worker(stores):
            assert (await reserving).reservation
    assert await stock(stores.redis, "floor", LIVE) == (0, 2, 0)
    assert await check(stores, GALA) == []


async def test_a_hold_that_was_over_before_anybody_could_be_told_begins_anew(stores: Stores) -> None:
    """No worker was running for longer than a hold lasts."""
    client: Client = stores.redis
    await a_sale(stores, hold_ttl_s=300)
    async with an_engine(stores) as engine:
        ann = await a_session(stores)
        reserved = await reserve_tickets(engine, ann, wait=False)
        [(_, fields)] = await client.xrange(LIVE.batches)
        long_ago = now_ms() - 400_000
        request, granted = fields["b"].split("|10000|EUR|")
        terms = f"10000|EUR|{long_ago}|{long_ago + 300_000}|{granted.split('|')[2]}"
        await client.hset(LIVE.holds, reserved.reservation_id, f"held|{ann.visitor_id}|{terms}")
        await client.delete(LIVE.batches)
        await client.xadd(LIVE.batches, {**fields, "b": f"{request}|{terms}"}, id=f"{long_ago}-0")
        async with running_worker(stores):
            await wait_until(lambda: _is_settled(stores), "it to be written")
        row = await reservations.fetch_one(stores.postgres, reserved.reservation_id)
    assert row is not None
    assert row.expires_at_ms > now_ms() + 200_000
    assert await check(stores, GALA) == []


async def test_what_waits_for_a_worker_is_no_difference(stores: Stores) -> None:
    await a_sale(stores)
    async with an_engine(stores) as engine:
        await reserve_tickets(engine, await a_session(stores), wait=False)
        assert await stock(stores.redis, "floor", LIVE) == (8, 2, 0)
        assert await check(stores, GALA) == []


async def _is_settled(stores: Stores) -> bool:
    return not await backlog(stores.redis, LIVE)
