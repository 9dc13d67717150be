"""The permanent jobs beside the processor: payments are settled, what is past its time is forgotten."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from app import conservation, metrics
from app.reservations import Payment, confirm, get
from app.settings import Settings
from app.store.connections import Stores
from app.store.stock_scripts import GROUP
from tests.sales import GALA, LIVE, SETTINGS, a_session, a_shop, ask
from tests.waiting import wait_until
from worker import mend
from worker.context import WorkerContext
from worker.pace import Backoff, repeat
from worker.payments import settle_payments


@asynccontextmanager
async def at_work(
    stores: Stores, job: Callable[[WorkerContext], Awaitable[None]], settings: Settings = SETTINGS
) -> AsyncIterator[None]:
    """The job, until the end of the block; it has to stop at once."""
    ctx = WorkerContext(settings, stores, "jobs", asyncio.Event())
    task = asyncio.ensure_future(job(ctx))
    yield
    ctx.stopping.set()
    await asyncio.wait_for(task, 1)


async def test_a_slow_payment_is_settled(stores: Stores) -> None:
    async with a_shop(stores) as desk, at_work(stores, settle_payments):
        reserved = await ask(desk, await a_session(stores))
        answer = await confirm(desk, reserved.reservation_id, Payment("card", "tok_slow"), "pay")
        assert answer.reservation.status == "paying"

        async def confirmed() -> bool:
            found = await get(desk, reserved.reservation_id)
            return found is not None and found.status == "confirmed"

        await wait_until(confirmed, "the confirmation")


async def test_what_is_past_its_time_is_forgotten(stores: Stores) -> None:
    async with a_shop(stores):
        await stores.postgres.execute(
            "INSERT INTO idempotent_replies (scope, idempotency_key, fingerprint, created_at) VALUES "
            "('a', 'old', 'f', now() - interval '25 hours'), ('a', 'new', 'f', now())"
        )
        await stores.postgres.execute(
            "INSERT INTO calls (room_id, called_at, serving_position, last_number) "
            "VALUES ('hall', now() - interval '3 days', 1, 1), ('hall', now(), 2, 2)"
        )
        await stores.postgres.execute(
            "INSERT INTO drawn_places (room_id, visitor_id, queue_number) VALUES ('hall', 'ann', 1)"
        )

        async def purged() -> bool:
            kept = await stores.postgres.fetch("SELECT idempotency_key FROM idempotent_replies")
            return [row["idempotency_key"] for row in kept] == ["new"]

        async with at_work(stores, mend.purge):
            await wait_until(purged, "the purge")
        assert await stores.postgres.fetchval("SELECT count(*) FROM calls") == 1
        assert await stores.postgres.fetchval("SELECT count(*) FROM drawn_places") == 1


async def test_consumers_at_work_are_never_forgotten(stores: Stores) -> None:
    async with a_shop(stores) as desk, at_work(stores, mend.purge):
        await ask(desk, await a_session(stores))
        assert len(await stores.redis.xinfo_consumers(LIVE.submissions, GROUP)) == 1


async def test_drift_is_mended_by_itself_and_counted(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mend, "RECONCILE_S", 0.05)
    monkeypatch.setattr(conservation, "PAUSE_S", 0.02)
    counted = metrics.DRIFT.labels("holds", "mended")
    before = counted._value.get()
    async with a_shop(stores) as desk, at_work(stores, mend.reconcile_rooms):
        await ask(desk, await a_session(stores))
        await stores.redis.hincrby(LIVE.stock, "held:floor", 3)

        async def mended() -> bool:
            return bool(counted._value.get() > before)

        await wait_until(mended, "the mending")
        assert await stores.redis.hget(LIVE.stock, "held:floor") == "2"
        assert await conservation.check(stores, GALA) == []


async def test_trouble_makes_a_job_wait_longer_and_never_ends_it() -> None:
    stopping, calls = asyncio.Event(), 0

    async def once() -> bool:
        nonlocal calls
        calls += 1
        if calls == 3:
            stopping.set()
        raise ConnectionError

    await asyncio.wait_for(repeat(stopping, "job", once, 60), 2)
    assert calls == 3


def test_a_backoff_doubles_up_to_a_second() -> None:
    backoff = Backoff()
    waits = [backoff.next() for _ in range(7)]
    assert waits == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    backoff.reset()
    assert backoff.next() == 0.05
