"""Every change is published once it is committed, in order; after a crash it is published again."""

from __future__ import annotations

import asyncio
import json
from contextlib import suppress
from typing import Any

import pytest

from app.core.errors import PaymentDeclined
from app.core.model import RoomState, RoomStatus
from app.notifications.relay import relay
from app.reservations import holds
from app.reservations.checkout import Payment, cancel, confirm
from app.store.connections import Stores
from app.store.redis.notice_stream import KEYS, add_notices
from app.store.sql.notifications import outbox
from app.store.sql.reservations import reservations
from app.store.sql.waiting_room import rooms
from tests.store.test_reservations import ORIGIN, new_hold
from tests.support.sales import GALA, HALL, a_sale, a_session, a_shop, reserve_tickets


async def read_stream(stores: Stores) -> list[dict[str, str]]:
    """What another system reads."""
    return [fields for _, fields in await stores.redis.xrange(KEYS.events)]


def types(entries: list[dict[str, str]]) -> list[str]:
    return [it["type"] for it in entries]


async def hold(stores: Stores, *names: str) -> None:
    await reservations.insert_holds(stores.postgres, ORIGIN, [new_hold(it, "floor:1:5000") for it in names])


async def test_a_purchase_and_its_end_are_told_in_order(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        reserved = await reserve_tickets(engine, await a_session(stores))
        with pytest.raises(PaymentDeclined):
            await confirm(engine, reserved.reservation_id, Payment("card", "tok_declined"), "no")
        await confirm(engine, reserved.reservation_id, Payment("card", "tok_ok"), "yes")
        await cancel(engine, reserved.reservation_id)
        while await relay(stores):
            pass
    events = await read_stream(stores)
    of_reservation = [it for it in types(events) if it.startswith("reservation.")]
    assert of_reservation == ["reservation.held", "reservation.confirmed", "reservation.cancelled"]
    of_payment = [it for it in types(events) if it.startswith("payment.")]
    assert of_payment == ["payment.declined", "payment.succeeded", "payment.refunded"]
    held = json.loads(events[0]["data"])
    assert (held["reservation_id"], held["event_id"], held["status"]) == (
        reserved.reservation_id,
        GALA,
        "held",
    )
    assert (held["amount"], held["currency"]) == (10_000, "EUR")
    assert held["items"] == [{"price": 5000, "quantity": 2, "ticket_type_id": "floor"}]
    assert events[0]["timestamp"].endswith("Z")
    paid = next(json.loads(it["data"]) for it in events if it["type"] == "payment.succeeded")
    assert (paid["reservation_id"], paid["amount"]) == (reserved.reservation_id, 10_000)
    assert "token" not in paid
    assert len({it["id"] for it in events}) == len(events)


async def test_a_batch_of_holds_is_one_row_and_a_notice_each(stores: Stores) -> None:
    await a_sale(stores)
    await hold(stores, *(f"r{i}" for i in range(8)))
    await hold(stores, "r0", "r1")  # again: nothing changed
    assert await stores.postgres.fetchval("SELECT count(*) FROM outbox") == 1
    assert await relay(stores) == 8
    assert {json.loads(it["data"])["reservation_id"] for it in await read_stream(stores)} == {
        f"r{i}" for i in range(8)
    }
    await stores.postgres.execute("UPDATE reservations SET expires_at = now()")
    await holds.expire_due(stores)
    assert await relay(stores) == 8
    assert types((await read_stream(stores))[8:]) == ["reservation.expired"] * 8


async def test_what_was_rolled_back_is_not_told(stores: Stores) -> None:
    await a_sale(stores, {"floor": 1})
    with pytest.raises(reservations.InsertRefused):
        await hold(stores, "r1", "r2")
    assert await relay(stores) == 0


async def test_what_commits_late_is_not_skipped(stores: Stores) -> None:
    await a_sale(stores)
    await hold(stores, "slow", "quick")
    async with stores.postgres.acquire() as slow, slow.transaction():
        await slow.execute("UPDATE reservations SET status = 'cancelled' WHERE reservation_id = 'slow'")
        await stores.postgres.execute(
            "UPDATE reservations SET status = 'cancelled' WHERE reservation_id = 'quick'"
        )
        assert await relay(stores) == 3  # its number is lower than the one just relayed
        events = [json.loads(it["data"]) for it in await read_stream(stores)]
        assert "slow" not in {it["reservation_id"] for it in events if it["status"] == "cancelled"}
    assert await relay(stores) == 1
    assert json.loads((await read_stream(stores))[-1]["data"])["reservation_id"] == "slow"


async def test_any_number_may_relay_and_nothing_is_doubled(stores: Stores) -> None:
    await a_sale(stores, {"floor": 100})
    for i in range(50):
        await hold(stores, f"r{i}")
    while sum(await asyncio.gather(*(relay(stores) for _ in range(5)))):
        pass
    assert len({it["id"] for it in await read_stream(stores)}) == len(await read_stream(stores)) == 50


async def test_killed_before_the_commit_the_same_is_told_again(stores: Stores) -> None:
    await a_sale(stores)
    await hold(stores, "r1", "r2")
    with suppress(ConnectionAbortedError):
        async with outbox.relay_lock(stores.postgres) as connection:
            assert connection is not None
            await add_notices(stores.redis, KEYS, (await outbox.next_events(connection)).notices)
            raise ConnectionAbortedError
    assert await relay(stores) == 2
    ids = [it["id"] for it in await read_stream(stores)]
    assert ids[:2] == ids[2:]
    assert await relay(stores) == 0


@pytest.mark.parametrize("lost", ["all", "the end"])
async def test_a_redis_that_lost_the_stream_gets_it_again(stores: Stores, lost: str) -> None:
    await a_sale(stores)
    await hold(stores, "r1")
    await relay(stores)
    saved = await stores.redis.dump(KEYS.events)
    await hold(stores, "r2")
    await relay(stores)
    await stores.redis.delete(KEYS.events)
    if lost == "the end":
        await stores.redis.restore(KEYS.events, 0, saved)
    await relay(stores)
    published = {json.loads(it["data"])["reservation_id"] for it in await read_stream(stores)}
    assert published == {"r1", "r2"}
    assert await relay(stores) == 0
    assert await stores.postgres.fetchval("SELECT count(*) FROM deliveries") == 0


async def test_a_consumer_group_reads_it_and_is_given_what_it_did_not_acknowledge(stores: Stores) -> None:
    await a_sale(stores)
    redis: Any = stores.redis
    await redis.xgroup_create(KEYS.events, "books", "0", mkstream=True)
    await hold(stores, "r1", "r2")
    await relay(stores)
    ((_, read),) = await redis.xreadgroup("books", "one", {KEYS.events: ">"}, count=10)
    assert len(read) == 2
    await redis.xack(KEYS.events, "books", read[0][0])
    _, again, _ = await redis.xautoclaim(KEYS.events, "books", "two", 0)
    assert [fields["id"] for _, fields in again] == [read[1][1]["id"]]


async def test_a_room_tells_what_becomes_of_it(stores: Stores) -> None:
    await a_sale(stores)

    async def change(state: str, rate: int, sold_out: bool = False) -> None:
        await stores.postgres.execute(
            "UPDATE rooms SET state = $1, sold_out = $3, "
            "settings = jsonb_build_object('name', 'Hall', 'admission_rate_per_minute', $2::int)",
            state,
            rate,
            sold_out,
        )

    for state in ("open", "paused", "open", "closed", "open"):
        await change(state, 600)
    await change("open", 900)
    await change("open", 900, sold_out=True)
    await change("open", 900, sold_out=True)
    await relay(stores)
    events = await read_stream(stores)
    assert types(events)[-6:] == [
        "room.paused",
        "room.resumed",
        "room.closed",
        "room.opened",
        "room.rate_changed",
        "room.sold_out",
    ]
    rate = json.loads(events[-2]["data"])
    assert rate == {
        "room_id": HALL,
        "event_id": GALA,
        "admission_rate_per_minute": 900,
        "admission_rate_per_minute_before": 600,
    }


async def test_sold_out_is_told_when_it_begins_whichever_worker_sees_it(stores: Stores) -> None:
    await a_sale(stores)

    async def record_state(state: RoomState, now_ms: int) -> None:
        zeros: dict[str, Any] = dict.fromkeys(
            "epoch serving_position last_number waiting called active".split(), 0
        )
        status = RoomStatus(
            **zeros,
            state=state,
            now_ms=now_ms,
            version=1,
            outflow_per_minute=0,
            available=0,
            opened_at_ms=0,
            generation=await stores.postgres.fetchval("SELECT generation FROM rooms"),
        )
        await rooms.record_progress(stores.postgres, HALL, status)

    await record_state("open", 1_000)
    await record_state("sold_out", 2_000)
    await record_state("open", 1_900)  # another worker, slightly behind
    await record_state("sold_out", 2_100)
    await record_state("open", 3_000)
    await record_state("sold_out", 4_000)
    await relay(stores)
    assert types(await read_stream(stores)) == ["room.sold_out"] * 2


async def test_what_was_told_is_forgotten_after_days_and_not_before(stores: Stores) -> None:
    await a_sale(stores)
    await hold(stores, "r1")
    await hold(stores, "r2")
    assert await outbox.lag_s(stores.postgres) > 0
    await relay(stores)
    assert await outbox.lag_s(stores.postgres) == 0
    await outbox.forget(stores.postgres)
    assert await stores.postgres.fetchval("SELECT count(*) FROM outbox") == 2
    await stores.postgres.execute(
        "UPDATE outbox SET streamed_at = now() - interval '4 days' WHERE subjects = '{r1}'"
    )
    await stores.postgres.execute("INSERT INTO outbox (type, subjects) VALUES ('reservation.held', '{r2}')")
    await outbox.forget(stores.postgres)
    remaining = await stores.postgres.fetch("SELECT subjects FROM outbox")
    assert [row["subjects"] for row in remaining] == [["r2"], ["r2"]]
