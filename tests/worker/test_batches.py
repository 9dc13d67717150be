"""Submissions reach workers in batches or, while older workers may be running, one by one."""

from __future__ import annotations

import asyncio
from itertools import groupby

import pytest

from app.reservations import holds, pending
from app.reservations.operations import check
from app.reservations.pending import open_engine
from app.store.connections import Stores
from app.store.redis.backlogs import backlog
from app.store.redis.submissions import BATCH_MAX, Message
from app.store.scripts.stock import submit
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
    running_worker,
    submission,
)
from tests.support.waiting import wait_until
from worker.lane import _parts


async def test_batches_begin_when_the_upgrade_is_over(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers of the previous release, which cannot read batches, may run until phase `after` is over."""
    monkeypatch.setattr(pending, "AGREED_EVERY_S", 0.02)
    await a_sale(stores)
    await stores.postgres.execute("DELETE FROM agreed")
    try:
        async with open_engine(stores, SETTINGS) as engine:
            await reserve_tickets(engine, await a_session(stores), wait=False)
            assert not await stores.redis.exists(LIVE.batches)
            await stores.postgres.execute("INSERT INTO agreed VALUES ('batches')")
            await wait_until(lambda: _agreed(engine), "the note of what all workers read")
            await reserve_tickets(engine, await a_session(stores), wait=False)
            assert await stores.redis.xlen(LIVE.batches) == 1
            assert await check(stores, GALA) == []
            async with running_worker(stores):
                await wait_until(lambda: _is_settled(stores), "both to be written")
    finally:
        await stores.postgres.execute("INSERT INTO agreed VALUES ('batches') ON CONFLICT DO NOTHING")
    assert await counters(stores) == (4, 0)
    assert await check(stores, GALA) == []


async def test_both_kinds_are_worked_on_together(stores: Stores) -> None:
    await a_sale(stores, {"floor": 100})
    for number in range(12):
        visitors = [await a_session(stores) for _ in range(3)]
        batch = [
            submission(f"r{number}-{it.visitor_id}", it.visitor_id)._replace(session_ms=it.exp * 1000)
            for it in visitors
        ]
        keys, as_one = holds.keys_of(HALL), number % 3 != 0
        await submit(stores.redis, keys, batch, event_id=GALA, backlog_max=99, as_one=as_one)
    assert await backlog(stores.redis, LIVE) == 36
    async with running_worker(stores), running_worker(stores, "another"):
        await wait_until(lambda: _is_settled(stores), "all to be written")
    assert await counters(stores) == (72, 0)
    assert await check(stores, GALA) == []


async def test_what_waits_in_a_batch_is_no_difference(stores: Stores) -> None:
    await a_sale(stores)
    async with an_engine(stores) as engine:
        visitors = [await a_session(stores) for _ in range(3)]
        await asyncio.gather(*(reserve_tickets(engine, it, "floor:1", wait=False) for it in visitors))
        assert await stores.redis.xlen(LIVE.batches) == 1
        assert await check(stores, GALA) == []


@pytest.mark.parametrize("sizes", [[1], [500], [1, 499], [300, 200, 1], [600], [2, 600, 498, 2]])
def test_entries_are_worked_on_whole(sizes: list[int]) -> None:
    messages = [
        Message(f"b{n}", f"r{i}", "", "", "", "") for n, size in enumerate(sizes) for i in range(size)
    ]
    parts = list(_parts(messages))
    assert [it for part in parts for it in part] == messages
    for part, after in zip(parts, [*parts[1:], None], strict=True):
        entries = [len(list(entry)) for _, entry in groupby(part, lambda it: it.message_id)]
        assert len(part) <= BATCH_MAX or len(entries) == 1
        assert after is None or part[-1].message_id != after[0].message_id


async def _agreed(engine: pending.ReservationEngine) -> bool:
    return engine.as_one


async def _is_settled(stores: Stores) -> bool:
    return not await backlog(stores.redis, LIVE)
