"""The health of every part. Each is checked with a deadline; one that does not answer is unavailable."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from contextlib import suppress
from typing import NamedTuple, TypeVar

import structlog

from app.core.clock import now_ms
from app.core.text.error_text import describe_error
from app.set_aside import failures
from app.store.connections import STORE_AWAY, RedisClient, Stores
from app.store.keys import WEBS, WORKERS
from app.store.redis import backlogs, heartbeats, servers
from app.store.redis.heartbeats import Heartbeat
from app.store.redis.loaded import loaded_rooms
from app.store.redis.servers import RedisNode
from app.store.sql.monitoring import server
from app.store.sql.monitoring.server import PostgresState
from app.store.sql.notifications import mails, outbox, webhooks
from app.store.sql.set_aside import SetAside

log = structlog.get_logger(__name__)

DEADLINE_S = 1.0
SEEN_MS = 10_000  # a process writes its heartbeat every second
ROOMS_MAX = 10_000  # rooms whose backlog is read

T = TypeVar("T")


class Unreachable(NamedTuple):
    """A part that did not answer, and why."""

    why: str


class Process(NamedTuple):
    """A web process or a worker. `alive`: it was seen a moment ago."""

    name: str
    seen_ago_s: float
    alive: bool
    about: dict[str, str]  # version, started_ms, memory, cpu_percent, answered; {}: the report has expired


class Backlog(NamedTuple):
    """Work waiting for the workers."""

    submissions: int  # reservation requests not settled yet
    notices_lag_s: float  # age of the oldest unpublished event
    deliveries: int  # to webhooks
    mails: int


class Health(NamedTuple):
    """The health of all parts at one moment."""

    webs: list[Process] | Unreachable
    workers: list[Process] | Unreachable
    redis: list[RedisNode] | Unreachable
    postgres: PostgresState | Unreachable
    backlog: Backlog | Unreachable
    aside: list[SetAside] | Unreachable  # the latest work set aside


async def log_store_faults(stores: Stores) -> None:
    """Log faults in the stores' configuration when a process starts."""
    with suppress(*STORE_AWAY):  # any user of the store will notice
        for fault in await servers.redis_faults(stores.redis):
            log.warning("a store is configured so that it may lose data", fault=fault)


async def check(stores: Stores) -> Health:
    """Check every part at the same time; takes no longer than DEADLINE_S."""
    return Health(
        *await asyncio.gather(
            within_deadline(_processes(stores.redis, WEBS)),
            within_deadline(_processes(stores.redis, WORKERS)),
            within_deadline(_redis(stores.redis)),
            within_deadline(server.postgres(stores.postgres)),
            within_deadline(_backlog(stores)),
            within_deadline(failures.newest(stores)),
        )
    )


async def within_deadline(part: Awaitable[T]) -> T | Unreachable:
    """The result of a part within DEADLINE_S, or that it is unreachable."""
    try:
        async with asyncio.timeout(DEADLINE_S):
            return await part
    except TimeoutError:
        return Unreachable(f"no answer within {DEADLINE_S:.0f} s")
    except STORE_AWAY as error:
        return Unreachable(describe_error(error))


async def _redis(redis: RedisClient) -> list[RedisNode]:
    await servers.write_redis(redis)
    return await servers.redis_nodes(redis)


async def _processes(redis: RedisClient, kind: str) -> list[Process]:
    now = now_ms()
    return [_process(it, now) for it in await heartbeats.read(redis, kind)]


def _process(beat: Heartbeat, now: int) -> Process:
    ago_ms = now - beat.seen_ms  # far in the future: from before the clock was set back
    return Process(beat.name, max(0, ago_ms) / 1000, -heartbeats.FORGET_MS < ago_ms < SEEN_MS, beat.about)


async def _backlog(stores: Stores) -> Backlog:
    rooms = await loaded_rooms(stores.redis)
    waiting = await backlogs.backlogs(stores.redis, rooms[:ROOMS_MAX])
    postgres = stores.postgres
    return Backlog(
        sum(waiting.values()),
        await outbox.lag_s(postgres),
        await webhooks.pending(postgres),
        await mails.pending(postgres),
    )
