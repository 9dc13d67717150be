"""The batch insert: rows and counters in one statement, exactly once, never more than there is."""

from __future__ import annotations

import asyncio

import pytest

from app.core.reservations.terms import items_of
from app.store.connections import Stores
from app.store.sql.reservations.reservations import (
    InsertRefused,
    NewHold,
    Origin,
    Superseded,
    fetch_one,
    insert_holds,
)
from tests.support.races import WAITING
from tests.support.sales import GALA, HALL, a_sale, counters, rows
from tests.support.waiting import wait_until

ORIGIN = Origin(HALL, 1, GALA)
NOW_MS = 1_790_000_000_123


def new_hold(reservation_id: str, items: str = "floor:2:5000") -> NewHold:
    amount = sum(it.quantity * it.price for it in items_of(items))
    return NewHold(reservation_id, "ann", "print", f"{amount}|EUR|{NOW_MS}|{NOW_MS + 300_000}|{items}")


async def insert(stores: Stores, *holds: NewHold, origin: Origin = ORIGIN) -> set[str]:
    return await insert_holds(stores.postgres, origin, holds)


async def test_rows_and_counters_are_written_together(stores: Stores) -> None:
    await a_sale(stores)
    batch = [new_hold("r1"), new_hold("r2", "balcony:1:3000,floor:1:5000")]
    assert await insert(stores, *batch) == {"r1", "r2"}
    assert await counters(stores, "floor") == (3, 0)
    assert await counters(stores, "balcony") == (1, 0)


async def test_a_reservation_reads_back_as_it_was_written_to_the_millisecond(stores: Stores) -> None:
    await a_sale(stores)
    await insert(stores, new_hold("r1", "balcony:1:3000,floor:1:5000"))
    found = await fetch_one(stores.postgres, "r1")
    assert found is not None
    assert (found.created_at_ms, found.expires_at_ms) == (NOW_MS, NOW_MS + 300_000)
    assert found.items == list(items_of("balcony:1:3000,floor:1:5000"))
    assert (found.amount, found.currency, found.status) == (8000, "EUR", "held")
    assert (found.room_id, found.event_id, found.visitor_id) == (HALL, GALA, "ann")
    assert found.tickets == []
    assert await fetch_one(stores.postgres, "r2") is None


async def test_a_batch_that_repeats_counts_nothing_again(stores: Stores) -> None:
    await a_sale(stores)
    await insert(stores, new_hold("r1"))
    assert await insert(stores, new_hold("r1"), new_hold("r2")) == {"r2"}
    assert await insert(stores, new_hold("r1"), new_hold("r2")) == set()
    assert await counters(stores) == (4, 0)


async def test_two_workers_with_the_same_batch_count_it_once(stores: Stores) -> None:
    await a_sale(stores, {"floor": 1000})
    batch = [new_hold(f"r{i}") for i in range(200)]
    written = await asyncio.gather(*(insert(stores, *batch) for _ in range(4)))
    assert sum(map(len, written)) == 200
    assert await counters(stores) == (400, 0)


async def test_workers_with_different_types_do_not_lock_each_other_out(stores: Stores) -> None:
    await a_sale(stores, {"floor": 1000, "balcony": 1000})
    orders = ["floor:1:5000,balcony:1:3000", "balcony:1:3000,floor:1:5000"]
    await asyncio.gather(
        *(insert(stores, *(new_hold(f"r{i}-{n}", orders[(i + n) % 2]) for n in range(20))) for i in range(20))
    )
    assert await counters(stores, "floor") == (400, 0)
    assert await counters(stores, "balcony") == (400, 0)


async def test_more_than_there_is_is_refused_whole(stores: Stores) -> None:
    await a_sale(stores)
    await insert(stores, new_hold("r1", "floor:9:5000"))
    with pytest.raises(InsertRefused):
        await insert(stores, new_hold("r2", "floor:1:5000"), new_hold("r3", "floor:1:5000"))
    assert await rows(stores) == {"r1": "held"}
    assert await counters(stores) == (9, 0)
    await insert(stores, new_hold("r2", "floor:1:5000"))


async def test_a_batch_decided_before_a_restore_cannot_be_written_after_it(stores: Stores) -> None:
    await a_sale(stores)
    await stores.postgres.execute("UPDATE rooms SET epoch = 2")
    with pytest.raises(Superseded):
        await insert(stores, new_hold("r1"))
    assert await rows(stores) == {}
    assert await counters(stores) == (0, 0)
    await insert(stores, new_hold("r1"), origin=ORIGIN._replace(epoch=2))


async def test_a_restore_waits_for_the_batch_that_is_being_written(stores: Stores) -> None:
    await a_sale(stores)
    async with stores.postgres.acquire() as writer, writer.transaction():
        await writer.execute("SELECT 1 FROM rooms WHERE room_id = 'hall' AND epoch = 1 FOR SHARE")
        raising = asyncio.create_task(stores.postgres.execute("UPDATE rooms SET epoch = 2"))
        await wait_until(lambda: stores.postgres.fetchval(WAITING), "the restore to wait")
        assert not raising.done()
    await raising


async def test_a_reservation_for_an_event_that_is_gone_is_refused(stores: Stores) -> None:
    await a_sale(stores)
    with pytest.raises(InsertRefused):
        await insert(stores, new_hold("r1"), origin=ORIGIN._replace(event_id="gone"))
