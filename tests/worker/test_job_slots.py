"""A worker runs a few jobs at once. A queue that breaks as it starts one takes no slot away, nor adds any."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import pytest
from arq.constants import in_progress_key_prefix
from arq.worker import Worker, func

from app.settings import Settings
from app.store.connections import Stores
from app.store.redis.job_queue import QUEUE_AWAY
from tests.conftest import Servers
from tests.support.relay import Relay
from tests.worker.test_jobs import an_arq_worker
from worker.main import AT_ONCE, LastingWorker

HANGS_S = 0.2  # without an answer, the queue is unavailable


@pytest.fixture
async def relay(servers: Servers) -> AsyncIterator[Relay]:
    """Between the worker and its queue."""
    async with Relay(goal_of(servers)).open() as found:
        yield found


def goal_of(servers: Servers) -> str:
    """The address of Redis, without the login."""
    return servers.redis_url.rpartition("@")[2].partition("/")[0]


def a_worker(stores: Stores, servers: Servers, relay: Relay, **settings: Any) -> Worker:
    """A worker without jobs by the clock, whose queue is behind the relay."""
    url = servers.redis_url.replace(goal_of(servers), f"127.0.0.1:{relay.port}")
    worker = an_arq_worker(stores, Settings(redis_url=url, **settings), LastingWorker)
    worker.cron_jobs = []
    return worker


async def test_a_worker_whose_queue_breaks_more_often_than_it_has_slots_still_runs_jobs(
    stores: Stores, servers: Servers, relay: Relay
) -> None:
    ran = asyncio.Event()

    async def note(ctx: dict[Any, Any], *_args: Any, **_more: Any) -> None:
        ran.set()

    worker = a_worker(stores, servers, relay)
    worker.functions = {"note": func(note, name="note")}
    await worker.pool.enqueue_job("note", _job_id="it")
    relay.cut()
    for _ in range(AT_ONCE + 2):
        with pytest.raises(QUEUE_AWAY):
            await worker.start_jobs([b"it", b"another"])
    relay.restore()
    await Worker.main(worker)  # the lasting one's would start the loops as well
    assert ran.is_set()
    await worker.pool.aclose()


async def test_a_queue_that_hangs_as_a_worker_leaves_a_job_to_another_does_not_end_the_worker(
    stores: Stores, servers: Servers, relay: Relay
) -> None:
    relay.lost = b"UNWATCH"  # by then arq has returned the slot
    worker = a_worker(stores, servers, relay, store_timeout_s=HANGS_S)
    await stores.redis.set(in_progress_key_prefix + "it", 1, px=60_000)
    with suppress(*QUEUE_AWAY):  # a busy machine may not even get as far within this time
        await worker.start_jobs([b"it"])
    assert worker.job_counter == 0
    await worker.pool.aclose()
