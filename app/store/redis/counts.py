"""Counts summed over all processes, and gauges of each live process, in Redis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from app.store.connections import RedisClient
from app.store.keys import TOTALS, WEBS, WORKERS, CountKeys
from app.store.pipelining import done_together
from app.store.scripts.loader import call
from app.store.scripts.room import status_word

KEYS = CountKeys()
PROCESSES_MAX = 1_000
KEPT_MS = 30 * 86_400_000  # without any process
GAUGES = "fairgate:metrics:"  # + the name of a process: hash, sample -> value
GAUGES_TTL_S = 10  # a process that has not published for this long is gone


async def add_counts(
    redis: RedisClient,
    keys: CountKeys,
    amounts: Mapping[str, float],
    *,
    process: str,
    turn: int,
    processes_max: int = PROCESSES_MAX,
    ttl_ms: int = KEPT_MS,
) -> None:
    """Add to the sums. Repeating a `turn` of the process adds nothing."""
    limits = {"processes_max": processes_max, "ttl_ms": ttl_ms}
    records: list[str | float] = [it for pair in amounts.items() for it in pair]
    reply = await call(redis, "add_counts", keys, records, process=process, turn=turn, **limits)
    status_word("add_counts", reply)


async def sums(redis: RedisClient) -> dict[str, float]:
    """The sums over all processes, including those that have ended."""
    client: Any = redis
    return {field: float(value) for field, value in (await client.hgetall(KEYS.counts)).items()}


async def some_sums(redis: RedisClient, fields: Sequence[str]) -> list[float]:
    """The sums of these fields; 0 for those never counted."""
    client: Any = redis
    return [float(it or 0) for it in await client.hmget(KEYS.counts, fields)]


async def note_beginning(redis: RedisClient, at_ms: int) -> None:
    """Record when counting started, unless it is recorded."""
    client: Any = redis
    await client.hsetnx(TOTALS, "since_ms", at_ms)


async def beginning(redis: RedisClient) -> int:
    """When counting started (ms); 0: not known."""
    client: Any = redis
    return int(await client.hget(TOTALS, "since_ms") or 0)


async def publish_gauges(redis: RedisClient, process: str, values: Mapping[str, float]) -> None:
    """Publish a process's current gauges."""
    fields = [it for pair in values.items() for it in pair]
    key = GAUGES + process
    await done_together(redis, [("HSET", key, *fields), ("EXPIRE", key, GAUGES_TTL_S)])


async def gauges(redis: RedisClient) -> dict[str, dict[str, float]]:
    """The gauges of the live processes, by name."""
    client: Any = redis
    names = [*await client.zrange(WEBS, 0, PROCESSES_MAX), *await client.zrange(WORKERS, 0, PROCESSES_MAX)]
    by_name = {name: await client.hgetall(GAUGES + name) for name in names}
    return {name: {field: float(it) for field, it in fields.items()} for name, fields in by_name.items()}
