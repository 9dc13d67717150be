"""Scheduled jobs, and loops beside the processor: each does its part, and may run twice."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
from arq.constants import job_key_prefix, retry_key_prefix
from arq.cron import next_cron
from arq.worker import Worker

from app import metrics
from app.core.model import RoomId
from app.reservations import consistency
from app.reservations.operations import Payment, confirm, get
from app.settings import Settings
from app.store.connections import Stores
from app.store.redis.job_queue import QUEUE, STEP_JOB, redis_settings
from app.store.scripts.stock import GROUP
from app.store.sql.waiting_room import rooms
from tests.conftest import Servers
from tests.support.builders import SEED, a_row
from tests.support.sales import GALA, LIVE, SETTINGS, a_session, a_shop, reserve_tickets
from tests.support.waiting import PATIENCE_S, wait_until
from worker import repair
from worker.context import WorkerContext
from worker.jobs import PERIODIC, TIMEOUT_S, TRIES, Periodic, Schedule, counted, cron_jobs
from worker.main import LastingWorker, worker_settings
from worker.payments import settle_payments
from worker.timing import Backoff, repeat


def a_context(stores: Stores, settings: Settings = SETTINGS) -> WorkerContext:
    """The context that jobs and loops are given."""
    return WorkerContext(settings, stores, "jobs", asyncio.Event())


@asynccontextmanager
async def at_work(
    stores: Stores, job: Callable[[WorkerContext], Awaitable[None]], settings: Settings = SETTINGS
) -> AsyncIterator[None]:
    """Run the job until the end of the block; it has to stop promptly."""
    ctx = a_context(stores, settings)
    task = asyncio.ensure_future(job(ctx))
    try:
        yield
    finally:
        ctx.stopping.set()
        await asyncio.wait_for(task, PATIENCE_S)


async def test_a_slow_payment_is_settled(stores: Stores) -> None:
    async with a_shop(stores) as engine, at_work(stores, settle_payments):
        reserved = await reserve_tickets(engine, await a_session(stores))
        answer = await confirm(engine, reserved.reservation_id, Payment("card", "tok_slow"), "pay")
        assert answer.reservation.status == "paying"

        async def confirmed() -> bool:
            found = await get(engine, reserved.reservation_id)
            return found is not None and found.status == "confirmed"

        await wait_until(confirmed, "the confirmation")


async def test_what_is_past_its_time_is_forgotten(stores: Stores) -> None:
    async with a_shop(stores):
        await stores.postgres.execute(
            "INSERT INTO idempotent_replies (scope, idempotency_key, fingerprint, created_at) VALUES "
            "('a', 'old', 'f', now() - interval '25 hours'), ('a', 'new', 'f', now())"
        )
        await rooms.insert_room(stores.postgres, RoomId("site"), a_row().room.settings, SEED)
        await stores.postgres.execute(
            "INSERT INTO calls (room_id, called_at, serving_position, last_number) SELECT *, 1, 1 FROM "
            "unnest('{hall,site}'::text[]) AS r, unnest(ARRAY[now() - interval '3 days', now()]) AS t"
        )
        await stores.postgres.execute(
            "INSERT INTO drawn_places (room_id, visitor_id, queue_number) VALUES ('hall', 'ann', 1)"
        )

        for name, days in (("new", 0), ("old", 2), ("older", 8)):
            await stores.postgres.execute(
                "INSERT INTO jobs (job_id, kind, request, asked_by, asked_role, state, ended_at) "
                "VALUES ($1, 'export_orders', '{}', 'x', 'admin', 'done', now() - make_interval(days => $2))",
                *(name, days),
            )
            await stores.postgres.execute("INSERT INTO job_parts VALUES ($1, 0, '')", name)
            await stores.postgres.execute("INSERT INTO job_items VALUES ($1, 1, 'r', 1, 'paying')", name)
        await repair.purge(a_context(stores))
        assert await stores.postgres.fetchval("SELECT array_agg(job_id) FROM job_parts") == ["new"]
        for table in ("jobs", "job_items"):
            left = await stores.postgres.fetchval(f"SELECT array_agg(job_id ORDER BY job_id) FROM {table}")
            assert left == ["new", "old"]
        kept = await stores.postgres.fetch("SELECT idempotency_key FROM idempotent_replies")
        assert [row["idempotency_key"] for row in kept] == ["new"]
        calls = await stores.postgres.fetch("SELECT room_id FROM calls ORDER BY 1")
        assert [row["room_id"] for row in calls] == [
            "hall",
            "hall",
            "site",
        ]  # sales keep theirs
        assert await stores.postgres.fetchval("SELECT count(*) FROM drawn_places") == 1


async def test_consumers_at_work_are_never_forgotten(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        await reserve_tickets(engine, await a_session(stores))
        await repair.purge(a_context(stores))
        assert len(await stores.redis.xinfo_consumers(LIVE.submissions, GROUP)) == 1


async def test_drift_is_mended_by_itself_and_counted(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consistency, "PAUSE_S", 0.02)
    counted = metrics.DRIFT.labels("holds", "mended")
    before = counted._value.get()
    async with a_shop(stores) as engine:
        await reserve_tickets(engine, await a_session(stores))
        await stores.redis.hincrby(LIVE.stock, "held:floor", 3)
        await repair.reconcile_rooms(a_context(stores))
        assert counted._value.get() > before
        assert await stores.redis.hget(LIVE.stock, "held:floor") == "2"
        assert await consistency.check(stores, GALA) == []


async def test_trouble_makes_a_job_wait_longer_and_never_ends_it() -> None:
    stopping, calls = asyncio.Event(), 0

    async def once() -> bool:
        nonlocal calls
        calls += 1
        if calls == 3:
            stopping.set()
        raise ConnectionError

    await asyncio.wait_for(repeat(stopping, "job", once, 60), PATIENCE_S)
    assert calls == 3


def test_a_backoff_doubles_up_to_a_second() -> None:
    backoff = Backoff()
    waits = [backoff.next() for _ in range(7)]
    assert waits == [0.05, 0.1, 0.2, 0.4, 0.8, 1.0, 1.0]
    backoff.reset()
    assert backoff.next() == 0.05


def runs(job: str, outcome: str = "done") -> float:
    """How often the job had this outcome."""
    return float(metrics.JOBS.labels(job, outcome)._value.get())


def an_arq_worker(stores: Stores, settings: Settings, kind: type[Worker] = Worker) -> Worker:
    """An arq worker as `fairgate worker` creates it, with connected stores; it ends with its queue empty."""
    made = worker_settings(settings)
    made["ctx"]["worker"] = a_context(stores, settings)
    return kind(**{**made, "burst": True, "handle_signals": False, "poll_delay": 0.05})


async def test_each_job_by_the_clock_runs_once_over_all_workers_and_is_counted(
    stores: Stores, servers: Servers
) -> None:
    settings = Settings(redis_url=servers.redis_url)
    workers = [an_arq_worker(stores, settings) for _ in range(3)]
    moment = datetime.now(tz=UTC)
    for worker in workers:
        for job in worker.cron_jobs:
            assert isinstance(job, Schedule)
            job.next_run, job.every_s = moment, 10**6  # not due for a while after that
            job.after_s = int(moment.timestamp()) % job.every_s
    names = [it.work.__name__ for it in PERIODIC]
    before = {name: runs(name) for name in names}
    async with a_shop(stores) as engine:
        await reserve_tickets(engine, await a_session(stores))
        await asyncio.gather(*(worker.main() for worker in workers))
    assert {name: runs(name) - before[name] for name in names} == dict.fromkeys(names, 1)
    assert all(metrics.JOB_SECONDS.labels(name)._sum.get() > 0 for name in names)
    for worker in workers:
        await worker.pool.aclose()


async def test_each_job_by_the_clock_may_run_twice_at_once(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        reserved = await reserve_tickets(engine, await a_session(stores))
        ctx = a_context(stores)
        for it in PERIODIC:
            await asyncio.gather(it.work(ctx), it.work(ctx))
        found = await get(engine, reserved.reservation_id)
        assert found is not None
        assert found.status == "held"
        assert await consistency.check(stores, GALA) == []


@pytest.mark.parametrize("it", PERIODIC, ids=lambda it: it.work.__name__)
def test_a_job_by_the_clock_runs_when_arq_would_run_it(it: Periodic) -> None:
    """So workers of this release and of the one before, which left it to arq, share each run."""
    ours = next(job for job in cron_jobs() if job.name == it.work.__name__)
    seconds = set(range(it.after_s % it.every_s, 60, it.every_s)) if it.every_s < 60 else it.after_s
    minutes = None if it.every_s < 60 else set(range(0, 60, it.every_s // 60))
    moment = datetime(2026, 12, 31, 23, 57, 21, 123_456, tzinfo=UTC)
    theirs = next_cron(moment, minute=minutes, second=seconds)
    for _ in range(20):
        ours.calculate_next(moment)
        assert ours.next_run == theirs
        moment, theirs = theirs, next_cron(theirs, minute=minutes, second=seconds)


@pytest.mark.parametrize("it", PERIODIC, ids=lambda it: it.work.__name__)
def test_a_job_by_the_clock_is_short(it: Periodic) -> None:
    assert it.timeout_s <= TIMEOUT_S  # the longest one decides how long a dead worker's jobs stay locked
    assert 60 % it.every_s == 0 or (it.every_s % 60 == 0 and 3600 % it.every_s == 0)
    assert it.after_s < 60


async def test_a_job_that_takes_too_long_or_lacks_a_store_is_counted_as_such() -> None:
    async def slow(_: object) -> None:
        await asyncio.Event().wait()

    async def away(_: object) -> None:
        raise ConnectionError

    with pytest.raises(TimeoutError):
        await asyncio.wait_for(counted(slow)({"worker": None}), 0.01)
    assert runs("slow", "cut_off") == 1
    await counted(away)({"worker": None})
    assert runs("away", "store_away") == 1


@pytest.mark.parametrize("kind", [Worker, LastingWorker])
async def test_a_job_that_fails_before_it_starts_is_reported_once(
    stores: Stores, servers: Servers, caplog: pytest.LogCaptureFixture, kind: type[Worker]
) -> None:
    worker = an_arq_worker(stores, Settings(redis_url=servers.redis_url), kind)
    worker.cron_jobs = []
    queue = worker.pool
    for job in ("expired", "unreadable", "repeated"):
        await queue.enqueue_job(STEP_JOB, "x", _job_id=job)
    await queue.delete(job_key_prefix + "expired")
    await queue.set(job_key_prefix + "unreadable", b"{")
    await queue.set(retry_key_prefix + "repeated", TRIES)
    with caplog.at_level(logging.WARNING):
        await Worker.main(worker)  # a lasting one would start the loops as well
    assert await queue.zcard(QUEUE) == 0
    assert {record.msg for record in caplog.records} == {
        "job %s expired",
        "deserializing job %s failed",
        "%6.2fs ! %s max retries %d exceeded",
    }
    await queue.aclose()


def test_nothing_in_the_queue_is_pickled() -> None:
    made = worker_settings(Settings(redis_url="redis://127.0.0.1:1"))
    assert json.loads(made["job_serializer"]({"f": "purge"})) == {"f": "purge"}
    assert made["redis_pool"].job_serializer is made["job_serializer"]
    assert made["redis_pool"].job_deserializer is made["job_deserializer"]
    with pytest.raises(TypeError, match="plain JSON, not Event"):
        made["job_serializer"]({"f": asyncio.Event()})


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://ann:secret@redis.test:6380/2", ("redis.test", 6380, 2, "ann", "secret", False, False)),
        ("rediss://redis.test", ("redis.test", 6379, 0, None, None, True, False)),
        (
            "redis+sentinel://:secret@a.test:1,b.test/sale/3",
            ([("a.test", 1), ("b.test", 26379)], 6379, 3, None, "secret", False, True),
        ),
    ],
)
def test_arq_s_own_commands_find_the_queue(url: str, expected: tuple[object, ...]) -> None:
    it = redis_settings(Settings(redis_url="redis://elsewhere.test", queue_redis_url=url))
    assert (it.host, it.port, it.database, it.username, it.password, it.ssl, it.sentinel) == expected
