"""Redis fails over, or its connections go silent, in mid-sale: it recovers, and the books balance."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from redis.exceptions import RedisError

from app import metrics
from app.core.model import EventId
from app.reservations import consistency
from app.settings import Settings
from app.store.connections import Stores, connected
from app.store.redis.job_queue import STEP_JOB, enqueue_step
from tests.routes.conftest import Web, ops, served, working
from tests.support.redis_servers import PASSWORD, USER, a_pair, redis_servers, sentinels
from tests.support.waiting import wait_until
from tests.support.wire import a_wire
from worker.context import WorkerContext
from worker.main import LastingWorker, worker_settings

pytestmark = pytest.mark.slow

LOGIN = f"{USER}:{quote(PASSWORD, safe='')}"
PATIENT = {"claim_window_s": 3600, "session_ttl_s": 3600, "session_ends_on_confirm": False}
EXPECTED = {201, 202, 503}


class Buyer:
    """Somebody inside a sale who reserves one ticket after another."""

    def __init__(self, web: Web, booking: dict[str, str]) -> None:
        self.web, self.booking = web, booking
        self.answers: Counter[int] = Counter()
        self._tries = 0

    async def reserves(self) -> bool:
        """Whether one more ticket is held."""
        self._tries += 1
        answer = await self.web.reserve("gala", self.booking, key=f"n{self._tries}")
        self.answers[answer.status_code] += 1
        assert answer.status_code in EXPECTED, answer.text
        return answer.status_code == 201

    async def goes_on(self, stopping: asyncio.Event) -> None:
        """Reserve until stopped."""
        while not stopping.is_set():
            await self.reserves()
            await asyncio.sleep(0.02)


@asynccontextmanager
async def a_sale(settings: Settings) -> AsyncIterator[tuple[Web, Stores, Buyer]]:
    """The app and a worker on these stores, an open sale, and a buyer inside who has a ticket."""
    async with (
        connected(settings, "worker") as stores,
        served(settings) as web,
        working(stores, settings),
    ):

        async def started() -> bool:
            return bool((await web.get("/readyz", headers=ops())).status_code == 200)

        await wait_until(started, "the worker's first steps, which compete for the stores")
        await web.event("gala", floor=20_000, max_tickets_per_visitor=100, room=PATIENT)
        _, booking = await web.inside("gala")
        buyer = Buyer(web, booking)
        await wait_until(buyer.reserves, "the first ticket")
        yield web, stores, buyer


def chosen(settings: Settings, **changed: Any) -> Settings:
    """The settings of a test, with short timeouts."""
    return settings.model_copy(update={"store_timeout_s": 1.0, "reserve_wait_s": 3.0, **changed})


@asynccontextmanager
async def an_arq_worker(settings: Settings, stores: Stores) -> AsyncIterator[None]:
    """arq's part of a worker on this queue, with stores that are already connected."""
    made = worker_settings(settings)
    made["ctx"]["worker"] = WorkerContext(settings, stores, "jobs", asyncio.Event(), made["redis_pool"])
    worker = LastingWorker(**made, handle_signals=False)
    running = asyncio.create_task(worker.main())
    try:
        yield
    finally:
        assert not running.done(), "an unreachable queue ended it"
        running.cancel()
        await asyncio.wait({running})
        await asyncio.gather(*worker.tasks.values(), return_exceptions=True)
        await worker.pool.aclose()


def jobs_done() -> float:
    """How many steps of jobs arq has run."""
    return float(metrics.JOBS.labels(STEP_JOB, "done")._value.get())


async def ready(web: Web) -> dict[str, Any]:
    """The answer of /readyz."""
    answer: httpx.Response = await web.get("/readyz", headers=ops())
    assert answer.status_code in (200, 503)
    document: dict[str, Any] = answer.json()
    return document


async def all_are_kept(redis: Any) -> None:
    """Many concurrent calls look for the primary while a Sentinel is down: no Sentinel is forgotten."""
    manager = redis.connection_pool.sentinel_manager
    found = await asyncio.gather(*(manager.discover_master("sale") for _ in range(20)))
    assert len(set(found)) == 1
    assert len(set(manager.sentinels)) == 3


async def test_sentinel_makes_another_server_the_primary(settings: Settings, tmp_path: Path) -> None:
    async with redis_servers(tmp_path) as servers:
        primary, replica = await a_pair(servers)
        known = await sentinels(servers, primary)
        hosts = ",".join(f"127.0.0.1:{it.port}" for it in known)
        url = f"redis+sentinel://{LOGIN}@{hosts}/sale/0"
        here = chosen(settings, redis_url=url)
        async with a_sale(here) as (web, stores, buyer), an_arq_worker(here, stores):
            stopping = asyncio.Event()
            buying = asyncio.create_task(buyer.goes_on(stopping))
            primary.process.kill()
            known[0].process.kill()  # the first one to be asked

            async def promoted() -> bool:
                try:
                    async with replica.client() as redis:
                        role = await redis.role()
                except RedisError:  # it drops its clients when its role changes
                    return False
                return str(role[0]) == "master"

            await wait_until(promoted, "another primary")
            before = jobs_done()

            async def a_job_is_run() -> bool:
                await enqueue_step(web.app.job_queue, "of nobody", 0)  # which has nothing to do
                return jobs_done() > before

            await wait_until(a_job_is_run, "a job from the new primary", every_s=0.2)
            stopping.set()
            await buying
            await wait_until(buyer.reserves, "a ticket from the new primary")
            await all_are_kept(stores.redis)
            assert (await ready(web))["redis"] == "ok"
            assert buyer.answers[503] > 0

            async def balanced() -> bool:
                return not await consistency.check(stores, EventId("gala"))

            await wait_until(balanced, "balanced books")


async def test_an_old_primary_behind_one_address_is_left(settings: Settings, tmp_path: Path) -> None:
    async with redis_servers(tmp_path) as servers:
        old, new = await a_pair(servers)
        async with a_wire("127.0.0.1", old.port) as wire:
            url = f"redis://{LOGIN}@127.0.0.1:{wire.port}/0"
            async with a_sale(chosen(settings, redis_url=url)) as (web, _, buyer):
                async with new.client() as promoted, old.client() as demoted:
                    await promoted.execute_command("REPLICAOF", "NO", "ONE")
                    await demoted.execute_command("REPLICAOF", "127.0.0.1", new.port)

                    async def unwritable() -> bool:
                        status: str = (await ready(web))["redis"]
                        return status.startswith("does not accept writes: READONLY")

                    await wait_until(unwritable, "readiness to report it")
                    assert not await buyer.reserves()
                    wire.target = ("127.0.0.1", new.port)  # for new connections; the old ones stay open
                    await wait_until(buyer.reserves, "a ticket from the new primary")

                    async def is_ready() -> bool:
                        return bool((await ready(web))["redis"] == "ok")

                    await wait_until(is_ready, "readiness with the new primary")


async def test_connections_that_go_dumb_are_replaced(settings: Settings, servers: Any) -> None:
    redis, postgres = httpx.URL(servers.redis_url), httpx.URL(servers.database_url)
    async with (
        a_wire("127.0.0.1", redis.port or 0) as to_redis,
        a_wire("127.0.0.1", postgres.port or 0) as to_postgres,
    ):
        wires = {
            "redis_url": str(redis.copy_with(port=to_redis.port)),
            "database_url": str(postgres.copy_with(port=to_postgres.port)),
        }
        async with a_sale(chosen(settings, **wires)) as (_, _, buyer):
            for wire in (to_redis, to_postgres):
                await asyncio.gather(*(buyer.reserves() for _ in range(8)))  # opens several connections
                wire.silence()
                await wait_until(buyer.reserves, "a ticket over new connections")
                before = buyer.answers[503]
                await asyncio.gather(*(buyer.reserves() for _ in range(8)))
                assert buyer.answers[503] == before, "a silent connection is still in use"
