"""The processor: a worker may die at any step, any store may be unreachable, and nothing is lost."""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from urllib.parse import urlsplit

import asyncpg
import pytest

from app.reservations import batches, holds
from app.reservations.operations import check
from app.settings import Settings
from app.store.connections import Stores, connect_postgres
from app.store.redis import submissions
from app.store.redis.backlogs import backlog
from app.store.scripts.stock import GROUP, submit
from app.store.sql.reservations.reservations import NewHold, Origin, insert_holds
from tests.conftest import Servers
from tests.support.sales import (
    GALA,
    HALL,
    LIVE,
    SETTINGS,
    a_sale,
    a_session,
    an_engine,
    counters,
    reserve_tickets,
    rows,
    running_worker,
    stock,
    submission,
    workers_listen,
)
from tests.support.waiting import PATIENCE_S, wait_until
from tests.support.wire import a_wire
from worker import lane, processor


async def dies_after(stores: Stores, steps: int) -> None:
    """A worker that reads, writes, settles, and is killed after this many of these steps."""
    await submissions.open_groups(stores.redis, LIVE)
    messages = await submissions.read_new(stores.redis, LIVE, "dead")
    assert messages
    if steps < 1:
        return
    batch = await batches.decide(stores, HALL, messages)
    new = [
        NewHold(message.reservation_id, message.visitor_id, message.fingerprint, decision.terms)
        for message, decision in batch.decided
    ]
    await insert_holds(stores.postgres, Origin(HALL, batch.epoch, batch.event_id), new)
    if steps < 2:
        return
    await batches.record(stores, batch)


@pytest.mark.parametrize("steps", [0, 1, 2])
async def test_another_worker_finishes_what_a_dead_one_began(stores: Stores, steps: int) -> None:
    await a_sale(stores)
    async with an_engine(stores) as engine:
        requests = [asyncio.create_task(reserve_tickets(engine, await a_session(stores))) for _ in range(3)]
        await wait_until(lambda: backlog(stores.redis, LIVE), "a submission")
        await dies_after(stores, steps)
        async with running_worker(stores, "heir"):
            answers = await asyncio.wait_for(asyncio.gather(*requests), PATIENCE_S)
        assert len({it.reservation_id for it in answers}) == 3
        assert await counters(stores) == (6, 0)
        assert await stock(stores.redis, "floor", LIVE) == (4, 6, 0)
        assert await check(stores, GALA) == []
        assert await backlog(stores.redis, LIVE) == 0


async def test_a_worker_started_again_under_its_name_goes_on_at_once(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it had in hand still belongs to it: no need to wait until others may take it over."""
    monkeypatch.setattr(lane, "IDLE_MS", 600_000)
    await a_sale(stores)
    async with an_engine(stores) as engine:
        requests = asyncio.create_task(reserve_tickets(engine, await a_session(stores)))
        await wait_until(lambda: backlog(stores.redis, LIVE), "the submission")
        await dies_after(stores, 1)
        async with running_worker(stores, "dead"):
            assert (await requests).reservation


async def test_two_workers_with_the_same_batch_do_it_once(stores: Stores) -> None:
    await a_sale(stores)
    ann = await a_session(stores)
    request = submission("r1", ann.visitor_id)._replace(session_ms=ann.exp * 1000)
    await submit(stores.redis, holds.keys_of(HALL), [request], event_id=GALA, backlog_max=9)
    await submissions.open_groups(stores.redis, LIVE)
    messages = await submissions.read_new(stores.redis, LIVE, "slow")
    slow = await batches.decide(stores, HALL, messages)
    quick = await batches.decide(stores, HALL, messages)
    await asyncio.gather(batches.record(stores, slow), batches.record(stores, quick))
    await batches.record(stores, slow)
    assert await counters(stores) == (2, 0)
    assert await check(stores, GALA) == []


async def test_a_batch_that_was_written_in_part_is_completed(stores: Stores) -> None:
    await a_sale(stores)
    for name in ("r1", "r2"):
        claims = await a_session(stores)
        request = submission(name, claims.visitor_id)._replace(session_ms=claims.exp * 1000)
        await submit(stores.redis, holds.keys_of(HALL), [request], event_id=GALA, backlog_max=9)
    await submissions.open_groups(stores.redis, LIVE)
    messages = await submissions.read_new(stores.redis, LIVE, "slow")
    slow = await batches.decide(stores, HALL, messages)
    await batches.record(stores, await batches.decide(stores, HALL, messages[:1]))
    await batches.record(stores, slow)
    assert await rows(stores) == {"r1": "held", "r2": "held"}
    assert await counters(stores) == (4, 0)
    assert await backlog(stores.redis, LIVE) == 0
    assert await check(stores, GALA) == []


async def test_a_batch_done_twice_after_its_hold_ended_takes_nothing(stores: Stores) -> None:
    await a_sale(stores)
    ann = await a_session(stores)
    request = submission("r1", ann.visitor_id)._replace(session_ms=ann.exp * 1000)
    await submit(stores.redis, holds.keys_of(HALL), [request], event_id=GALA, backlog_max=9)
    await submissions.open_groups(stores.redis, LIVE)
    messages = await submissions.read_new(stores.redis, LIVE, "slow")
    slow = await batches.decide(stores, HALL, messages)
    await batches.record(stores, slow)
    await stores.postgres.execute("UPDATE reservations SET expires_at = now()")
    assert await holds.expire_due(stores) == 1
    await batches.record(stores, slow)
    await batches.record(stores, await batches.decide(stores, HALL, messages))
    assert await rows(stores) == {"r1": "expired"}
    assert await check(stores, GALA) == []


async def test_a_row_older_than_what_redis_remembers_is_repeated_and_takes_nothing(stores: Stores) -> None:
    await a_sale(stores)
    async with an_engine(stores) as engine, running_worker(stores):
        ann = await a_session(stores)
        first = await reserve_tickets(engine, ann, key="old")
        await stores.postgres.execute("UPDATE reservations SET expires_at = now()")
        await holds.expire_due(stores)
        await stores.redis.delete(holds.keys_of(HALL).outcomes)
        again = await reserve_tickets(engine, ann, key="old")
        assert again.reservation_id == first.reservation_id
        await wait_until(lambda: _balanced(stores), "the stock to be given back")


async def _balanced(stores: Stores) -> bool:
    return await check(stores, GALA) == []


async def test_what_postgres_refuses_is_sold_out_and_redis_is_corrected(stores: Stores) -> None:
    await a_sale(stores)
    await stores.postgres.execute("UPDATE ticket_types SET total = 3 WHERE ticket_type_id = 'floor'")
    async with an_engine(stores) as engine, running_worker(stores):
        visitors = [await a_session(stores) for _ in range(5)]
        answers = await asyncio.gather(
            *(reserve_tickets(engine, it, "floor:1") for it in visitors), return_exceptions=True
        )
        assert sum(not isinstance(it, Exception) for it in answers) == 3
        assert {getattr(it, "code", "held") for it in answers} == {"held", "sold_out"}
        assert await stock(stores.redis, "floor", LIVE) == (0, 3, 0)
        assert await check(stores, GALA) == []


async def test_a_wiped_stream_is_read_from_its_beginning(stores: Stores) -> None:
    async with running_worker(stores):
        await a_sale(stores)
        async with an_engine(stores) as engine:
            await reserve_tickets(engine, await a_session(stores))
            await stores.redis.delete(LIVE.submissions, LIVE.batches, LIVE.batched)
            await reserve_tickets(engine, await a_session(stores))
            assert await counters(stores) == (4, 0)


async def test_a_stopping_worker_leaves_nothing_behind(stores: Stores) -> None:
    await a_sale(stores)
    async with an_engine(stores) as engine:
        async with running_worker(stores, "leaving"):
            await reserve_tickets(engine, await a_session(stores))
        for stream in (LIVE.submissions, LIVE.batches):
            assert await stores.redis.xinfo_consumers(stream, GROUP) == []


async def test_a_new_room_is_picked_up(stores: Stores) -> None:
    async with running_worker(stores):
        await a_sale(stores)
        async with an_engine(stores) as engine:
            assert (
                await asyncio.wait_for(reserve_tickets(engine, await a_session(stores)), PATIENCE_S)
            ).reservation


async def test_postgres_away_keeps_everything_and_doubles_nothing(stores: Stores, database_url: str) -> None:
    await a_sale(stores, {"floor": 100})
    address = urlsplit(database_url)
    async with a_wire(str(address.hostname), address.port or 0) as wire:
        through = database_url.replace(f":{address.port}/", f":{wire.port}/")
        pool: asyncpg.Pool = await connect_postgres(through, timeout_s=1, connections_max=4)
        cut = Stores(stores.redis, pool)
        async with an_engine(stores) as engine, running_worker(cut):
            await reserve_tickets(engine, await a_session(stores), "floor:1")
            await wire.cut()
            requests = [
                asyncio.create_task(reserve_tickets(engine, await a_session(stores), "floor:1"))
                for _ in range(20)
            ]
            await wait_until(lambda: _backlog(stores, 20), "the backlog")
            assert len(await rows(stores)) == 1
            await wire.restore()
            answers = await asyncio.wait_for(asyncio.gather(*requests), PATIENCE_S)
        pool.terminate()
        assert all(it.reservation for it in answers)
        assert await counters(stores) == (21, 0)
        assert await check(stores, GALA) == []


async def _backlog(stores: Stores, count: int) -> bool:
    return bool(await backlog(stores.redis, LIVE) == count)


PATIENT = Settings(secret=SETTINGS.secret, reserve_wait_s=PATIENCE_S)

WORKER = """
import asyncio, sys
from app.settings import Settings
from app.store.connections import Stores, connect_postgres, connect_redis
from worker.context import WorkerContext
from worker.processor import drain

async def main(redis_url: str, database_url: str, worker_id: str) -> None:
    stores = Stores(await connect_redis(redis_url, 2), await connect_postgres(database_url, 2, 4))
    await drain(WorkerContext(Settings(), stores, worker_id, asyncio.Event()))

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.chaos
async def test_a_killed_workers_batch_is_taken_over_within_five_seconds(
    stores: Stores, servers: Servers, database_url: str
) -> None:
    await a_sale(stores, {"floor": 100_000}, max_tickets=100)
    crowd = [await a_session(stores) for _ in range(50)]
    workers = [
        await asyncio.create_subprocess_exec(
            sys.executable, "-c", WORKER, servers.redis_url, database_url, name
        )
        for name in ("first", "second")
    ]
    try:
        async with an_engine(stores, PATIENT) as engine:
            await wait_until(lambda: workers_listen(stores, 2), "both workers at work")
            requests = [asyncio.create_task(reserve_tickets(engine, it, "floor:1")) for it in crowd * 20]
            await wait_until(lambda: backlog(stores.redis, LIVE), "submissions")
            workers[0].kill()
            answers = await asyncio.wait_for(asyncio.gather(*requests), PATIENCE_S)
    finally:
        for worker in workers:
            with suppress(ProcessLookupError):
                worker.kill()
            await worker.wait()
    assert len({it.reservation_id for it in answers}) == 1000
    assert len(await rows(stores)) == 1000
    assert await check(stores, GALA) == []


async def test_a_request_into_an_empty_stream_is_worked_on_by_the_message_that_tells_of_it(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Looking for requests without a message is only for when a message was lost."""
    monkeypatch.setattr(processor, "CHECK_S", 60.0)
    monkeypatch.setattr(lane, "TAKE_OVER_S", 60.0)
    await a_sale(stores)
    async with an_engine(stores) as engine, running_worker(stores):
        await wait_until(lambda: workers_listen(stores, 1), "the worker to listen")
        for _ in range(3):
            assert (
                await asyncio.wait_for(reserve_tickets(engine, await a_session(stores)), PATIENCE_S)
            ).reservation
