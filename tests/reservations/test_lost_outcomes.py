"""Reservations whose outcome is late or lost: a worker, message, subscription or Redis is missing."""

from __future__ import annotations

import asyncio

import pytest

from app.core.errors import (
    BacklogFull,
    Restoring,
    StoreUnavailable,
)
from app.core.model import Reservation, ReservationId
from app.core.tokens.claims import BookingClaims
from app.reservations.operations import get
from app.reservations.pending import ReservationEngine
from app.reservations.waiter import Waiter
from app.settings import Settings
from app.store.connections import Stores
from app.store.redis.backlogs import backlog
from app.store.scripts.stock import Submission, SubmitReply
from tests.support.sales import (
    HALL,
    LIVE,
    SETTINGS,
    a_sale,
    a_session,
    a_shop,
    an_engine,
    counters,
    is_subscribed,
    kill_subscriptions,
    reserve_tickets,
    running_worker,
)
from tests.support.waiting import wait_until


async def test_without_a_worker_requests_wait_up_to_the_cap_and_are_done_later(stores: Stores) -> None:
    await a_sale(stores)
    impatient = Settings(secret=SETTINGS.secret, reserve_wait_s=0.3, backlog_max=2)
    async with an_engine(stores, impatient) as engine:
        ann, bob, cem = [await a_session(stores) for _ in range(3)]
        late = [asyncio.create_task(reserve_tickets(engine, it, "floor:1", key="mine")) for it in (ann, bob)]
        await wait_until(lambda: backlog(stores.redis, LIVE), "the submissions")
        with pytest.raises(BacklogFull):
            await reserve_tickets(engine, cem, "floor:1", key="mine")
        for task in late:
            with pytest.raises(StoreUnavailable):
                await task
        assert not engine.waiting
    async with an_engine(stores) as engine, running_worker(stores):
        answers = [await reserve_tickets(engine, it, "floor:1", key="mine") for it in (ann, bob, cem)]
        assert [it.replayed for it in answers] == [True, True, False]
        assert await counters(stores) == (3, 0)


async def test_an_outcome_whose_message_was_lost_is_looked_up(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        engine.instance = "somebody-else"
        assert (await reserve_tickets(engine, await a_session(stores))).reservation


async def test_a_subscription_that_broke_is_made_again(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        await kill_subscriptions(stores)
        assert (await reserve_tickets(engine, await a_session(stores))).reservation
        await wait_until(lambda: is_subscribed(stores, engine), "a new subscription")


async def test_a_submission_that_went_with_a_wiped_redis_is_told(stores: Stores) -> None:
    await a_sale(stores)
    async with an_engine(stores) as engine:
        lost = asyncio.create_task(reserve_tickets(engine, await a_session(stores)))
        await wait_until(lambda: backlog(stores.redis, LIVE), "the submission")
        await stores.redis.flushall()
        with pytest.raises(Restoring):
            await lost


async def test_at_the_moment_it_is_decided_it_is_not_unknown(stores: Stores) -> None:
    await a_sale(stores, {"floor": 1000})
    async with an_engine(stores) as engine, running_worker(stores):

        async def follow() -> None:
            ann = await a_session(stores)
            reserved = await reserve_tickets(engine, ann, "floor:1", wait=False)
            await wait_until(
                lambda: _found(engine, reserved.reservation_id, ann), "the reservation", every_s=0
            )

        for _ in range(10):
            await asyncio.gather(*(follow() for _ in range(30)))


async def _found(
    engine: ReservationEngine, reservation_id: ReservationId, claims: BookingClaims
) -> Reservation | None:
    return await get(engine, reservation_id, claims)


async def test_an_outcome_that_comes_before_the_reply_is_kept_until_it() -> None:
    submission = Submission("r", "v", 0, "print", "this process", "floor:1")
    for word, repeated in (("queued", False), ("pending", True)):
        waiter = Waiter(HALL, submission, deadline=1.0, next_check_at=1.0)
        waiter.answer = asyncio.get_running_loop().create_future()
        waiter.decided("held|terms")
        assert not waiter.answer.done()  # this may still be the outcome of an earlier request
        assert waiter.replied(SubmitReply(word, "")) == "held|terms"
        assert (waiter.word != "queued") is repeated
