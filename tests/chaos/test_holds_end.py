"""A hold that runs out gives back stock and allowance, whatever happens to the workers meanwhile.

For "within a second of its deadline" see `tests/worker/test_intervals.py`.
"""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest

from app.store.connections import Stores
from app.store.keys import RoomKeys
from tests.chaos.crowd import Sale
from tests.chaos.site import Site
from tests.support.waiting import wait_until

pytestmark = pytest.mark.chaos

TICKETS = 20
BUYERS = 5  # each holds the maximum


async def test_stock_and_allowance_come_back_although_a_worker_died_at_that_moment(pair: Site) -> None:
    sale = await pair.open_sale(quantity=TICKETS, max_tickets_per_visitor=TICKETS // BUYERS)
    async with pair.crowd(sale) as crowd, pair.stores() as stores:
        buyers = [await crowd.buyer() for _ in range(BUYERS)]
        held = await asyncio.gather(*(it.reserve("all", quantity=TICKETS // BUYERS) for it in buyers))
        assert (await buyers[0].reserve("more")).status_code in (409, 422)
        assert [it.status_code for it in held] == [201] * BUYERS
        await _until(await _soon_over(stores, sale) - 0.2)
        pair.kill_one("fairgate worker")
        await _all_free(stores, sale)
        # The same people may hold the same number again.
        again = await asyncio.gather(*(it.reserve("again", quantity=TICKETS // BUYERS) for it in buyers))
        assert [it.status_code for it in again] == [201] * BUYERS


async def test_they_come_back_at_once_when_the_only_worker_was_down(lone: Site) -> None:
    sale = await lone.open_sale(quantity=TICKETS, max_tickets_per_visitor=TICKETS // BUYERS)
    async with lone.crowd(sale) as crowd, lone.stores() as stores:
        buyers = [await crowd.buyer() for _ in range(BUYERS)]
        held = await asyncio.gather(*(it.reserve("all", quantity=TICKETS // BUYERS) for it in buyers))
        assert [it.status_code for it in held] == [201] * BUYERS
        before = await lone.worker_ids()
        await _until(await _soon_over(stores, sale) - 0.1)
        lone.kill_one("fairgate worker")

        async def back() -> bool:
            return bool(await lone.worker_ids() - before)

        await wait_until(back, "a new worker at work")
        await _all_free(stores, sale)
        assert [(await it.reserve("again")).status_code for it in buyers] == [201] * BUYERS


async def _soon_over(stores: Stores, sale: Sale) -> float:
    """Let all holds of the sale end within a second; returns when."""
    ends_at = time.time() + 1
    moved = "UPDATE reservations SET expires_at = to_timestamp($2) WHERE event_id = $1 AND status = 'held'"
    assert await stores.postgres.execute(moved, sale.event_id, ends_at) == f"UPDATE {BUYERS}"
    return ends_at


async def _until(moment: float) -> None:
    async def reached() -> bool:
        return time.time() >= moment

    await wait_until(reached, "the deadline", every_s=0.005)


async def _all_free(stores: Stores, sale: Sale) -> None:
    """Wait until all tickets are free and nobody has used any allowance."""
    redis: Any = stores.redis
    keys = RoomKeys(sale.room_id)

    async def all_free() -> bool:
        free = int(await redis.hget(keys.stock, f"free:{sale.ticket_type_id}"))
        return free == sale.quantity and not await redis.hlen(keys.allowance)

    await wait_until(all_free, "all tickets to be free")
