"""A room belongs to one worker at a time, and to another one when that worker leaves or owns more rooms."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pytest

from app.store.connections import Stores
from app.store.keys import SUBMITTED_CHANNEL
from app.store.pubsub import listen, publish
from app.store.redis.backlogs import backlog
from app.store.scripts import leases
from app.store.scripts.leases import Bid
from app.store.scripts.stock import GROUP
from tests.support.sales import (
    HALL,
    LIVE,
    SETTINGS,
    a_sale,
    a_session,
    an_engine,
    reserve_tickets,
    running_worker,
    workers_listen,
)
from tests.support.waiting import PATIENCE_S, wait_until
from worker import lane, processor
from worker.context import WorkerContext

LONG_MS = 600_000


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leases do not run out, however slow the machine is."""
    monkeypatch.setattr(lane, "LEASE_MS", LONG_MS)


@pytest.mark.usefixtures("unhurried")
async def test_of_two_workers_one_has_the_room_and_the_other_takes_it_when_that_one_leaves(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(processor, "CHECK_S", 60.0)
    monkeypatch.setattr(lane, "LINGER_S", 60.0)
    await a_sale(stores, {"floor": 100}, max_tickets=100)
    ann = await a_session(stores)
    async with an_engine(stores) as engine, AsyncExitStack() as first, running_worker(stores, "second"):
        await first.enter_async_context(running_worker(stores, "first"))
        await wait_until(lambda: workers_listen(stores, 2), "both workers to listen")
        await leases.lease(stores.redis, LIVE, "first", Bid(1), lease_ms=LONG_MS)
        for _ in range(3):
            await reserve_tickets(engine, ann, "floor:1")
        await wait_until(lambda: _readers(stores, {"first"}), "the other one to leave the room")
        for _ in range(5):
            await reserve_tickets(engine, ann, "floor:1")
            assert await _readers(stores, {"first"})
        await first.aclose()
        assert (await asyncio.wait_for(reserve_tickets(engine, ann, "floor:1"), PATIENCE_S)).reservation
        await wait_until(lambda: _readers(stores, {"second"}), "the room to belong to the other one")


async def _readers(stores: Stores, names: set[str]) -> bool:
    return {it["name"] for it in await stores.redis.xinfo_consumers(LIVE.submissions, GROUP)} == names


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize(("rooms", "holder"), [(1, "other|1"), (2, "worker1|1")])
async def test_a_room_is_taken_from_a_worker_that_has_more_of_them(
    stores: Stores, rooms: int, holder: str
) -> None:
    """Abandoned requests are processed by the worker that owns the room."""
    await a_sale(stores)
    await leases.lease(stores.redis, LIVE, "other", Bid(rooms), lease_ms=LONG_MS)
    async with an_engine(stores) as engine, running_worker(stores):
        assert (
            await asyncio.wait_for(reserve_tickets(engine, await a_session(stores)), PATIENCE_S)
        ).reservation
        stays: set[str] = {"worker1"} if holder.startswith("worker1") else set()
        await wait_until(lambda: _readers(stores, stays), "the worker to know whose room it is")
        client: Any = stores.redis
        assert await client.get(LIVE.lease) == holder


@pytest.mark.parametrize("asks", [False, True])
@pytest.mark.usefixtures("unhurried")
async def test_a_lane_that_leaves_a_room_to_another_worker_wakes_that_one(stores: Stores, asks: bool) -> None:
    """Nobody else would have read its batch from the stream."""
    await a_sale(stores)
    await leases.lease(stores.redis, LIVE, "other", Bid(1), lease_ms=LONG_MS)
    ctx = WorkerContext(SETTINGS, stores, "worker1", asyncio.Event())
    leaving = lane.Lane(ctx, HALL, lambda _: Bid(1), lease_first=asks)
    channel = SUBMITTED_CHANNEL + HALL
    async with an_engine(stores) as engine:
        asked = asyncio.create_task(reserve_tickets(engine, await a_session(stores)))
        await wait_until(lambda: backlog(stores.redis, LIVE), "a submission")
        messages = [it async for it in _until_left(stores, channel, leaving)]
        if not asks:
            assert (await asked).reservation, "it was read before it was known whose room it is"
            assert messages == []
            return
        assert messages == [(channel, "")]
        assert await backlog(stores.redis, LIVE) == 1
        async with running_worker(stores, "other"):
            assert (await asyncio.wait_for(asked, PATIENCE_S)).reservation


async def _until_left(stores: Stores, channel: str, leaving: lane.Lane) -> AsyncIterator[tuple[str, str]]:
    """What arrives on the channel until the lane has ended."""
    async for channel_name, message in listen(stores.redis, channel, "end"):
        if not channel_name:
            await leaving.run()
            await publish(stores.redis, "end", "")
        elif channel_name == "end":
            return
        else:
            yield channel_name, message
