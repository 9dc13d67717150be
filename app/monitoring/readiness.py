"""Whether a process can do its work: both stores must accept writes within a deadline."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import msgspec

from app.core.clock import now_ms
from app.core.text.error_text import describe_error
from app.loops import Loops
from app.monitoring import stats
from app.monitoring.stats import WORKER_SEEN_MS
from app.store.connections import STORE_AWAY, RedisClient, Stores
from app.store.keys import WORKERS
from app.store.redis import heartbeats, servers
from app.store.sql.monitoring import server

READY_TIMEOUT_S = 1.0


class Readiness(msgspec.Struct, frozen=True, omit_defaults=True):
    """The state of each part: `ok`, or the reason why not."""

    redis: str
    postgres: str
    worker: str
    loops: str
    process: str
    warnings: list[str] = []  # parts that work, but are configured so that data may be lost

    @property
    def ready(self) -> bool:
        """Whether this process can serve visitors."""
        return {self.redis, self.postgres, self.worker, self.loops, self.process} == {"ok"}


async def check(stores: Stores, running: Loops, *, stopping: bool = False) -> Readiness:
    """Check both stores, our loops, and whether a worker runs. A process that is stopping is not ready."""
    redis, postgres, worker, warnings = await asyncio.gather(
        _checked(_ok(servers.write_redis(stores.redis))),
        _checked(_ok(server.write_postgres(stores.postgres))),
        _checked(_worker(stores.redis)),
        _warnings(stores.redis),
    )
    process = "stopping" if stopping else "ok"
    return Readiness(redis, postgres, worker, _broken(running.breaking()), process, warnings)


async def _checked(check: Awaitable[str]) -> str:
    try:
        async with asyncio.timeout(READY_TIMEOUT_S):
            return await check
    except TimeoutError:
        return f"no answer within {READY_TIMEOUT_S:.0f} s"
    except STORE_AWAY as error:
        return describe_error(error)


async def _ok(check: Awaitable[None]) -> str:
    await check
    return "ok"


async def _warnings(redis: RedisClient) -> list[str]:
    try:
        async with asyncio.timeout(READY_TIMEOUT_S):
            return await servers.redis_faults(redis)
    except STORE_AWAY:  # reported already
        return []


async def _worker(redis: RedisClient) -> str:
    alive = await stats.workers(redis)
    if not alive:
        return f"no worker was seen in the last {WORKER_SEEN_MS // 1000} s"
    return _broken(await heartbeats.breaking(redis, WORKERS, now_ms() - WORKER_SEEN_MS))


def _broken(names: str) -> str:
    return f"fails repeatedly, see the log: {names}" if names else "ok"
