"""Reconciliation: planted drift is repaired if that is safe, else reported; work in flight is left alone."""

from __future__ import annotations

import asyncio

import pytest

from app import metrics
from app.core.errors import EventNotFound, Refusal
from app.core.model import EventId
from app.reservations import batches, consistency, reconcile
from app.reservations.operations import Payment, cancel, check, confirm
from app.reservations.pending import ReservationEngine
from app.store.connections import Stores
from app.store.keys import RoomKeys
from app.store.redis import submissions
from app.store.scripts.stock import RoomNotReady
from tests.support.sales import (
    GALA,
    HALL,
    LIVE,
    a_sale,
    a_session,
    a_shop,
    an_engine,
    reserve_tickets,
    rows,
    stock,
)
from tests.support.seating import a_hall, reserve_seats, states

pytestmark = pytest.mark.slow

A1, B2 = "stalls-a-1", "stalls-b-2"


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drift planted here does not go away, so there is no need to watch it for six seconds."""
    monkeypatch.setattr(consistency, "PAUSE_S", 0.02)


async def plant(stores: Stores, command: str, reservation_id: str) -> None:
    """Make a change that nobody should: an SQL statement or a Redis command."""
    if command.startswith(("UPDATE", "DELETE")):
        await stores.postgres.execute(command)
    else:
        await stores.redis.execute_command(*command.replace("{id}", reservation_id).split())


STOCK, HOLDS, ALLOWANCE = LIVE.stock, LIVE.holds, LIVE.allowance
SAFE = {
    "a ticket was lost": [f"HINCRBY {STOCK} free:floor -1"],
    "a ticket was made": [f"HINCRBY {STOCK} free:floor 1", f"HINCRBY {STOCK} free 1"],
    "held and sold confused": [f"HINCRBY {STOCK} held:floor 1", f"HINCRBY {STOCK} sold:floor -1"],
    "a hold vanished": [f"HDEL {HOLDS} {{id}}"],
    "a hold vanished with its stock": [
        f"HDEL {HOLDS} {{id}}",
        f"HINCRBY {STOCK} free:floor 2",
        f"HINCRBY {STOCK} held:floor -2",
        f"HINCRBY {STOCK} free 2",
        f"HINCRBY {STOCK} held -2",
        f"DEL {ALLOWANCE}",
    ],
    "a hold nobody made": [f"HSET {HOLDS} ghost held|eve|1|EUR|1|2|floor:1:1"],
    "an allowance was stranded": [f"HSET {ALLOWANCE} eve 2"],
    "an allowance was lost": [f"DEL {ALLOWANCE}"],
    "the stock was wiped": [f"DEL {STOCK}"],
    "a total that only Postgres knows": ["UPDATE ticket_types SET total = total + 1"],
    "a price that only Postgres knows": ["UPDATE ticket_types SET price = price + 1"],
    "an end that only Postgres knows": [
        "UPDATE reservations SET status = 'expired', ended_at = now(), released = true",
        "UPDATE ticket_types SET held = 0",
    ],
    "a sale that only Postgres knows": [
        "UPDATE reservations SET status = 'confirmed', confirmed_at = now(), released = true",
        "UPDATE ticket_types SET sold = held, held = 0",
    ],
}


async def test_a_room_is_small_if_both_stores_have_little_of_it(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with a_shop(stores) as engine:
        for visitor in ("ann", "bob"):
            await reserve_tickets(engine, await a_session(stores, visitor), "floor:1")
        assert await reconcile.is_small(stores, HALL, GALA)
        monkeypatch.setattr(reconcile, "HOLDS_MAX", 1)
        assert not await reconcile.is_small(stores, HALL, GALA)
        await stores.redis.delete(HOLDS)
        assert not await reconcile.is_small(stores, HALL, GALA)  # Postgres has reservations


@pytest.mark.parametrize("drift", SAFE)
async def test_what_is_safe_is_mended(stores: Stores, drift: str) -> None:
    async with a_shop(stores) as engine:
        reserved = await reserve_tickets(engine, await a_session(stores), "floor:2")
        for command in SAFE[drift]:
            await plant(stores, command, reserved.reservation_id)
        report = await reconcile.reconcile(stores, GALA, repair=False)
        assert report.left
        assert not report.repaired
        assert await check(stores, GALA) != [], "a check changes nothing"
        repaired = await reconcile.reconcile(stores, GALA, repair=True)
        assert (bool(repaired.repaired), repaired.left) == (True, [])
        assert await check(stores, GALA) == []
        assert await reconcile.reconcile(stores, GALA, repair=False) == ([], [])
        await reserve_tickets(engine, await a_session(stores), "floor:1")


UNSAFE = {
    "counters without rows": "UPDATE ticket_types SET held = held + 1 WHERE ticket_type_id = 'floor'",
    "rows without counters": "UPDATE reservations SET status = 'confirmed', confirmed_at = now()",
    "sold in Redis only": f"HSET {HOLDS} ghost sold|eve|1|EUR|1|2|floor:1:1",
}


@pytest.mark.parametrize("drift", UNSAFE)
async def test_what_is_not_safe_is_told_and_left(stores: Stores, drift: str) -> None:
    async with a_shop(stores) as engine:
        reserved = await reserve_tickets(engine, await a_session(stores), "floor:2")
        await plant(stores, UNSAFE[drift], reserved.reservation_id)
        before = await stores.postgres.fetch("SELECT held, sold, total FROM ticket_types ORDER BY name")
        counted = metrics.DRIFT.labels("rows", "left")._value.get()
        assert (await reconcile.reconcile(stores, GALA, repair=True)).left
        after = await stores.postgres.fetch("SELECT held, sold, total FROM ticket_types ORDER BY name")
        assert after == before
        was_counted = metrics.DRIFT.labels("rows", "left")._value.get() > counted
        assert was_counted is not drift.startswith("sold")


SEATS = {
    "a seat was marked for nobody": [f"HSET {LIVE.sitters} {B2} eve", "row b fhfff"],
    "a held seat was set free": [f"HDEL {LIVE.sitters} {A1}", "row a fffff"],
    "a seated hold vanished": [f"HDEL {HOLDS} {{id}}"],
    "a seated hold nobody made": [f"HSET {HOLDS} ghost held|eve|1|EUR|1|2|stalls:1:1@{B2}"],
    "the seats were wiped": [f"DEL {LIVE.seats} {LIVE.sitters}"],
}


@pytest.mark.parametrize("drift", SEATS)
async def test_seats_are_mended_too(stores: Stores, drift: str) -> None:
    async with a_hall(stores) as engine:
        reserved = await reserve_seats(engine, await a_session(stores), A1)
        for command in SEATS[drift]:
            if command.startswith("row "):
                _, row, marks = command.split()
                await stores.redis.hset(LIVE.seats, f"row:stalls-{row}", f"{'abc'.index(row) + 1}|1|{marks}")
            else:
                await plant(stores, command, reserved.reservation_id)
        assert (await reconcile.reconcile(stores, GALA, repair=False)).left
        repaired = await reconcile.reconcile(stores, GALA, repair=True)
        assert (bool(repaired.repaired), repaired.left) == (True, [])
        assert await states(stores.redis, LIVE) == {"a": "hffff", "b": "fffff", "c": "fffff"}
        assert await check(stores, GALA) == []


async def test_work_in_flight_is_left_alone(stores: Stores) -> None:
    """A batch that is decided but not committed, however long that takes."""
    await a_sale(stores)
    async with an_engine(stores) as engine:
        submitted = await reserve_tickets(engine, await a_session(stores), "floor:2", wait=False)
        messages = await submissions.read_new(stores.redis, LIVE, "worker1")
        messages += await submissions.read_new(stores.redis, LIVE, "worker1")
        batch = await batches.decide(stores, HALL, messages)
        for repair in (False, True):
            assert await reconcile.reconcile(stores, GALA, repair=repair) == ([], [])
        assert await stock(stores.redis, keys=LIVE) == (8, 2, 0)
        await batches.record(stores, batch)
        assert await rows(stores) == {submitted.reservation_id: "held"}
        assert await check(stores, GALA) == []


async def test_traffic_is_not_taken_for_drift(stores: Stores) -> None:
    async with a_shop(stores, {"floor": 60, "balcony": 60}) as engine:
        stopping = asyncio.Event()
        traffic = [asyncio.create_task(_buy_and_cancel(engine, stopping)) for _ in range(6)]
        for repair in (True, False, True):
            assert await reconcile.reconcile(stores, GALA, repair=repair) == ([], [])
        await stores.redis.hincrby(LIVE.stock, "free:floor", 3)
        report = await reconcile.reconcile(stores, GALA, repair=True)
        assert (bool(report.repaired), report.left) == (True, [])
        stopping.set()
        await asyncio.gather(*traffic)
        assert await check(stores, GALA) == []


async def _buy_and_cancel(engine: ReservationEngine, stopping: asyncio.Event) -> None:
    ann = await a_session(engine.stores)
    while not stopping.is_set():
        try:
            reserved = await reserve_tickets(engine, ann, "floor:1,balcony:2")
            await confirm(engine, reserved.reservation_id, Payment("card", "tok_ok"), "pay")
            await cancel(engine, reserved.reservation_id)
        except Refusal:
            return


async def test_a_room_that_is_restored_is_left_alone(stores: Stores) -> None:
    async with a_shop(stores):
        await stores.redis.hset(LIVE.conf, "restoring", "1")
        await stores.redis.hincrby(LIVE.stock, "free:floor", 3)
        with pytest.raises(RoomNotReady):
            await reconcile.reconcile(stores, GALA, repair=True)
        assert await stores.redis.hget(RoomKeys(HALL).stock, "free:floor") == "13"
        with pytest.raises(EventNotFound):
            await reconcile.reconcile(stores, EventId("nothing"), repair=True)
