"""A hold that runs out gives stock and allowance back within a second of its deadline."""

from __future__ import annotations

import asyncio
import time
from datetime import datetime
from typing import Any

import pytest

from app.store.connections import Stores
from app.store.keys import RoomKeys
from tests.chaos.crowd import Sale
from tests.chaos.site import Site
from tests.support.waiting import wait_until

pytestmark = pytest.mark.chaos

WITHIN_S = 1.0
TICKETS = 20
BUYERS = 5  # each holds all they may


async def test_stock_and_allowance_come_back_although_a_worker_died_at_that_moment(pair: Site) -> None:
    sale = await pair.open_sale(quantity=TICKETS, hold_ttl_s=3, max_tickets_per_visitor=TICKETS // BUYERS)
    async with pair.crowd(sale) as crowd, pair.stores() as stores:
        buyers = [await crowd.buyer() for _ in range(BUYERS)]
        held = await asyncio.gather(*(it.reserve("all", quantity=TICKETS // BUYERS) for it in buyers))
        assert (await buyers[0].reserve("more")).status_code in (409, 422)
        deadline = max(_seconds(it.json()["expires_at"]) for it in held)
        await _until(deadline - 0.2)
        pair.kill_one("fairgate worker")
        assert await _all_free_at(stores, sale) - deadline < WITHIN_S
        # The same people may hold the same number again.
        again = await asyncio.gather(*(it.reserve("again", quantity=TICKETS // BUYERS) for it in buyers))
        assert [it.status_code for it in again] == [201] * BUYERS


async def test_they_come_back_at_once_when_the_only_worker_was_down(lone: Site) -> None:
    sale = await lone.open_sale(quantity=TICKETS, hold_ttl_s=2, max_tickets_per_visitor=TICKETS // BUYERS)
    async with lone.crowd(sale) as crowd, lone.stores() as stores:
        buyers = [await crowd.buyer() for _ in range(BUYERS)]
        held = await asyncio.gather(*(it.reserve("all", quantity=TICKETS // BUYERS) for it in buyers))
        deadline = max(_seconds(it.json()["expires_at"]) for it in held)
        await _until(deadline - 0.1)
        lone.kill_one("fairgate worker")
        before = await lone.working()

        async def back() -> bool:
            return bool(await lone.working() - before)

        await wait_until(back, "a new worker at work")
        returned_at = max(time.time(), deadline)
        assert await _all_free_at(stores, sale) - returned_at < WITHIN_S
        assert [(await it.reserve("again")).status_code for it in buyers] == [201] * BUYERS


def _seconds(at: str) -> float:
    return datetime.fromisoformat(at).timestamp()


async def _until(moment: float) -> None:
    async def reached() -> bool:
        return time.time() >= moment

    await wait_until(reached, "the deadline", every_s=0.005)


async def _all_free_at(stores: Stores, sale: Sale) -> float:
    """When all tickets were free and nobody's allowance was spent any more."""
    redis: Any = stores.redis
    keys = RoomKeys(sale.room_id)

    async def when() -> float | None:
        free = int(await redis.hget(keys.stock, f"free:{sale.ticket_type_id}"))
        return time.time() if free == sale.quantity and not await redis.hlen(keys.allowance) else None

    return await wait_until(when, "all tickets free", every_s=0.01)
