"""The batch that takes holds for payments: each hold for one attempt, each attempt once."""

from __future__ import annotations

import asyncio

import pytest

from app.core.clock import now_ms
from app.store.away import POSTGRES_AWAY
from app.store.connections import Stores
from app.store.sql.payments.payments import Attempt, Bill, begin
from app.store.sql.reservations.reservations import NewHold, Origin, insert_holds
from tests.support.races import WAITING
from tests.support.sales import GALA, HALL, a_sale, rows
from tests.support.waiting import wait_until


async def holds(stores: Stores, *reservation_ids: str, ttl_s: int = 300) -> int:
    """Create holds of one ticket each, and return when they run out."""
    expires_ms = now_ms() + 1000 * ttl_s
    terms = f"5000|EUR|{expires_ms - 300_000}|{expires_ms}|floor:1:5000"
    new = [NewHold(it, "ann", "print", terms) for it in reservation_ids]
    assert await insert_holds(stores.postgres, Origin(HALL, 1, GALA), new) == set(reservation_ids)
    return expires_ms


def attempt(payment_id: str, reservation_id: str) -> Attempt:
    return Attempt(payment_id, reservation_id, "print", "card", "tok_ok")


async def pending_payments(stores: Stores) -> dict[str, str]:
    """Map each payment_id that waits for the gateway to what it pays for."""
    found = await stores.postgres.fetch(
        "SELECT payment_id, reservation_id FROM payments WHERE status = 'asked'"
    )
    return {row["payment_id"]: row["reservation_id"] for row in found}


async def test_a_batch_takes_what_can_be_paid_and_leaves_the_rest(stores: Stores) -> None:
    await a_sale(stores)
    expires_ms = await holds(stores, "r1", "r2")
    await holds(stores, "over", ttl_s=-1)
    batch = [attempt("p1", "r1"), attempt("p2", "r2"), attempt("p3", "over"), attempt("p4", "nothing")]
    bill = Bill(5000, "EUR", expires_ms)
    assert await begin(stores.postgres, batch) == {"p1": bill, "p2": bill}
    assert await rows(stores) == {"r1": "paying", "r2": "paying", "over": "held"}
    assert await begin(stores.postgres, batch) == {}
    assert await pending_payments(stores) == {"p1": "r1", "p2": "r2"}


async def test_of_two_attempts_for_one_hold_the_first_takes_it(stores: Stores) -> None:
    await a_sale(stores)
    await holds(stores, "r1")
    batch = [attempt("p2", "r1"), attempt("p1", "r1"), attempt("p2", "r1")]
    assert (await begin(stores.postgres, batch)).keys() == {"p2"}
    assert await pending_payments(stores) == {"p2": "r1"}


async def test_an_attempt_that_was_made_before_takes_nothing_a_second_time(stores: Stores) -> None:
    await a_sale(stores)
    await holds(stores, "r1")
    await begin(stores.postgres, [attempt("p1", "r1")])
    await stores.postgres.execute("UPDATE payments SET status = 'declined'")
    await stores.postgres.execute("UPDATE reservations SET status = 'held'")
    assert (await begin(stores.postgres, [attempt("p1", "r1"), attempt("p2", "r1")])).keys() == {"p2"}


async def test_an_attempt_another_process_just_makes_is_left_out_alone(stores: Stores) -> None:
    await a_sale(stores)
    await holds(stores, "r1", "r2")
    async with stores.postgres.acquire() as other:
        making = other.transaction()
        await making.start()
        await other.execute(
            "INSERT INTO payments (payment_id, reservation_id, fingerprint, method, token, amount, status) "
            "VALUES ('p1', 'r1', 'print', 'card', 'tok_ok', 5000, 'declined')"
        )
        batch = asyncio.create_task(begin(stores.postgres, [attempt("p1", "r1"), attempt("p2", "r2")]))
        await wait_until(lambda: stores.postgres.fetchval(WAITING), "the batch waiting for the other")
        await making.commit()
        assert (await batch).keys() == {"p2"}
    assert await rows(stores) == {"r1": "held", "r2": "paying"}


SHUT_DOWN = """
CREATE FUNCTION shut_down() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN RAISE EXCEPTION 'terminating connection' USING ERRCODE = 'admin_shutdown'; END $$;
CREATE TRIGGER shut_down BEFORE INSERT ON payments FOR EACH ROW
    WHEN (NEW.payment_id = 'p3') EXECUTE FUNCTION shut_down()
"""


@pytest.mark.parametrize(("ids", "begun"), [(["p1", "p2", "p3"], {"p1"}), (["p2", "p3"], None)])
async def test_what_was_begun_one_by_one_before_postgres_went_away_is_charged(
    stores: Stores, ids: list[str], begun: set[str] | None
) -> None:
    """If nothing was begun, the callers hear that the store is unavailable."""
    await a_sale(stores)
    await holds(stores, "r1", "r2", "r3")
    await stores.postgres.execute(SHUT_DOWN)
    async with stores.postgres.acquire() as other:
        making = other.transaction()
        await making.start()
        await other.execute(
            "INSERT INTO payments (payment_id, reservation_id, fingerprint, method, token, amount, status) "
            "VALUES ('p2', 'r2', 'print', 'card', 'tok_ok', 5000, 'declined')"
        )
        batch = asyncio.create_task(begin(stores.postgres, [attempt(it, f"r{it[1]}") for it in ids]))
        await wait_until(lambda: stores.postgres.fetchval(WAITING), "the batch waiting for the other")
        await making.commit()
    try:
        if begun is None:
            with pytest.raises(POSTGRES_AWAY):
                await batch
        else:
            assert (await batch).keys() == begun
    finally:
        await stores.postgres.execute("DROP TRIGGER shut_down ON payments; DROP FUNCTION shut_down()")
    paid = {f"r{it[1]}" for it in begun or ()}
    assert {it for it, status in (await rows(stores)).items() if status == "paying"} == paid


async def test_a_hold_somebody_has_locked_is_left_alone_or_waited_for(stores: Stores) -> None:
    await a_sale(stores)
    await holds(stores, "r1", "r2")
    async with stores.postgres.acquire() as other:
        locking = other.transaction()
        await locking.start()
        await other.execute("SELECT FROM reservations WHERE reservation_id = 'r1' FOR UPDATE")
        batch = [attempt("p1", "r1"), attempt("p2", "r2")]
        assert (await begin(stores.postgres, batch, skip_locked=True)).keys() == {"p2"}
        alone = asyncio.create_task(begin(stores.postgres, batch[:1]))
        await wait_until(lambda: stores.postgres.fetchval(WAITING), "the attempt waiting for the lock")
        await locking.rollback()
        assert (await alone).keys() == {"p1"}
    assert await pending_payments(stores) == {"p1": "r1", "p2": "r2"}


async def test_batches_of_the_same_holds_in_any_order_take_each_once(stores: Stores) -> None:
    await a_sale(stores, {"floor": 1000})
    ids = [f"r{number}" for number in range(100)]
    await holds(stores, *ids)
    batches = [[attempt(f"p{batch}-{it}", it) for it in ids[:: (1, -1)[batch % 2]]] for batch in range(6)]
    taken = await asyncio.gather(*(begin(stores.postgres, it) for it in batches))
    assert sum(map(len, taken)) == 100
    assert sorted((await pending_payments(stores)).values()) == sorted(ids)
