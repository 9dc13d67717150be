"""How holds end, and how the inconsistencies that a crash leaves between the stores are repaired."""

from __future__ import annotations

import asyncio

import pytest

from app.reservations import holds
from app.reservations.operations import check
from app.store.connections import Stores
from app.store.scripts import filling
from app.store.sql.reservations import hold_endings
from tests.support.sales import (
    GALA,
    HALL,
    LIVE,
    SETTINGS,
    a_session,
    a_shop,
    counters,
    reserve_tickets,
    rows,
    stock,
    ticket_types,
)
from tests.support.waiting import PATIENCE_S, wait_until
from worker.context import WorkerContext
from worker.expiry import expire_holds
from worker.repair import align_totals
from worker.repair import mend as mend_job


async def run_out(stores: Stores) -> None:
    await stores.postgres.execute("UPDATE reservations SET expires_at = now() WHERE status = 'held'")


async def unreleased(stores: Stores) -> int:
    count: int = await stores.postgres.fetchval(
        "SELECT count(*) FROM reservations WHERE status <> 'held' AND NOT released"
    )
    return count


async def test_an_expired_hold_gives_back_stock_and_allowance(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        ann = await a_session(stores)
        await reserve_tickets(engine, ann, "floor:10")
        await run_out(stores)
        assert await holds.expire_due(stores) == 1
        assert set((await rows(stores)).values()) == {"expired"}
        assert await unreleased(stores) == 0
        assert await counters(stores) == (0, 0)
        assert await check(stores, GALA) == []
        await reserve_tickets(engine, ann, "floor:10")


async def test_a_hold_lives_until_its_time_is_over(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        await reserve_tickets(engine, await a_session(stores))
        assert await holds.expire_due(stores) == 0


async def test_workers_expiring_at_once_give_back_once(stores: Stores) -> None:
    async with a_shop(stores, {"floor": 60, "balcony": 60}) as engine:
        for _ in range(20):
            await reserve_tickets(engine, await a_session(stores), "floor:2,balcony:1")
        await run_out(stores)
        assert sum(await asyncio.gather(*(holds.expire_due(stores) for _ in range(5)))) == 20
        assert await stock(stores.redis, "floor", LIVE) == (60, 0, 0)
        assert await check(stores, GALA) == []


@pytest.mark.parametrize("how", ["expired", "confirmed"])
async def test_what_redis_was_not_told_is_mended(stores: Stores, how: str) -> None:
    async with a_shop(stores) as engine:
        await reserve_tickets(engine, await a_session(stores))
        if how == "expired":
            await run_out(stores)
            await hold_endings.expire_due(stores.postgres)  # the worker died here
        else:
            await stores.postgres.execute(
                "UPDATE reservations SET status = 'confirmed', confirmed_at = now(); "
                "UPDATE ticket_types SET held = 0, sold = 2 WHERE ticket_type_id = 'floor'"
            )
        assert await stock(stores.redis, "floor", LIVE) == (8, 2, 0)
        assert await holds.repair(stores, older_than_s=0) == 1
        assert await stock(stores.redis, "floor", LIVE) == ((10, 0, 0) if how == "expired" else (8, 0, 2))
        assert await holds.repair(stores, older_than_s=0) == 0
        assert await check(stores, GALA) == []


async def test_a_room_that_is_being_restored_is_told_when_it_is_back(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        await reserve_tickets(engine, await a_session(stores))
        await run_out(stores)
        await stores.redis.hset(LIVE.conf, "restoring", "1")
        assert await holds.expire_due(stores) == 1
        await holds.repair(stores, older_than_s=0)
        assert await unreleased(stores) == 1
        await stores.redis.hset(LIVE.conf, "restoring", "0")
        await holds.repair(stores, older_than_s=0)
        assert await unreleased(stores) == 0
        assert await check(stores, GALA) == []


async def test_a_reservation_that_went_on_meanwhile_is_not_marked_as_told(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        reserved = await reserve_tickets(engine, await a_session(stores))
        await stores.postgres.execute("UPDATE reservations SET status = 'cancelled', ended_at = now()")
        await hold_endings.mark_released(stores.postgres, [reserved.reservation_id], ["confirmed"])
        assert await unreleased(stores) == 1


async def test_the_jobs_do_so_until_they_are_stopped(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        await reserve_tickets(engine, await a_session(stores))
        await run_out(stores)
        await stores.redis.hset(LIVE.stock, "price:floor", "1")
        ctx = WorkerContext(SETTINGS, stores, "jobs", asyncio.Event())
        jobs = [asyncio.create_task(job(ctx)) for job in (expire_holds, mend_job)]
        await align_totals(ctx)
        await wait_until(lambda: _given_back(stores), "the hold's end")
        ctx.stopping.set()
        await asyncio.wait_for(asyncio.gather(*jobs), PATIENCE_S)
        assert await stores.redis.hget(LIVE.stock, "price:floor") == "5000"


async def _given_back(stores: Stores) -> bool:
    return await stock(stores.redis, "floor", LIVE) == (10, 0, 0)


async def test_totals_follow_postgres(stores: Stores) -> None:
    async with a_shop(stores):
        await stores.postgres.execute("UPDATE ticket_types SET total = 20 WHERE ticket_type_id = 'floor'")
        await holds.load_totals(stores, HALL, GALA)
        assert await stock(stores.redis, "floor", LIVE) == (20, 0, 0)
        await filling.load_stock(stores.redis, LIVE, ticket_types())
        assert await stock(stores.redis, "floor", LIVE) == (10, 0, 0)
