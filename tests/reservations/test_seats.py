"""A tour of selling by the seat: named seats, best available, races, endings, agreement of both stores."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from app.core.errors import (
    IdempotencyKeyReused,
    LimitExceeded,
    Refusal,
    Restoring,
    SeatTaken,
    SoldOut,
    ValidationFailed,
)
from app.core.model import TicketTypeId
from app.core.reservations.requested_tickets import BestAvailable, NamedSeats, RequestedTickets
from app.reservations import consistency, holds
from app.reservations.operations import Payment, ReserveResult, cancel, check, confirm, get, reserve
from app.reservations.seat_map import live_rows
from app.restoring.loaded_rooms import LoadedRooms
from app.restoring.stock import rebuild_stock
from app.store.connections import Stores
from app.store.scripts import stock as stock_scripts
from app.store.sql.reservations.reservations import InsertRefused, NewHold, Origin, insert_holds
from tests.restoring.test_rebuild_stock import empty_redis, open_again
from tests.support.sales import GALA, HALL, LIVE, a_session, counters, items_of, reserve_tickets, rows, stock
from tests.support.seating import a_hall, a_section, reserve_best, reserve_seats, seats_in, states

A1, A2, A3, B1 = "stalls-a-1", "stalls-a-2", "stalls-a-3", "stalls-b-1"
ALL_FREE = {"a": "fffff", "b": "fffff", "c": "fffff"}


@pytest.fixture(autouse=True)
def hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    """Drift planted here does not go away, so there is no need to watch it for six seconds."""
    monkeypatch.setattr(consistency, "PAUSE_S", 0.02)


async def refused(attempt: asyncio.Future[ReserveResult]) -> Refusal | None:
    try:
        await attempt
    except Refusal as refusal:
        return refusal
    return None


async def stored_seats(stores: Stores) -> dict[str, str]:
    """Map each seat_id to its reservation in Postgres."""
    found = await stores.postgres.fetch("SELECT seat_id, reservation_id FROM seat_holds")
    return {row["seat_id"]: row["reservation_id"] for row in found}


async def test_seats_are_in_postgres_before_they_are_told(stores: Stores) -> None:
    async with a_hall(stores) as engine:
        ann = await a_session(stores)
        reserved = await reserve_seats(engine, ann, B1, A2)
        assert await stored_seats(stores) == dict.fromkeys((A2, B1), reserved.reservation_id)
        assert seats_in(reserved) == [A2, B1]
        reservation = reserved.reservation
        assert reservation is not None
        assert [(it.ticket_type_id, it.quantity, it.price) for it in reservation.items] == [
            ("stalls", 2, 7000)
        ]
        assert reservation.amount == 14_000
        assert await get(engine, reserved.reservation_id) == reservation
        assert await states(stores.redis, LIVE) == ALL_FREE | {"a": "fhfff", "b": "hffff"}
        assert await counters(stores, "stalls") == (2, 0)
        again = await reserve_seats(engine, ann, A2, B1, key=f"{B1}+{A2}")
        assert again.replayed
        assert again.reservation == reservation
        with pytest.raises(IdempotencyKeyReused):
            await reserve_seats(engine, ann, A2, key=f"{B1}+{A2}")
        assert await check(stores, GALA) == []


async def test_one_of_two_who_want_the_same_seat_gets_it(stores: Stores) -> None:
    async with a_hall(stores) as engine:
        ann, bob = await a_session(stores), await a_session(stores)
        outcomes = await asyncio.gather(
            *(refused(asyncio.ensure_future(reserve_seats(engine, it, A1, A2))) for it in (ann, bob))
        )
        [lost] = [it for it in outcomes if it is not None]
        assert isinstance(lost, SeatTaken)
        assert lost.members["seat_ids"] == [A1, A2]
        with pytest.raises(SeatTaken) as later:
            await reserve_seats(engine, await a_session(stores), A2, A3)
        assert later.value.members["seat_ids"] == [A2]
        assert await check(stores, GALA) == []


async def test_a_crowd_gets_every_seat_and_none_twice(stores: Stores) -> None:
    async with a_hall(stores, a_section(rows=5, seats_per_row=10)) as engine:
        crowd = [await a_session(stores) for _ in range(120)]
        calls = [
            reserve_best(engine, it, 1)
            if n % 2
            else reserve_seats(engine, it, f"stalls-{'abcde'[n % 5]}-{n % 10 + 1}")
            for n, it in enumerate(crowd)
        ]
        outcomes = Counter(
            type(it) for it in await asyncio.gather(*(refused(asyncio.ensure_future(call)) for call in calls))
        )
        assert outcomes.keys() <= {type(None), SeatTaken, SoldOut}
        assert outcomes[type(None)] == 50
        assert len(await stored_seats(stores)) == 50
        assert await check(stores, GALA) == []


BAD: list[tuple[RequestedTickets, str]] = [
    (NamedSeats(seat_ids=[A1, A2, A1]), "seat_ids[2]"),
    (NamedSeats(seat_ids=[A1, "stalls-a-6"]), "seat_ids[1]"),
    (NamedSeats(seat_ids=[A1, "stalls-q-1"]), "seat_ids[1]"),
    (NamedSeats(seat_ids=[A1, "circle-a-1"]), "seat_ids[1]"),
    (NamedSeats(seat_ids=["floor-a-1"]), "seat_ids[0]"),
    (items_of("floor:1,stalls:1"), "items[1].ticket_type_id"),
    (BestAvailable(ticket_type_id=TicketTypeId("floor"), quantity=1), "best_available.ticket_type_id"),
    (BestAvailable(ticket_type_id=TicketTypeId("circle"), quantity=1), "best_available.ticket_type_id"),
    (BestAvailable(ticket_type_id=TicketTypeId("stalls"), quantity=0), "best_available.quantity"),
]


async def test_what_is_wrong_is_named_and_changes_nothing(stores: Stores) -> None:
    async with a_hall(stores) as engine:
        for seat_ids, field in BAD:
            with pytest.raises(ValidationFailed) as wrong:
                await reserve(engine, await a_session(stores), GALA, seat_ids, idempotency_key="1")
            assert wrong.value.members["errors"][0]["field"] == field
        assert await rows(stores) == {}
        assert await states(stores.redis, LIVE) == ALL_FREE


async def test_counted_tickets_and_seats_share_the_visitors_limit(stores: Stores) -> None:
    async with a_hall(stores, max_tickets=3) as engine:
        ann = await a_session(stores)
        await reserve_tickets(engine, ann, "floor:2")
        await reserve_seats(engine, ann, A1)
        for attempt in (
            reserve_seats(engine, ann, A2),
            reserve_best(engine, ann, 1),
            reserve_tickets(engine, ann, "floor:1"),
        ):
            with pytest.raises(LimitExceeded):
                await attempt


async def test_seats_of_a_cancelled_and_of_an_expired_hold_are_free_again(stores: Stores) -> None:
    async with a_hall(stores) as engine:
        ann, bob = await a_session(stores), await a_session(stores)
        given_up = await reserve_seats(engine, ann, A1)
        await reserve_best(engine, bob, 3)
        await cancel(engine, given_up.reservation_id)
        await stores.postgres.execute("UPDATE reservations SET expires_at = now() WHERE status = 'held'")
        assert await holds.expire_due(stores) == 1
        assert await stored_seats(stores) == {}
        assert await states(stores.redis, LIVE) == ALL_FREE
        assert await stock(stores.redis, "stalls", LIVE) == (15, 0, 0)
        assert await check(stores, GALA) == []
        await reserve_seats(engine, bob, A1, A2)


async def test_bought_seats_have_a_ticket_each_and_a_refund_frees_them(stores: Stores) -> None:
    async with a_hall(stores) as engine:
        held = await reserve_seats(engine, await a_session(stores), A2, A1)
        done = await confirm(engine, held.reservation_id, Payment("card", "tok_ok"), "pay")
        assert sorted(it["seat_id"] for it in done.reservation.tickets) == [A1, A2]
        assert len({it["code"] for it in done.reservation.tickets}) == 2
        assert (await states(stores.redis, LIVE))["a"] == "ssfff"
        assert await check(stores, GALA) == []
        await cancel(engine, held.reservation_id)
        assert await states(stores.redis, LIVE) == ALL_FREE
        assert await stored_seats(stores) == {}
        assert await check(stores, GALA) == []


# --- two stores -------------------------------------------------------------------------------------------
async def test_postgres_gives_a_seat_to_one_whatever_redis_says(stores: Stores) -> None:
    async with a_hall(stores) as engine:
        first = await reserve_seats(engine, await a_session(stores), A1)
        assert await stock_scripts.release(stores.redis, LIVE, [first.reservation_id]) == 1
        eve = await a_session(stores)
        with pytest.raises(SeatTaken) as taken:
            await reserve_seats(engine, eve, A1, A2)
        assert taken.value.members["seat_ids"] == [A1]
        assert await rows(stores) == {first.reservation_id: "held"}
        assert await stored_seats(stores) == {A1: first.reservation_id}
        assert (await states(stores.redis, LIVE))["a"] == "hffff"  # not offered again
        assert seats_in(await reserve_best(engine, eve, 2)) == [A2, A3]


async def test_the_index_refuses_a_seat_twice_and_the_rest_of_the_batch_with_it(stores: Stores) -> None:
    async with a_hall(stores):
        origin = Origin(HALL, 1, GALA)

        def hold(name: str, *seats: str) -> NewHold:
            items = f"stalls:{len(seats)}:7000@{'+'.join(seats)}"
            return NewHold(name, "ann", "print", f"7000|EUR|1|2|{items}")

        counted = NewHold("r0", "ann", "print", "5000|EUR|1|2|floor:1:5000")
        assert await insert_holds(stores.postgres, origin, [counted, hold("r1", A1), hold("r2", A2, B1)]) == {
            "r0",
            "r1",
            "r2",
        }
        assert await stored_seats(stores) == {A1: "r1", A2: "r2", B1: "r2"}
        assert await insert_holds(stores.postgres, origin, [hold("r1", A1)]) == set()
        for wrong in ([hold("r3", A3), hold("r4", A1)], [hold("r3", "stalls-a-9")]):
            with pytest.raises(InsertRefused):
                await insert_holds(stores.postgres, origin, wrong)
        assert (await stored_seats(stores)).keys() == {A1, A2, B1}
        assert await counters(stores, "stalls") == (3, 0)


async def test_after_a_wipe_every_seat_is_as_it_was(stores: Stores) -> None:
    async with a_hall(stores, ends_on_confirm=0) as engine:
        ann, bob = await a_session(stores), await a_session(stores)
        held = await reserve_seats(engine, ann, A1, B1, key="held")
        sold = await reserve_best(engine, bob, 2, key="sold")
        await confirm(engine, sold.reservation_id, Payment("card", "tok_ok"), "pay")
        await cancel(engine, (await reserve_best(engine, ann, 3, key="gone")).reservation_id)
        keys = (LIVE.stock, LIVE.holds, LIVE.allowance, LIVE.seats, LIVE.sitters)
        before = [await stores.redis.hgetall(key) for key in keys]
        await empty_redis(stores)
        for _ in range(2):
            assert await rebuild_stock(stores, HALL, GALA, epoch=2) == 2
            assert [await stores.redis.hgetall(key) for key in keys] == before
        assert await check(stores, GALA) == []
        await open_again(stores)
        again = await reserve_seats(engine, ann, A1, B1, key="held")
        assert again.replayed
        assert again.reservation == held.reservation
        with pytest.raises(SeatTaken):
            await reserve_seats(engine, await a_session(stores), A1)


async def test_seats_that_never_reached_redis_do_so_before_their_stock(stores: Stores) -> None:
    async with a_hall(stores) as engine:
        await stores.redis.delete(LIVE.seats)
        with pytest.raises(ValidationFailed):
            await reserve_seats(engine, await a_session(stores), A1)
        await holds.load_totals(stores, HALL, GALA)
        await reserve_seats(engine, await a_session(stores), A1)


WRONG = {
    "redis lost a seat": ("HSET", LIVE.seats, "row:stalls-c", "3|1|ffff"),
    "redis thinks it is free": ("HSET", LIVE.seats, "row:stalls-a", "1|1|fffff"),
    "redis thinks it is sold": ("HSET", LIVE.seats, "row:stalls-a", "1|1|sffff"),
    "redis keeps a seat from everybody": ("HSET", LIVE.seats, "row:stalls-b", "2|1|hffff"),
    "another sits there": ("HSET", LIVE.sitters, A1, "eve"),
    "two holds have it": ("HSET", LIVE.holds, "ghost", f"held|eve|1|EUR|1|2|stalls:1:1@{A1}"),
    "the seats were wiped": ("DEL", LIVE.seats),
    "postgres lost the holder": "DELETE FROM seat_holds",
    "postgres has another holder": "UPDATE seat_holds SET seat_id = 'stalls-b-1'",
    "postgres lost a seat": "DELETE FROM seats WHERE seat_id = 'stalls-c-5'",
    "the hold ended and kept its seat": "UPDATE reservations SET status = 'expired', ended_at = now()",
}


@pytest.mark.parametrize("wrong", WRONG)
async def test_the_check_finds_what_is_wrong_with_a_seat(stores: Stores, wrong: str) -> None:
    async with a_hall(stores) as engine:
        await reserve_seats(engine, await a_session(stores), A1)
        assert await check(stores, GALA) == []
        command = WRONG[wrong]
        if isinstance(command, str):
            await stores.postgres.execute(command)
        else:
            await stores.redis.execute_command(*command)
        assert any("seat" in line for line in await check(stores, GALA))


async def test_no_seats_are_shown_while_the_room_is_being_restored(stores: Stores) -> None:
    async with a_hall(stores):
        rooms = LoadedRooms(stores)
        assert set(await live_rows(rooms, HALL)) == {"stalls"}
        await stores.redis.hset(LIVE.conf, "restoring", "1")
        with pytest.raises(Restoring):
            await live_rows(rooms, HALL)
