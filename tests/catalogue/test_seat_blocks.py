"""Blocked seats and growing sections while fans buy: in both stores, after Redis is lost, after a crash."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from app.catalogue import events, seat_blocks, ticket_types
from app.core.catalogue.definitions import NewSeat, NewSeats, NewSection
from app.core.catalogue.seating import sections_of, whole_sections
from app.core.errors import CompanionAlone, Conflict, Refusal, SeatTaken, ValidationFailed
from app.reservations import consistency, reconcile
from app.reservations.holds import load_totals
from app.reservations.operations import cancel, check
from app.restoring.loaded_rooms import LoadedRooms
from app.restoring.stock import rebuild_stock
from app.store.connections import Stores
from app.store.redis.seat_rows import live_rows
from app.store.scripts.filling import keep_back
from tests.restoring.test_rebuild_stock import empty_redis, open_again
from tests.support.builders import STAFF
from tests.support.sales import GALA, HALL, LIVE, a_session, stock
from tests.support.seating import a_hall, a_section, reserve_best, reserve_seats, seats_in, states

A1, A2, B1 = "stalls-a-1", "stalls-a-2", "stalls-b-1"


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drift planted here does not go away, so there is no need to watch it for six seconds."""
    monkeypatch.setattr(consistency, "PAUSE_S", 0.02)


async def block(stores: Stores, *seats: str, kept_as: str = "blocked") -> seat_blocks.SeatsChanged:
    return await seat_blocks.block(LoadedRooms(stores), GALA, seats, kept_as, by=STAFF)


async def release(stores: Stores, *seats: str) -> seat_blocks.SeatsChanged:
    return await seat_blocks.release(LoadedRooms(stores), GALA, seats, by=STAFF)


async def grow(stores: Stores, *new: NewSeat) -> None:
    """Add these seats to their section, as `create_seats` does in a room that is fully loaded."""
    [section] = sections_of(NewSeats(seats=list(new)))
    async with events.transaction(stores) as connection:
        await ticket_types.grow_section(connection, GALA, section, STAFF)
    await load_totals(stores, HALL, GALA)


async def total(stores: Stores) -> tuple[int, int]:
    [row] = await stores.postgres.fetch(
        "SELECT total, blocked FROM ticket_types WHERE ticket_type_id = 'stalls'"
    )
    return row["total"], row["blocked"]


async def test_seats_are_blocked_in_both_stores_and_sold_to_nobody(stores: Stores) -> None:
    async with a_hall(stores) as engine:
        ann = await a_session(stores)
        await reserve_seats(engine, ann, B1)
        assert await block(stores, A1, B1, A2) == ([A1, A2], [B1])
        assert await block(stores, A1, kept_as="house") == ([A1], [])
        assert await total(stores) == (13, 2)
        assert await stock(stores.redis, "stalls", LIVE) == (12, 1, 0)
        with pytest.raises(SeatTaken):
            await reserve_seats(engine, ann, A1)
        assert await check(stores, GALA) == []
        blocked = await seat_blocks.blocked_seats(stores, GALA)
        assert [(it.seat_id, it.kept_as) for it in blocked] == [(A1, "house"), (A2, "blocked")]
        with pytest.raises(ValidationFailed):
            await block(stores, "stalls-a-99")
        assert await release(stores, A1, B1) == ([A1], [B1])
        assert seats_in(await reserve_seats(engine, ann, A1, key="now")) == [A1]
        assert await total(stores) == (14, 1)
        assert await check(stores, GALA) == []


async def test_blocked_seats_and_new_rows_are_there_after_a_wipe(stores: Stores) -> None:
    async with a_hall(stores) as engine:
        ann = await a_session(stores)
        await reserve_seats(engine, ann, B1)
        await block(stores, A1)
        new = [NewSeat(section="Stalls", row=row, number=n, price=7000) for row, n in (("a", 7), ("d", 1))]
        for _ in range(2):
            await grow(stores, *new)
        grown = {"a": "bffff-f", "b": "hffff", "c": "fffff", "d": "f"}
        assert await states(stores.redis, LIVE) == grown
        assert await total(stores) == (16, 1)
        assert await check(stores, GALA) == []
        await empty_redis(stores)
        await rebuild_stock(stores, HALL, GALA, epoch=2)
        await open_again(stores)
        assert await states(stores.redis, LIVE) == grown
        assert await stock(stores.redis, "stalls", LIVE) == (15, 1, 0)
        assert await check(stores, GALA) == []
        with pytest.raises(Conflict):
            await grow(stores, NewSeat(section="Stalls", row="e", number=1, price=1))


async def test_kinds_are_in_both_stores_and_after_a_wipe(stores: Stores) -> None:
    async with a_hall(stores) as engine:
        ann = await a_session(stores)
        await reserve_seats(engine, ann, B1)
        await seat_blocks.set_kind(stores, GALA, [A1, B1], "accessible", by=STAFF)
        await seat_blocks.set_kind(stores, GALA, [A2], "companion", by=STAFF)
        with pytest.raises(ValidationFailed):
            await seat_blocks.set_kind(stores, GALA, ["stalls-q-1"], "", by=STAFF)
        with pytest.raises(CompanionAlone):
            await reserve_seats(engine, ann, A2)
        assert seats_in(await reserve_best(engine, ann, 1)) == ["stalls-a-3"]
        assert await check(stores, GALA) == []
        await empty_redis(stores)
        await rebuild_stock(stores, HALL, GALA, epoch=2)
        await open_again(stores)
        rows = (await live_rows(stores.redis, LIVE))["stalls"]
        assert [it.kinds for it in rows] == ["ac...", "a....", ""]
        await stores.redis.hdel(LIVE.seats, "kinds:stalls-a")
        assert (await reconcile.reconcile(stores, GALA, repair=True)).left == []
        assert await check(stores, GALA) == []


async def test_seats_with_labels_are_in_both_stores_and_after_a_wipe(stores: Stores) -> None:
    new = NewSection(name="Stalls", price=7000, rows=2, blocks=[[2, 2]], numbering="outwards")
    async with a_hall(stores, *whole_sections([new])) as engine:
        ann = await a_session(stores)
        assert seats_in(await reserve_best(engine, ann, 2)) == ["stalls-a-3", "stalls-a-1"]
        await block(stores, "stalls-a-4")
        with pytest.raises(ValidationFailed):
            await block(stores, "stalls-a-5")
        assert await check(stores, GALA) == []
        await empty_redis(stores)
        await rebuild_stock(stores, HALL, GALA, epoch=2)
        await open_again(stores)
        rows = (await live_rows(stores.redis, LIVE))["stalls"]
        assert [(it.states, it.labels) for it in rows] == [("hh-fb", "3,1,,2,4"), ("ff-ff", "3,1,,2,4")]
        assert await check(stores, GALA) == []


@pytest.mark.slow
async def test_a_block_that_was_cut_off_is_mended_either_way(stores: Stores) -> None:
    async with a_hall(stores):
        await block(stores, A1)
        await keep_back(stores.redis, LIVE, [A2], to="b")  # and never written to Postgres
        await keep_back(stores.redis, LIVE, [A1], to="f")  # Redis lost it
        assert len(await check(stores, GALA)) > 0
        report = await reconcile.reconcile(stores, GALA, repair=True)
        assert report.left == []
        assert (await states(stores.redis, LIVE))["a"] == "bffff"
        assert await check(stores, GALA) == []


@pytest.mark.slow
async def test_a_seat_that_only_postgres_has_blocked_is_refused_there_and_marked(stores: Stores) -> None:
    async with a_hall(stores) as engine:
        await block(stores, A1)
        await keep_back(stores.redis, LIVE, [A1], to="f")
        with pytest.raises(SeatTaken):
            await reserve_seats(engine, await a_session(stores), A1)
        assert (await states(stores.redis, LIVE))["a"] == "bffff"
        assert await check(stores, GALA) == []


@pytest.mark.parametrize("seed", range(3))
async def test_staff_and_fans_at_once_never_have_the_same_seat(stores: Stores, seed: int) -> None:
    random, section = Random(seed), a_section(rows=3, seats_per_row=6)
    ids = [f"stalls-{row.row}-{number}" for row in section.rows for number in row.numbers()]
    async with a_hall(stores, section, max_tickets=100) as engine:
        ann = await a_session(stores)

        async def fan(n: int) -> None:
            try:
                wanted = random.sample(ids, 2)
                held = await (
                    reserve_best(engine, ann, 2, key=f"b{n}")
                    if n % 3
                    else reserve_seats(engine, ann, *wanted)
                )
            except Refusal:
                return
            if random.random() < 0.4:
                await cancel(engine, held.reservation_id)

        async def staff() -> None:
            seats = random.sample(ids, 4)
            await (block if random.random() < 0.6 else release)(stores, *seats)

        async def more(n: int) -> None:
            new = NewSeat(section="Stalls", row=f"z{n}", number=n + 1, price=7000)
            await grow(stores, new)

        for n in range(4):
            await asyncio.gather(fan(3 * n), fan(3 * n + 1), fan(3 * n + 2), staff(), staff(), more(n))
        assert await check(stores, GALA) == []
        blocked = {it.seat_id for it in await seat_blocks.blocked_seats(stores, GALA)}
        sold = await stores.postgres.fetch("SELECT seat_id FROM seat_holds WHERE reservation_id IS NOT NULL")
        assert blocked.isdisjoint(it["seat_id"] for it in sold)
        assert await total(stores) == (len(ids) + 4 - len(blocked), len(blocked))
