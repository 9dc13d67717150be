"""Every long-running task of a web process and a worker is broken once, and recovers by itself."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from redis.exceptions import ResponseError
from structlog.testing import capture_logs

from app import loops, metrics
from app.accounts import signing_keys
from app.core.model import RoomId
from app.notifications.channels import CHANNELS
from app.settings import Settings
from app.store.connections import Stores, connect_postgres
from app.store.keys import TOTALS, WEBS, WORKERS, RoomKeys
from app.store.redis import busy
from tests.routes.conftest import Web, served
from tests.routes.http.test_streams import listening, next_event
from tests.support.waiting import wait_until
from worker import processor
from worker.context import WorkerContext
from worker.jobs import PERIODIC, counted
from worker.lifespan import LOOPS, WorkerLoops

ROOT = Path(__file__).parents[3]
NEVER_BROKEN = {
    "status_board": "`each` does all its work, room by room",
    "outcome_sweep": "the same",
    "agree": "ends as soon as it reads that all processes agree",
    "postgres_watch": "queries none of our tables, and expects Postgres to fail",
    "deliver": "one for each webhook, see `test_set_aside.py`",
    "drain_room": "sets aside what fails, see `tests/worker/test_poison.py`",
    "ops": "a separate listener, not started here: see `tests/security/test_operators.py`",
    "send_queued": "starts the lanes of each channel, and those are broken here",
    "sales_board": "idle until somebody opens the console, see `test_set_aside.py`",
    "gate_counts": "idle until somebody passes a gate, see `test_gate_stats.py`",
    "cosign_heads": "starts a loop for each configured witness, and there is none here",
    "cosign": "one of those loops",
    "ended_sessions": "like `status_listener`, while somebody waits for an end",
}
WRONG = {WORKERS: "report", WEBS: "presence", TOTALS: "counts", busy.KEYS.busy: "drain"}  # of the wrong type


def supervised() -> set[str]:
    """The names of all loops."""
    files = [*(ROOT / "app").rglob("*.py"), *(ROOT / "worker").rglob("*.py")]
    found = {name for it in files for name in re.findall(r'\.start\(\s*"(\w+)"', it.read_text())}
    lanes = {f"send_{it.name}" for it in CHANNELS if it.opened is not None}
    return found | lanes | {loop.__name__ for loop in LOOPS}


def restarts(loop: str) -> float:
    return float(metrics.LOOP_RESTARTS.labels(loop)._value.get())


@pytest.fixture
def quiet() -> Iterator[None]:
    """No rendered tracebacks: dozens of them take longer than the test."""
    with capture_logs():
        yield


@asynccontextmanager
async def broken_stores(stores: Stores, database_url: str) -> AsyncIterator[None]:
    """Postgres has lost its tables, keys in Redis have the wrong type, and its channels are forbidden."""
    redis: Any = stores.redis
    connection = await asyncpg.connect(database_url)
    await connection.execute("ALTER SCHEMA public RENAME TO elsewhere")
    for key in (*WRONG, RoomKeys(RoomId("hall")).samples):
        await redis.delete(key)
        await redis.set(key, "of the wrong type")
    await redis.execute_command("ACL", "SETUSER", "default", "resetchannels")
    try:
        yield
    finally:
        await redis.execute_command("ACL", "SETUSER", "default", "allchannels")
        await redis.delete(*WRONG, RoomKeys(RoomId("hall")).samples)
        await connection.execute("ALTER SCHEMA elsewhere RENAME TO public")
        await connection.close()


@pytest.mark.usefixtures("quiet")
async def test_each_loop_that_breaks_comes_back(
    stores: Stores, settings: Settings, own_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name, value in (
        (loops, "FIRST_S", 0.05),
        (loops, "LONGEST_S", 0.5),
        (loops, "TROUBLE_S", 0.0),
        (loops, "STEADY_S", 2.0),
        (signing_keys, "REFRESH_S", 0.1),
        (processor, "ROUND_S", 60.0),
    ):
        monkeypatch.setattr(module, name, value)
    here = settings.model_copy(update={"database_url": own_database_url})
    pool = await connect_postgres(own_database_url, timeout_s=10, connections_max=20)
    ctx = WorkerContext(here, Stores(stores.redis, pool), "worker-of-a-test", asyncio.Event())
    before = {it: restarts(it) for it in supervised()}
    async with served(here) as web:
        await web.room()
        await web.join("hall")
        crew = WorkerLoops(ctx)
        watching = aiter(web.app.feeds.watch(RoomId("hall")))
        await anext(watching)
        waiting = RoomKeys(RoomId("hall")).waiting

        async def ticked() -> bool:
            await stores.redis.delete(waiting)
            await stores.redis.set(waiting, "of the wrong type")
            return restarts("admit_room") > before["admit_room"]

        await wait_until(ticked, "the room's own loop to break")
        await stores.redis.delete(waiting)
        async with broken_stores(stores, own_database_url):

            async def all_broke() -> bool:
                return not unbroken()

            def unbroken() -> set[str]:
                return {it for it, count in before.items() if restarts(it) == count} - NEVER_BROKEN.keys()

            try:
                await wait_until(all_broke, "each loop to break")
            except AssertionError:
                raise AssertionError(f"did not break: {unbroken()}") from None
            assert "presence" in web.app.loops.breaking()
            for job in PERIODIC:  # arq logs the tracebacks of these and schedules the next run
                failed = metrics.JOBS.labels(job.work.__name__, "failed")
                count = failed._value.get()
                with pytest.raises((asyncpg.PostgresError, ResponseError)):
                    await counted(job.work)({"worker": ctx})
                assert failed._value.get() == count + 1

        async def all_well() -> bool:
            return not web.app.loops.troubles() and not ctx.loops.troubles()

        await wait_until(all_well, "each loop to be back")
        assert crew.running
        assert not any(it.done() for it in crew.running)
        place = await web.join("hall")
        assert place["state"] in ("waiting", "called")
        assert json.loads(await anext(watching))["room_id"] == "hall"
        await crew.finish()
    pool.terminate()


async def test_a_room_that_takes_long_to_restore_holds_up_no_other(web: Web, stores: Stores) -> None:
    await web.room("slow")
    await web.room("hall")
    async with listening(web) as http, stores.postgres.acquire() as connection:
        async with (
            http.stream("GET", "/v1/rooms/slow/events") as of_slow,
            http.stream("GET", "/v1/rooms/hall/events") as of_hall,
        ):
            slow, hall = of_slow.aiter_lines(), of_hall.aiter_lines()
            await next_event(slow)
            await next_event(hall)
            lock = "SELECT pg_advisory_lock(hashtextextended('fairgate restore slow', 0))"
            await connection.execute(lock)  # as a slow restore by somebody else would
            await stores.redis.delete(RoomKeys(RoomId("slow")).conf)

            async def restoring() -> bool:
                return (await web.get("/v1/rooms/slow")).status_code == 503

            await wait_until(restoring, "the room to be gone")
            await web.post("/v1/rooms/hall/pause", headers=web.as_("operator"))
            document: dict[str, Any] = {}
            while document.get("state") != "paused":
                _, document = await next_event(hall)
            listed = (await web.get("/v1/rooms")).json()["items"]
            assert [it["room_id"] for it in listed] == ["hall"]
            await connection.execute(lock.replace("_lock", "_unlock"))
            await web.post("/v1/rooms/slow/pause", headers=web.as_("operator"))
            while document.get("room_id") != "slow" or document["state"] != "paused":
                _, document = await next_event(slow)
