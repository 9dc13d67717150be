"""The worker process: started by arq or by us. An unreachable job queue stops nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis
from structlog.testing import capture_logs

from app.runtime import embedded_stores
from app.runtime.embedded_stores import EmbeddedStore
from app.settings import Settings
from app.store.connections import Stores
from app.waiting_room import control
from app.waiting_room.joining import Joiner
from app.waiting_room.queue import join, open_queues, status
from tests.conftest import Servers
from tests.support.builders import ROOM, STAFF, Client, a_stored_room, a_visitor
from tests.support.waiting import PATIENCE_S, wait_until
from worker import lifespan, main
from worker.context import WorkerContext
from worker.lifespan import LOOPS, WorkerLoops

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]


@pytest.fixture
def queue(tmp_path: Path) -> Iterator[EmbeddedStore]:
    """A separate Redis for arq."""
    store = embedded_stores.start_valkey(tmp_path / "queue")
    yield store
    embedded_stores.stop(store)


async def test_each_loop_is_started_and_ends_when_asked(stores: Stores) -> None:
    crew = WorkerLoops(WorkerContext(Settings(), stores, "worker", asyncio.Event()))
    assert {it.get_name() for it in crew.running} == {loop.__name__ for loop in LOOPS}
    await crew.finish()
    assert all(it.done() and not it.cancelled() for it in crew.running)


async def test_a_loop_that_does_not_end_in_time_is_cut_off_and_named(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()

    async def endless(_: WorkerContext) -> None:
        begun.set()
        await asyncio.Event().wait()

    async def prompt(ctx: WorkerContext) -> None:
        await ctx.stopping.wait()

    monkeypatch.setattr(lifespan, "LOOPS", (endless, prompt))
    monkeypatch.setattr(lifespan, "LAST_S", 0.01)
    settings = Settings(shutdown_grace_s=0.01)
    crew = WorkerLoops(WorkerContext(settings, stores, "worker", asyncio.Event()))
    await begun.wait()
    with capture_logs() as logged:
        await crew.finish()
    assert [it["loop"] for it in logged if it["event"] == "a loop was cut off"] == ["endless"]
    assert {it.get_name(): it.cancelled() for it in crew.running} == {"endless": True, "prompt": False}


def test_arq_s_own_command_says_what_cannot_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUEUE_REDIS_URL", "redis://127.0.0.1:1/zero")
    module: Any = main  # its `__getattr__` is hidden from type checkers
    with pytest.raises(SystemExit, match=r"fairgate: .*zero"):
        _ = module.WorkerSettings
    with pytest.raises(AttributeError, match="OtherSettings"):
        _ = module.OtherSettings


@pytest.mark.chaos
async def test_the_work_goes_on_without_the_queue_and_ends_when_asked(
    stores: Stores, servers: Servers, database_url: str, queue: EmbeddedStore
) -> None:
    queues = open_queues(stores, Settings(rate_limits=False))
    await embedded_stores.ready(queue)
    await a_stored_room(stores, admission_rate_per_minute=600)
    await control.set_state(queues, ROOM, "open", by=STAFF)
    await asyncio.gather(*(join(queues, ROOM, Joiner(a_visitor())) for _ in range(500)))

    async def moves(beyond: int) -> int:
        async def moved() -> int | None:
            serving = (await status(queues, ROOM))[1].serving_position
            return serving if serving > beyond else None

        found = await wait_until(moved, f"the queue to move beyond {beyond}")
        assert found is not None
        return found

    start = "from app.settings import Settings; from worker import main; main.run(Settings(), None)"
    stores_of = {"REDIS_URL": servers.redis_url, "DATABASE_URL": database_url, "QUEUE_REDIS_URL": queue.url}
    worker = await asyncio.create_subprocess_exec(sys.executable, "-c", start, env=os.environ | stores_of)
    try:
        serving = await moves(20)
        queue.process.kill()
        queue.process.wait()
        assert await moves(serving + 20) > serving
        again = embedded_stores.start_valkey(Path(queue_folder(queue)))
        try:
            await embedded_stores.ready(again)
            await wait_until(lambda: attended(again), "arq to run again")
            worker.send_signal(signal.SIGTERM)
            assert await asyncio.wait_for(worker.wait(), PATIENCE_S) == 0
        finally:
            embedded_stores.stop(again)
    finally:
        with suppress(ProcessLookupError):
            worker.kill()
        await worker.wait()


@pytest.mark.chaos
async def test_arq_runs_the_worker_by_its_own_command(
    stores: Stores, servers: Servers, database_url: str
) -> None:
    queues = open_queues(stores, Settings(rate_limits=False))
    await a_stored_room(stores, admission_rate_per_minute=600)
    await control.set_state(queues, ROOM, "open", by=STAFF)
    await asyncio.gather(*(join(queues, ROOM, Joiner(a_visitor())) for _ in range(100)))
    environment = os.environ | {"REDIS_URL": servers.redis_url, "DATABASE_URL": database_url}
    start = "import sys; from arq.cli import cli; cli(sys.argv[1:])"
    command = (sys.executable, "-c", start, "worker.main.WorkerSettings")
    worker = await asyncio.create_subprocess_exec(*command, env=environment, cwd=ROOT)
    try:

        async def moved() -> bool:
            return (await status(queues, ROOM))[1].serving_position > 20

        await wait_until(moved, "the queue to move")
        check = await asyncio.create_subprocess_exec(*command, "--check", env=environment, cwd=ROOT)
        assert await asyncio.wait_for(check.wait(), PATIENCE_S) == 0
        worker.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(worker.wait(), PATIENCE_S) == 0
        check = await asyncio.create_subprocess_exec(*command, "--check", env=environment, cwd=ROOT)
        assert await asyncio.wait_for(check.wait(), PATIENCE_S) == 1
    finally:
        with suppress(ProcessLookupError):
            worker.kill()
        await worker.wait()


def queue_folder(store: EmbeddedStore) -> str:
    """The store's data directory: its only argument is its configuration file."""
    arguments = store.process.args
    assert isinstance(arguments, list)
    return str(Path(str(arguments[1])).parent)


async def attended(store: EmbeddedStore) -> bool:
    """Whether an arq worker has written its health."""
    client: Client = Redis.from_url(store.url, decode_responses=True)
    async with client:
        return any([key async for key in client.scan_iter("*:health-check")])
