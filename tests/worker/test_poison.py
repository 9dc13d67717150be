"""A reservation request that cannot be processed is answered and set aside, and does not hold up others."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from app.core.errors import InternalError, Refusal
from app.reservations.holds import keys_of
from app.reservations.operations import check
from app.set_aside import failures
from app.settings import Settings
from app.store.connections import Stores
from app.store.redis import submissions
from app.store.redis.backlogs import backlog
from app.store.scripts import stock as stock_scripts
from app.store.sql.set_aside import KEPT_MAX, forget
from tests.support.builders import Client
from tests.support.sales import (
    GALA,
    HALL,
    LIVE,
    SETTINGS,
    a_sale,
    a_session,
    a_shop,
    an_engine,
    counters,
    reserve_tickets,
    running_worker,
    stock,
)
from tests.support.waiting import PATIENCE_S, wait_until
from worker.lane import TRIES

POISON = """
CREATE FUNCTION refuse_poison() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'nobody foresaw this'; END $$;
CREATE TRIGGER poison BEFORE INSERT ON reservations FOR EACH ROW
    WHEN (NEW.visitor_id LIKE 'poison%') EXECUTE FUNCTION refuse_poison()
"""
PATIENT = Settings(secret=SETTINGS.secret, reserve_wait_s=PATIENCE_S)
CURE = "DROP TRIGGER poison ON reservations; DROP FUNCTION refuse_poison()"


@asynccontextmanager
async def poisoned(stores: Stores) -> AsyncIterator[None]:
    """Postgres raises an unforeseen error for some visitors."""
    await stores.postgres.execute(POISON)
    try:
        yield
    finally:
        await stores.postgres.execute(CURE)


async def test_the_bad_one_of_a_batch_is_answered_and_kept_with_the_reason_and_the_others_go_on(
    stores: Stores,
) -> None:
    await a_sale(stores, {"floor": 100})
    async with an_engine(stores, PATIENT) as engine, poisoned(stores):
        visitors = [await a_session(stores, name) for name in ("ann", "poison", "bob", "poison2", "eve")]
        requests = [asyncio.create_task(reserve_tickets(engine, it, key="key")) for it in visitors]
        await wait_until(lambda: _backlog(stores, len(visitors)), "one batch of all of them")
        async with running_worker(stores):
            answers = await asyncio.gather(*requests, return_exceptions=True)
            assert [getattr(it, "code", "held") for it in answers] == [
                *("held", "internal_error", "held", "internal_error", "held")
            ]
            with pytest.raises(InternalError) as again:
                await reserve_tickets(engine, visitors[1], key="key")
            assert again.value.replayed
            assert (await reserve_tickets(engine, visitors[0])).reservation  # the room is not blocked
        assert await counters(stores) == (8, 0)
        assert await stock(stores.redis, "floor", LIVE) == (92, 8, 0)
        assert await check(stores, GALA) == []
        assert await backlog(stores.redis, LIVE) == 0
    assert await failures.count(stores) == {"reservation": 2}
    (latest, _) = await failures.newest(stores)
    assert (latest.room_id, latest.content) == ("hall", "floor:2")
    assert "nobody foresaw this" in latest.reason


async def test_an_entry_that_cannot_be_read_is_set_aside(stores: Stores) -> None:
    client: Client = stores.redis
    async with a_shop(stores) as engine:
        for fields in ({"s": "no request"}, {"other": "fields"}):
            await client.xadd(LIVE.submissions, fields)
        assert (await reserve_tickets(engine, await a_session(stores))).reservation
        await wait_until(lambda: _backlog(stores, 0), "the stream to be empty")
    assert await failures.count(stores) == {"reservation": 2}
    assert "fields" in (await failures.newest(stores))[0].content


async def test_what_cannot_even_be_answered_is_dropped_and_the_room_goes_on(stores: Stores) -> None:
    """Postgres stores no NUL, so it can neither be written nor looked up."""
    client: Client = stores.redis
    async with a_shop(stores) as engine:
        await a_session(stores, "ann")
        await client.hset(keys_of(HALL).outcomes, "bad\0", "print|pending|ann")
        await client.expire(keys_of(HALL).outcomes, 60)
        await client.xadd(LIVE.submissions, {"s": "bad\0|ann|print|web1|floor:2"})
        await wait_until(lambda: failures.newest(stores), "it to be set aside")
        await wait_until(lambda: _backlog(stores, 0), "the stream to be empty")
        assert (await reserve_tickets(engine, await a_session(stores))).reservation
    (only,) = await failures.newest(stores)
    assert (only.kind, only.content) == ("reservation", "floor:2")
    assert "CharacterNotInRepertoireError" in only.reason


async def test_what_kills_each_worker_that_tries_it_is_given_up_unseen(stores: Stores) -> None:
    """Attempts are counted where a dying worker cannot lose them."""
    await a_sale(stores)
    async with an_engine(stores) as engine:
        requests = asyncio.create_task(reserve_tickets(engine, await a_session(stores)))
        await wait_until(lambda: _backlog(stores, 1), "the request")
        await stock_scripts.take_apart(stores.redis, LIVE, submissions.batches_of(await _read(stores)))
        (message,) = await _read(stores)
        for _ in range(TRIES):
            await submissions.read_own(stores.redis, LIVE, "dying")
            await submissions.begin_alone(stores.redis, LIVE, message)
        async with running_worker(stores, "dying"):
            with pytest.raises(InternalError):
                await requests
        assert await stock(stores.redis, "floor", LIVE) == (10, 0, 0)
    assert "processed it died" in (await failures.newest(stores))[0].reason


async def test_what_a_store_interrupts_is_no_fault_of_the_request(stores: Stores) -> None:
    """However often it was read, it is processed."""
    await a_sale(stores)
    async with an_engine(stores) as engine:
        requests = asyncio.create_task(reserve_tickets(engine, await a_session(stores)))
        await wait_until(lambda: _backlog(stores, 1), "the request")
        await _read(stores)
        for _ in range(3 * TRIES):
            await submissions.read_own(stores.redis, LIVE, "dying")
        async with running_worker(stores, "dying"):
            assert (await requests).reservation
    assert await failures.count(stores) == {}


async def test_a_refusal_that_redis_made_alone_is_no_poison(stores: Stores) -> None:
    async with a_shop(stores, {"floor": 2}) as engine:
        answers = await asyncio.gather(
            *[reserve_tickets(engine, await a_session(stores)) for _ in range(2)], return_exceptions=True
        )
        assert {it.code for it in answers if isinstance(it, Refusal)} == {"sold_out"}
    assert await failures.count(stores) == {}


async def test_what_was_set_aside_is_bounded(stores: Stores) -> None:
    await stores.postgres.execute(
        "INSERT INTO set_aside (kind, subject, content, reason, set_aside_at) "
        "SELECT 'mail', n, '', '', now() - make_interval(days => CASE WHEN n <= 5 THEN 40 ELSE 0 END) "
        "FROM generate_series(1, $1 + 20) AS n",
        KEPT_MAX,
    )
    await forget(stores.postgres)
    assert await failures.count(stores) == {"mail": KEPT_MAX}
    await failures.set_aside(stores, "mail", "7\0", "half \ud800", content="\0", room_id=None)
    assert (await failures.newest(stores, limit=1))[0].reason == "half ?"


async def _read(stores: Stores) -> list[submissions.Message]:
    return await submissions.read_new(stores.redis, LIVE, "dying")


async def _backlog(stores: Stores, count: int) -> bool:
    return bool(await backlog(stores.redis, LIVE) == count)
