"""Live processes in Redis: a heartbeat of each, and its own report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from app.store.connections import RedisClient
from app.store.keys import PROCESS, WEBS
from app.store.pipelining import Command, done_together

PROCESSES_MAX = 200  # listed per kind
FORGET_MS = 60_000  # a process not seen for this long is removed
TTL_S = 15


class Heartbeat(NamedTuple):
    """A process, when it was last seen, and its report; {} when the report has expired."""

    name: str
    seen_ms: int
    about: dict[str, str]


async def beat(
    redis: RedisClient, name: str, about: Mapping[str, str | int | float], now_ms: int, kind: str = WEBS
) -> None:
    """Write this process's heartbeat and its own report.

    Also removes processes not seen for long, and those seen in the future, before the clock was set back.
    """
    fields = [it for pair in about.items() for it in pair]
    commands: list[Command] = [
        ("ZADD", kind, now_ms, name),
        ("ZREMRANGEBYSCORE", kind, "-inf", now_ms - FORGET_MS),
        ("ZREMRANGEBYSCORE", kind, now_ms + FORGET_MS, "+inf"),
        ("HSET", PROCESS + name, *fields),
        ("EXPIRE", PROCESS + name, TTL_S),
    ]
    await done_together(redis, commands)


async def leave(redis: RedisClient, name: str, kind: str = WEBS) -> None:
    """Remove this process's heartbeat."""
    client: Any = redis
    await client.zrem(kind, name)


async def alive(redis: RedisClient, kind: str, now_ms: int, within_ms: int) -> int:
    """How many were seen recently. Those far in the future were seen before the clock was set back."""
    client: Any = redis
    count: int = await client.zcount(kind, now_ms - within_ms, now_ms + FORGET_MS)
    return count


async def beats(redis: RedisClient, kind: str) -> dict[str, int]:
    """The last heartbeat of each process of a kind (ms, by its own clock)."""
    client: Any = redis
    scores = await client.zrange(kind, 0, PROCESSES_MAX - 1, desc=True, withscores=True)
    return {name: int(seen_ms) for name, seen_ms in scores}


async def breaking(redis: RedisClient, kind: str, since_ms: int) -> str:
    """Loops that keep failing, if they do so on every live process; "" if one process is healthy."""
    client: Any = redis
    tasks = ""
    last_ms = since_ms + 2 * FORGET_MS
    for name in await client.zrangebyscore(kind, since_ms, last_ms, start=0, num=PROCESSES_MAX):
        tasks = await client.hget(PROCESS + name, "breaking") or ""
        if not tasks:
            return ""
    return tasks


async def read(redis: RedisClient, kind: str) -> list[Heartbeat]:
    """The processes of a kind (`keys.WEBS`, `keys.WORKERS`), by name."""
    client: Any = redis
    scores = await client.zrange(kind, 0, PROCESSES_MAX - 1, withscores=True)
    return sorted(
        [Heartbeat(name, int(seen_ms), await client.hgetall(PROCESS + name)) for name, seen_ms in scores]
    )
