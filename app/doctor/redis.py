"""Redis: whether it keeps what is written, has enough memory, and the right time."""

from __future__ import annotations

from typing import Any

from redis.exceptions import ResponseError

from app.core.clock import now_ms
from app.doctor.finding import Finding, good, note, wrong
from app.settings import Settings
from app.store.connections import RedisClient
from app.store.redis.servers import KEEPS_KEYS, RedisNode, faults_of, redis_nodes

CLOCK_MS = 1_000  # people notice larger differences in a countdown
NEARLY = 0.9  # share of a limit


async def servers(redis: RedisClient, _settings: Settings) -> list[Finding]:
    """Each server as it describes itself."""
    return [it for node in await redis_nodes(redis) for it in _server(node)]


def _server(node: RedisNode) -> list[Finding]:
    name = f" {node.name}" if node.name else ""
    found = [good("redis", f"{node.server}{name} answers: {node.role}, {node.replicas} replicas")]
    if node.loading:
        found.append(wrong("redis", f"Redis{name} is loading its data", "wait until it has finished"))
    return [*found, *_set_up(node), *_limits(node, name)]


def _set_up(node: RedisNode) -> list[Finding]:
    faults = {it.setting: it for it in faults_of(node)}
    name = f" {node.name}" if node.name else ""
    fine = {
        "maxmemory_policy": f"maxmemory-policy{name} is {KEEPS_KEYS}",
        "durable": f"the append-only file{name} is on",
    }
    return [
        wrong(f"redis.{setting}", fault.text, fault.do)
        if (fault := faults.get(setting))
        else good(f"redis.{setting}", says)
        for setting, says in fine.items()
    ]


def _limits(node: RedisNode, name: str) -> list[Finding]:
    limit = f" of {node.memory_max / 1e6:,.0f} MB" if node.memory_max else ", without a limit"
    memory = f"{node.memory / 1e6:,.0f} MB{name} used{limit}"
    connections = f"{node.clients:,} of {node.clients_max:,} connections{name} are open"
    return [
        wrong("redis.memory", memory, "raise maxmemory: nothing can be written when it is full")
        if node.memory_max and node.memory > NEARLY * node.memory_max
        else good("redis.memory", memory),
        wrong("redis.connections", connections, "raise maxclients")
        if node.clients > NEARLY * node.clients_max
        else good("redis.connections", connections),
    ]


async def written_to_disk(redis: RedisClient, _settings: Settings) -> list[Finding]:
    """How often Redis writes to disk; a managed one may not say."""
    client: Any = redis
    try:
        config = await client.config_get("appendfsync")
    except ResponseError:
        return [note("redis.fsync", "appendfsync cannot be seen here (CONFIG is not allowed)")]
    often = config.get("appendfsync", "")
    if often == "no":
        says = "appendfsync is no: the system may delay writes by half a minute"
        return [wrong("redis.fsync", says, "CONFIG SET appendfsync everysec")]
    return [good("redis.fsync", f"appendfsync is {often}")]


async def clock(redis: RedisClient, _settings: Settings) -> list[Finding]:
    """Visitors are called by Redis' clock; tokens expire by ours."""
    client: Any = redis
    before = now_ms()
    seconds, micros = await client.time()
    return [compared("redis.clock", "Redis", int(seconds) * 1000 + int(micros) // 1000, before, now_ms())]


def compared(name: str, owner: str, their_ms: int, before: int, after: int) -> Finding:
    """Compare a clock with ours, read before and after it."""
    apart = max(before - their_ms, their_ms - after, 0)
    if apart > CLOCK_MS:
        side = "behind" if their_ms < before else "ahead of"
        says = f"the clock of {owner} is {apart / 1000:.1f} s {side} ours"
        return wrong(name, says, "synchronise all machines with the same time server (chrony)")
    return good(name, f"the clock of {owner} matches ours within {max(apart, after - before) / 1000:.2f} s")


CHECKS = (servers, written_to_disk, clock)
