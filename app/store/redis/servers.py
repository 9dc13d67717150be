"""The Redis servers: their state as they report it, and faults of their configuration."""

from __future__ import annotations

from typing import Any, NamedTuple

from redis.asyncio.cluster import RedisCluster

from app.store.away import RedisElsewhere, RedisUnable
from app.store.connections import RedisClient
from app.store.keys import WRITABLE

KEEPS_KEYS = "noeviction"
WRITABLE_MS = 60_000
CLIENTS_MAX = 10_000  # the default of Redis, for servers that do not report it


class RedisNode(NamedTuple):
    """One server, as it describes itself; sizes in bytes, 0 for no limit."""

    name: str  # of a Cluster node; "" for a single server
    server: str  # Redis or Valkey, with its version
    role: str
    replicas: int
    memory: int
    memory_max: int
    clients: int
    clients_max: int
    ops_per_s: int
    uptime_s: int
    loading: bool  # it is still reading its data from disk
    durable: bool  # every write goes to the append-only file
    writes_fail: bool  # the last write to the append-only file failed
    eviction: str  # eviction policy when memory is full: `noeviction` keeps all keys


class RedisFault(NamedTuple):
    """A setting that puts data at risk, and how to fix it."""

    setting: str  # maxmemory_policy, durable
    text: str
    do: str

    def __str__(self) -> str:
        return f"{self.text}; {self.do}"


async def write_redis(redis: RedisClient) -> None:
    """Check that Redis accepts writes. Raises one of REDIS_AWAY."""
    client: Any = redis
    try:
        await client.set(WRITABLE, "1", px=WRITABLE_MS)
    except (RedisUnable, RedisElsewhere) as error:
        raise RedisUnable(f"does not accept writes: {error}") from error


async def redis_faults(redis: RedisClient) -> list[str]:
    """The faults of the Redis configuration and how to fix them, one sentence each."""
    return [str(fault) for node in await redis_nodes(redis) for fault in faults_of(node)]


def faults_of(node: RedisNode) -> list[RedisFault]:
    """The configuration faults of one server."""
    where = f"Redis {node.name}" if node.name else "Redis"
    faults = []
    if node.eviction != KEEPS_KEYS:
        policy = f"maxmemory-policy {node.eviction}"
        text = f"{where} may evict places and holds when its memory is full ({policy})"
        faults.append(RedisFault("maxmemory_policy", text, f"set maxmemory-policy to {KEEPS_KEYS}"))
    if not node.durable:
        text = f"{where} loses everything since its last snapshot when it restarts (no append-only file)"
        faults.append(RedisFault("durable", text, "set appendonly to yes and appendfsync to everysec"))
    elif node.writes_fail:
        text = f"{where} cannot write its append-only file"
        faults.append(RedisFault("durable", text, "check its disk and its log"))
    return faults


async def redis_nodes(redis: RedisClient) -> list[RedisNode]:
    """Every server of the installation's Redis."""
    client: Any = redis
    if isinstance(redis, RedisCluster):
        answers = await client.info(target_nodes=RedisCluster.ALL_NODES)
        return [_node(name, info) for name, info in sorted(answers.items())]
    return [_node("", await client.info())]


def _node(name: str, info: dict[str, Any]) -> RedisNode:
    valkey = info.get("valkey_version")
    return RedisNode(
        name=name,
        server=f"Valkey {valkey}" if valkey else f"Redis {info['redis_version']}",
        role=info["role"],
        replicas=int(info.get("connected_slaves", 0)),
        memory=int(info["used_memory"]),
        memory_max=int(info.get("maxmemory", 0)),
        clients=int(info["connected_clients"]),
        clients_max=int(info.get("maxclients", CLIENTS_MAX)),
        ops_per_s=int(info["instantaneous_ops_per_sec"]),
        uptime_s=int(info["uptime_in_seconds"]),
        loading=bool(info.get("loading")),
        durable=bool(info.get("aof_enabled", 0)),
        writes_fail=info.get("aof_last_write_status", "ok") != "ok",
        eviction=info.get("maxmemory_policy", KEEPS_KEYS),
    )
