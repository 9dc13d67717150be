"""Codes in both stores: created, used, given back, restored, switched off, and never used too often."""

from __future__ import annotations

import pytest

from app.catalogue import codes
from app.core.catalogue.codes import NewCodes
from app.core.errors import AlreadyExists, CodeRefused, ValidationFailed
from app.reservations import consistency, holds, reconcile
from app.reservations.operations import Payment, ReserveResult, cancel, check, confirm, reserve
from app.reservations.pending import ReservationEngine
from app.restoring.room import rebuild_room
from app.store.connections import Stores
from app.store.sql.catalogue import codes as sql
from app.store.sql.reservations.reservations import InsertRefused, NewHold, Origin, insert_holds
from tests.support.builders import STAFF
from tests.support.sales import GALA, HALL, LIVE, a_sale, a_session, a_shop, items_of


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drift planted here does not go away, so there is no need to watch it for six seconds."""
    monkeypatch.setattr(consistency, "PAUSE_S", 0.02)


async def buy(
    engine: ReservationEngine, code: str | None, key: str = "k", items: str = "floor:2"
) -> ReserveResult:
    """Reserve with a code, as a new visitor."""
    claims = await a_session(engine.stores)
    return await reserve(engine, claims, GALA, items_of(items), idempotency_key=key, code=code)


async def used(stores: Stores) -> list[int]:
    return [it.used for it in await sql.balances(stores.postgres, GALA)]


async def test_a_code_from_its_making_to_its_last_use(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        new = NewCodes(name="Fans", code="fans", uses_max=2, percent=50, off_order=100)
        made = await codes.create(stores, GALA, new, by=STAFF)
        with pytest.raises(AlreadyExists):
            await codes.create(stores, GALA, new, by=STAFF)
        first, second = await buy(engine, "Fans"), await buy(engine, "FANS")
        assert first.reservation is not None
        assert (first.reservation.amount, first.reservation.code, first.reservation.discount) == (
            4900,
            "FANS",
            100,
        )
        with pytest.raises(CodeRefused) as refused:
            await buy(engine, "FANS")
        assert refused.value.members["reason"] == "used_up"
        await confirm(engine, first.reservation_id, Payment("card", "tok_ok"), "pay")
        await cancel(engine, second.reservation_id)
        assert (await used(stores), await check(stores, GALA)) == ([1], [])

        await stores.redis.flushall()
        await rebuild_room(stores, HALL)
        assert await stores.redis.hget(LIVE.codes, "used:FANS") == "1"
        await buy(engine, "FANS")
        with pytest.raises(CodeRefused):
            await buy(engine, "FANS")
        await codes.switch_set(stores, GALA, made.set_id, False, by=STAFF)
        with pytest.raises(CodeRefused) as refused:
            await buy(engine, "FANS")
        assert refused.value.members["reason"] == "unknown"
        assert await check(stores, GALA) == []


async def test_a_hidden_type_and_a_batch_of_codes(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        await stores.postgres.execute("UPDATE ticket_types SET hidden = ticket_type_id = 'balcony'")
        await holds.load_totals(stores, HALL, GALA)
        new = NewCodes(name="Members", count=300, prefix="mem", ticket_types=["balcony"])
        made = await codes.create(stores, GALA, new, by=STAFF)
        all_of_them = [it.code async for it in codes.all_codes(stores, GALA, made.set_id)]
        assert len(set(all_of_them)) == 300
        assert all(it.startswith("MEM") for it in all_of_them)
        with pytest.raises(ValidationFailed):
            await buy(engine, None, items="balcony:1")
        await buy(engine, all_of_them[0], items="balcony:1")
        with pytest.raises(CodeRefused):
            await buy(engine, all_of_them[0], items="balcony:1")
        await codes.switch_code(stores, GALA, made.set_id, all_of_them[1], False, by=STAFF)
        with pytest.raises(CodeRefused):
            await buy(engine, all_of_them[1], items="balcony:1")
        [found] = await codes.sets(stores, GALA)
        assert (found.made, found.used) == (300, 1)
        first = all_of_them[0]
        page, total = await codes.codes_page(stores, GALA, made.set_id, text=first, limit=5, offset=0)
        assert (total, page[0].used) == (1, 1)


async def test_postgres_lets_no_code_be_used_too_often(stores: Stores) -> None:
    """The paired assertion: it holds whatever Redis says."""
    await a_sale(stores)
    await codes.create(stores, GALA, NewCodes(name="One", code="ONE", percent=10), by=STAFF)
    origin, terms = Origin(HALL, 1, GALA), "4500|EUR|1000|2000|floor:1:4500!ONE!0"
    new = [NewHold(f"r{n}", f"v{n}", "print", terms) for n in range(2)]
    with pytest.raises(InsertRefused):
        await insert_holds(stores.postgres, origin, new)
    assert await insert_holds(stores.postgres, origin, new[:1]) == {"r0"}
    assert await insert_holds(stores.postgres, origin, new[:1]) == set()
    unknown = [new[1]._replace(terms=terms.replace("ONE", "NOPE"))]
    with pytest.raises(InsertRefused):
        await insert_holds(stores.postgres, origin, unknown)
    assert await used(stores) == [1]


async def test_what_differs_is_found_and_mended(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        await codes.create(stores, GALA, NewCodes(name="Fans", code="FANS", percent=10), by=STAFF)
        await buy(engine, "FANS")
        await stores.redis.hset(LIVE.codes, "used:FANS", "3")
        await stores.redis.hdel(LIVE.codes, "code:FANS")
        assert len(await check(stores, GALA)) == 2
        assert (await reconcile.reconcile(stores, GALA, repair=True)).left == []
        assert await check(stores, GALA) == []


async def test_a_code_that_only_redis_has_left_is_said_to_be_used_up(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        await codes.create(stores, GALA, NewCodes(name="One", code="ONE", percent=10), by=STAFF)
        await buy(engine, "ONE")
        await stores.redis.hdel(LIVE.codes, "used:ONE")
        with pytest.raises(CodeRefused) as refused:
            await buy(engine, "ONE")
        assert refused.value.members["reason"] == "used_up"
        assert await used(stores) == [1]
