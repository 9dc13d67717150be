"""A tour of reserving: one reservation, a crowd, repeats, refusals, limits, watching."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from pydantic import SecretStr

from app.core.errors import (
    EventNotFound,
    IdempotencyKeyReused,
    LimitExceeded,
    Refusal,
    ReservationNotFound,
    Restoring,
    SessionEnded,
    SoldOut,
    StoreUnavailable,
    ValidationFailed,
    WrongRoom,
)
from app.core.model import EventId, Item, ReservationId
from app.reservations.operations import ReserveResult, check, get, reserve, watch
from app.settings import Settings
from app.store.connections import Stores
from app.store.redis.backlogs import backlog
from app.store.redis.submissions import announce
from tests.reservations.test_lost_outcomes import _found
from tests.support.sales import (
    GALA,
    HALL,
    LIVE,
    a_sale,
    a_session,
    a_shop,
    an_engine,
    counters,
    items_of,
    reserve_tickets,
    rows,
    running_worker,
    stock,
)
from tests.support.waiting import wait_until


async def refused(attempt: asyncio.Future[ReserveResult] | asyncio.Task[ReserveResult]) -> Refusal | None:
    try:
        await attempt
    except Refusal as refusal:
        return refusal
    return None


async def test_a_reservation_is_in_postgres_before_it_is_told(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        ann = await a_session(stores)
        reserved = await reserve_tickets(engine, ann, "floor:2,balcony:1")
        assert await rows(stores) == {reserved.reservation_id: "held"}
        assert not reserved.replayed
        reservation = reserved.reservation
        assert reservation is not None
        assert (reservation.amount, reservation.currency, reservation.status) == (13_000, "EUR", "held")
        assert [(it.ticket_type_id, it.quantity, it.price) for it in reservation.items] == [
            ("balcony", 1, 3000),
            ("floor", 2, 5000),
        ]
        assert reservation.expires_at_ms - reservation.created_at_ms == 300_000
        assert await get(engine, reserved.reservation_id) == reservation
        assert await counters(stores) == (2, 0)
        assert await stock(stores.redis, "floor", LIVE) == (8, 2, 0)
        assert await check(stores, GALA) == []


async def test_a_crowd_gets_every_ticket_and_none_twice(stores: Stores) -> None:
    async with a_shop(stores, {"floor": 50}) as engine:
        crowd = [await a_session(stores) for _ in range(120)]
        outcomes = await asyncio.gather(
            *(refused(asyncio.ensure_future(reserve_tickets(engine, it, "floor:1"))) for it in crowd)
        )
        assert Counter(type(it) for it in outcomes) == {type(None): 50, SoldOut: 70}
        assert len(await rows(stores)) == 50
        assert await counters(stores) == (50, 0)
        assert await check(stores, GALA) == []


async def test_the_same_key_at_once_makes_one_reservation_and_one_first_answer(stores: Stores) -> None:
    async with a_shop(stores) as engine, an_engine(stores) as other_process:
        ann = await a_session(stores)
        answers = await asyncio.gather(
            *(reserve_tickets(it, ann, "floor:1", key="once") for it in [engine, other_process] * 25)
        )
        assert sum(not it.replayed for it in answers) == 1
        assert all(it.reservation == answers[0].reservation for it in answers)
        assert len(await rows(stores)) == 1
        assert await counters(stores) == (1, 0)


async def test_a_repeat_is_told_the_same_also_after_the_session_and_the_hold(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        ann = await a_session(stores)
        first = await reserve_tickets(engine, ann, key="once")
        await stores.redis.delete(LIVE.active)
        await stores.postgres.execute("UPDATE reservations SET status = 'cancelled', ended_at = now()")
        again = await reserve_tickets(engine, ann, key="once")
        assert again.replayed
        assert again.reservation == first.reservation


async def test_order_of_items_is_no_other_body_but_another_quantity_is(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        ann = await a_session(stores)
        await reserve_tickets(engine, ann, "floor:2,balcony:1", key="once")
        assert (await reserve_tickets(engine, ann, "balcony:1,floor:2", key="once")).replayed
        with pytest.raises(IdempotencyKeyReused):
            await reserve_tickets(engine, ann, "floor:1,balcony:1", key="once")


async def test_keys_of_two_visitors_have_nothing_to_do_with_each_other(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        ann, bob = await a_session(stores), await a_session(stores)
        assert not (await reserve_tickets(engine, ann, key="1")).replayed
        assert not (await reserve_tickets(engine, bob, key="1")).replayed
        assert len(await rows(stores)) == 2


async def test_a_refusal_is_repeated_under_its_key_and_leaves_the_session_usable(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        ann = await a_session(stores)
        for replayed in (False, True):
            with pytest.raises(SoldOut) as sold_out:
                await reserve_tickets(engine, ann, "balcony:6", key="too many")
            assert sold_out.value.replayed is replayed
        await reserve_tickets(engine, ann, "balcony:5")


async def test_a_visitor_holds_as_many_as_the_event_allows_in_all(stores: Stores) -> None:
    async with a_shop(stores, {"floor": 100}, max_tickets=4) as engine:
        ann = await a_session(stores)
        outcomes = await asyncio.gather(
            *(refused(asyncio.ensure_future(reserve_tickets(engine, ann, "floor:1"))) for _ in range(9))
        )
        assert Counter(type(it) for it in outcomes) == {type(None): 4, LimitExceeded: 5}
        assert await counters(stores) == (4, 0)


@pytest.mark.parametrize(
    ("items", "field"),
    [
        ([], "items"),
        (items_of("floor:1,floor:2"), "items[1].ticket_type_id"),
        (items_of("floor:1,backstage:1"), "items[1].ticket_type_id"),
        (items_of("floor:0"), "items[0].quantity"),
        (items_of("floor:-1"), "items[0].quantity"),
    ],
)
async def test_wrong_items_are_named_and_change_nothing(
    stores: Stores, items: list[Item], field: str
) -> None:
    async with a_shop(stores) as engine:
        ann = await a_session(stores)
        with pytest.raises(ValidationFailed) as wrong:
            await reserve(engine, ann, GALA, items, idempotency_key="1")
        assert wrong.value.members["errors"][0]["field"] == field
        assert await rows(stores) == {}


async def test_a_huge_quantity_is_only_too_many(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        with pytest.raises(LimitExceeded):
            await reserve_tickets(engine, await a_session(stores), f"floor:{10**9}")


async def test_events_of_other_rooms_and_of_nobody(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        ann = await a_session(stores)
        await stores.postgres.execute(
            "INSERT INTO rooms (room_id, settings, state, seed) VALUES ('club', '{}', 'open', $1)", bytes(32)
        )
        await stores.postgres.execute(
            "INSERT INTO events (event_id, room_id, name, starts_at) "
            "VALUES ('party', 'club', 'Party', now() + '1 d')"
        )
        with pytest.raises(WrongRoom):
            await reserve(engine, ann, EventId("party"), items_of("floor:1"), idempotency_key="1")
        with pytest.raises(EventNotFound):
            await reserve(engine, ann, EventId("nothing"), items_of("floor:1"), idempotency_key="1")


async def test_a_session_that_ended_reserves_nothing(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        ann = await a_session(stores)
        await stores.redis.delete(LIVE.active)
        with pytest.raises(SessionEnded):
            await reserve_tickets(engine, ann)


async def test_a_room_under_restoration_says_so(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        ann = await a_session(stores)
        await stores.redis.hset(LIVE.conf, "restoring", "1")
        with pytest.raises(Restoring):
            await reserve_tickets(engine, ann)
        await stores.redis.delete(LIVE.conf)
        with pytest.raises(Restoring):
            await reserve_tickets(engine, ann)


async def test_not_waiting_gives_the_id_and_the_outcome_can_be_asked_for(stores: Stores) -> None:
    await a_sale(stores)
    async with an_engine(stores) as engine:
        ann, eve = await a_session(stores), await a_session(stores)
        reserved = await reserve_tickets(engine, ann, "balcony:4", key="later", wait=False)
        with pytest.raises(SoldOut):  # a request that was refused is not awaited
            await reserve_tickets(engine, eve, "balcony:2", key="at once", wait=False)
        await stores.postgres.execute("UPDATE ticket_types SET total = 4 WHERE ticket_type_id = 'balcony'")
        refused_later = await reserve_tickets(engine, eve, "balcony:1", key="later", wait=False)
        assert reserved.reservation is None
        assert not engine.waiting
        assert (await reserve_tickets(engine, ann, "balcony:4", key="later", wait=False)).replayed
        assert await get(engine, reserved.reservation_id, ann) is None
        for stranger in (eve, None):
            with pytest.raises(ReservationNotFound):
                await get(engine, reserved.reservation_id, stranger)
        async with running_worker(stores):
            await wait_until(lambda: _found(engine, reserved.reservation_id, ann), "the reservation")
            with pytest.raises(SoldOut):
                await wait_until(lambda: get(engine, refused_later.reservation_id, eve), "the refusal")


async def test_a_watcher_sees_each_change_and_the_end(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        reserved = await reserve_tickets(engine, await a_session(stores))
        statuses = []
        async for reservation in watch(engine, reserved.reservation_id):
            statuses.append(reservation.status)
            if reservation.status == "held":
                await stores.postgres.execute("UPDATE reservations SET status = 'expired', ended_at = now()")
                await announce(stores.redis, [reserved.reservation_id])
        assert statuses == ["held", "expired"]
        assert not engine.watching
        with pytest.raises(ReservationNotFound):
            await anext(watch(engine, ReservationId("nothing")))


async def test_a_stopping_desk_lets_nobody_wait(stores: Stores) -> None:
    await a_sale(stores)
    async with an_engine(stores) as engine:
        waiting = asyncio.create_task(reserve_tickets(engine, await a_session(stores)))
        await wait_until(lambda: backlog(stores.redis, LIVE), "the submission")
    with pytest.raises(StoreUnavailable):
        await waiting


async def test_a_desk_needs_a_secret(stores: Stores) -> None:
    with pytest.raises(ValueError, match="FAIRGATE_SECRET"):
        async with an_engine(stores, Settings(secret=SecretStr(""))):
            pass


async def test_a_room_of_that_name_only(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        reserved = await reserve_tickets(engine, await a_session(stores))
        assert reserved.reservation is not None
        assert reserved.reservation.room_id == HALL
