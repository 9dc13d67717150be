"""A process that is asked to stop announces it, finishes what it has started, and exits."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest
from arq.constants import in_progress_key_prefix, job_key_prefix
from arq.worker import func

from app.runtime.child_process import die_with_parent
from app.runtime.sockets import ServerName, listen, url_of
from app.settings import Settings
from app.store.connections import Stores
from app.store.redis.job_queue import QUEUE
from tests.conftest import Servers
from tests.platform.outside import FAIRGATE, OPS, environment
from tests.support.builders import ROOM, a_stored_room
from tests.support.http import plain_client
from tests.support.waiting import PATIENCE_S, wait_until
from worker import main
from worker.main import LEFT_MS, LastingWorker


@asynccontextmanager
async def web_process(
    server: ServerName, folder: Path, **settings: str
) -> AsyncIterator[tuple[str, asyncio.subprocess.Process]]:
    """`fairgate web`, answering on its own port."""
    listener = listen("127.0.0.1", 0)
    url, number = url_of("127.0.0.1", listener), listener.fileno()
    process = await asyncio.create_subprocess_exec(
        *(FAIRGATE, "web", "--server", server, "--fd", str(number)),
        env=environment(FAIRGATE_SECRET="s" * 40, FAIRGATE_DATA=str(folder / "none"), **settings),
        pass_fds=(number,),
        preexec_fn=die_with_parent(signal.SIGTERM),
    )
    listener.close()  # otherwise it would stay open after the process has closed it
    try:
        yield url, process
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@dataclass
class Client:
    """Sends requests to a web process as operators, proxies and visitors do."""

    http: httpx.AsyncClient
    sent: asyncio.Event = field(default_factory=asyncio.Event)

    async def readiness(self) -> httpx.Response | None:
        """The readiness shown to operators; None: it accepts no connections."""
        try:
            return await self.http.get("/readyz", headers=OPS)
        except httpx.TransportError:
            return None

    async def is_stopping(self) -> bool:
        answer = await self.readiness()
        return answer is not None and answer.json()["process"] == "stopping"

    async def is_closed(self) -> bool:
        return await self.readiness() is None

    async def join_slowly(self) -> int:
        """The status of a join whose body is complete when `sent` is set."""

        async def body() -> AsyncIterator[bytes]:
            yield b"{"
            await self.sent.wait()
            yield b"}"

        json = {"Content-Type": "application/json"}
        answer = await self.http.post(f"/v1/rooms/{ROOM}/places", content=body(), headers=json)
        return answer.status_code


@pytest.mark.parametrize("server", ["hypercorn", "granian"])
async def test_a_web_process_drains(
    server: ServerName, stores: Stores, servers: Servers, database_url: str, tmp_path: Path
) -> None:
    await a_stored_room(stores)
    addresses = {"REDIS_URL": servers.redis_url, "DATABASE_URL": database_url}
    async with (
        web_process(server, tmp_path, FAIRGATE_SHUTDOWN_DELAY_S="600", **addresses) as (url, process),
        plain_client(url, timeout=PATIENCE_S) as http,
    ):
        asking = Client(http)
        before = await wait_until(asking.readiness, "an answer")
        assert (before.json()["process"], before.headers.get("connection")) == ("ok", None)
        async with http.stream("GET", f"/v1/rooms/{ROOM}/events") as stream:
            lines = stream.aiter_lines()
            await anext(lines)
            slow = asyncio.create_task(asking.join_slowly())
            process.send_signal(signal.SIGTERM)
            await wait_until(asking.is_stopping, "readiness to notice")
            assert (await http.get("/readyz")).status_code == 503
            for path in (f"/rooms/{ROOM}", f"/v1/rooms/{ROOM}"):  # served by Quart, and before it
                answer = await http.get(path)
                assert (answer.status_code, answer.headers["connection"]) == (200, "close")
            process.send_signal(signal.SIGTERM)  # so that it no longer waits for proxies
            assert [line async for line in lines if line.startswith("event:")][-1] == "event: reconnect"
        await wait_until(asking.is_closed, "the listener to be closed")
        assert process.returncode is None
        asking.sent.set()
        assert await slow == 409  # the room is not open yet
        assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0


@pytest.mark.filterwarnings("ignore:Call to deprecated close:DeprecationWarning")  # called by arq
async def test_a_job_that_a_worker_cannot_finish_or_does_not_know_is_left_to_others(
    stores: Stores, servers: Servers, database_url: str
) -> None:
    settings = Settings(redis_url=servers.redis_url, database_url=database_url, shutdown_grace_s=0.1)
    begun = asyncio.Event()

    async def endless(ctx: dict[Any, Any], *_args: Any, **_more: Any) -> None:
        begun.set()
        await asyncio.Event().wait()

    leaving = main.worker_settings(settings) | {"functions": [func(endless, name="endless")], "cron_jobs": []}
    worker = LastingWorker(**leaving, handle_signals=False)
    await worker.pool.enqueue_job("endless", _job_id="it", _queue_name=QUEUE)
    await worker.pool.enqueue_job("of_a_newer_release", _job_id="later", _queue_name=QUEUE)
    enqueued = await stores.redis.zscore(QUEUE, "later")
    working = asyncio.create_task(worker.async_run())
    await asyncio.wait_for(begun.wait(), PATIENCE_S)
    assert await stores.redis.exists(in_progress_key_prefix + "it")

    async def put_off() -> bool:
        score: float | None = await stores.redis.zscore(QUEUE, "later")
        return score is not None and score > enqueued + LEFT_MS / 2

    await wait_until(put_off, "the unknown job to be left to others")
    worker._handle_signals = True  # so that `close` waits for what follows
    worker.handle_sig_wait_for_completion(signal.SIGTERM)
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(working, PATIENCE_S)
    await worker.close()
    for job in ("it", "later"):
        assert not await stores.redis.exists(in_progress_key_prefix + job)
        assert await stores.redis.zscore(QUEUE, job) is not None
        assert await stores.redis.exists(job_key_prefix + job)
