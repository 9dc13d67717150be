"""Redis: it keeps what it is told, has room, and its clock is ours."""

from __future__ import annotations

from typing import Any

from redis.asyncio.cluster import RedisCluster
from redis.exceptions import ResponseError

from app.core.clock import now_ms
from app.doctor.finding import Finding, good, note, wrong
from app.settings import Settings
from app.store.connections import RedisClient

CLOCK_MS = 1_000  # differences that a person notices in a countdown
NEARLY = 0.9  # of a limit


async def servers(redis: RedisClient, _settings: Settings) -> list[Finding]:
    """Each server as it describes itself."""
    client: Any = redis
    if isinstance(redis, RedisCluster):
        found = await client.info(target_nodes=RedisCluster.ALL_NODES)
    else:
        found = {"": await client.info()}
    return [it for name, info in sorted(found.items()) for it in _server(f" {name}" if name else "", info)]


def _server(name: str, info: dict[str, Any]) -> list[Finding]:
    kind = (
        f"Valkey {info['valkey_version']}" if "valkey_version" in info else f"Redis {info['redis_version']}"
    )
    role, replicas = info["role"], int(info.get("connected_slaves", 0))
    found = [good("redis", f"{kind}{name} answers: {role}, {replicas} replicas")]
    if info.get("loading"):
        found.append(wrong("redis", f"Redis{name} is loading its data", "wait until it has"))
    return [*found, *_kept(name, info), *_room(name, info)]


def _kept(name: str, info: dict[str, Any]) -> list[Finding]:
    policy = info.get("maxmemory_policy", "noeviction")
    found = [good("redis.maxmemory_policy", f"maxmemory-policy{name} is noeviction")]
    if policy != "noeviction":
        says = f"maxmemory-policy{name} is {policy}: places and holds are thrown away when memory is full"
        found = [wrong("redis.maxmemory_policy", says, "CONFIG SET maxmemory-policy noeviction")]
    if not int(info.get("aof_enabled", 0)):
        says = f"there is no append-only file{name}: a restart loses the line since the last snapshot"
        found.append(wrong("redis.durable", says, "appendonly yes, appendfsync everysec"))
    elif info.get("aof_last_write_status", "ok") != "ok":
        says = f"the append-only file{name} cannot be written"
        found.append(wrong("redis.durable", says, "look at the disk of Redis and into its log"))
    else:
        found.append(good("redis.durable", f"the append-only file{name} is on"))
    return found


def _room(name: str, info: dict[str, Any]) -> list[Finding]:
    used, most = int(info["used_memory"]), int(info.get("maxmemory", 0))
    says = f"{used / 1e6:,.0f} MB{name} are used" + (
        f" of {most / 1e6:,.0f} MB" if most else ", without a limit"
    )
    full = bool(most) and used > NEARLY * most
    clients, clients_max = int(info["connected_clients"]), int(info.get("maxclients", 10_000))
    lines = f"{clients:,} of {clients_max:,} connections{name} are open"
    do = "raise maxmemory: nothing can be written when it is full"
    return [
        wrong("redis.memory", says, do) if full else good("redis.memory", says),
        wrong("redis.connections", lines, "raise maxclients")
        if clients > NEARLY * clients_max
        else good("redis.connections", lines),
    ]


async def written_to_disk(redis: RedisClient, _settings: Settings) -> list[Finding]:
    """How often; a managed Redis may keep it to itself."""
    client: Any = redis
    try:
        told = await client.config_get("appendfsync")
    except ResponseError:
        return [note("redis.fsync", "appendfsync cannot be seen here (CONFIG is not allowed)")]
    often = told.get("appendfsync", "")
    if often == "no":
        says = "appendfsync is no: the system may write half a minute later"
        return [wrong("redis.fsync", says, "CONFIG SET appendfsync everysec")]
    return [good("redis.fsync", f"appendfsync is {often}")]


async def clock(redis: RedisClient, _settings: Settings) -> list[Finding]:
    """Redis' clock decides when who is called; ours ends tokens."""
    client: Any = redis
    before = now_ms()
    seconds, micros = await client.time()
    return [compared("redis.clock", "Redis", int(seconds) * 1000 + int(micros) // 1000, before, now_ms())]


def compared(name: str, whose: str, theirs: int, before: int, after: int) -> Finding:
    """A clock that was read between two looks at ours."""
    apart = max(before - theirs, theirs - after, 0)
    if apart > CLOCK_MS:
        says = (
            f"the clock of {whose} is {apart / 1000:.1f} s {'behind' if theirs < before else 'ahead of'} ours"
        )
        return wrong(name, says, "let all machines follow the same time server (chrony)")
    return good(name, f"the clock of {whose} is ours, within {max(apart, after - before) / 1000:.2f} s")


CHECKS = (servers, written_to_disk, clock)
