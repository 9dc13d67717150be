"""A store responds with an error: each call returns 503 with Retry-After, or manages without it; never 500.

Each call recovers by itself, on connections that nobody reopened by hand.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import httpx
import pytest
from redis.asyncio import Redis

from app.web.api.registry import CALLS
from app.web.http.routes import Endpoint
from tests.conftest import Servers
from tests.contract.test_every_call import STREAMS
from tests.contract.world import FLOOR, ValidCall, World
from tests.routes.conftest import ops
from tests.support.http import plain_client
from tests.support.waiting import wait_until

PAGES = ("/", "/rooms/gala", "/events/gala")


@asynccontextmanager
async def busy_script(servers: Servers) -> AsyncIterator[None]:
    """A script that does not end until it is killed."""
    async with Redis.from_url(servers.redis_url, decode_responses=True) as redis:
        before = await redis.config_get("busy-reply-threshold")
        await redis.config_set("busy-reply-threshold", 50)
        async with Redis.from_url(servers.redis_url, socket_timeout=60) as other:
            endless = asyncio.create_task(other.execute_command("EVAL", "while true do end", 0))
            await wait_until(lambda: _busy(redis), "BUSY")
            try:
                yield
            finally:
                await redis.execute_command("SCRIPT", "KILL")
                await asyncio.gather(endless, return_exceptions=True)
                await redis.config_set("busy-reply-threshold", before["busy-reply-threshold"])


async def _busy(redis: Any) -> bool:
    try:
        await redis.ping()
    except Exception as error:
        return str(error).startswith("BUSY")
    return False


@asynccontextmanager
async def without_replicas(servers: Servers) -> AsyncIterator[None]:
    """Redis requires more replicas for writes than it has: NOREPLICAS."""
    async with Redis.from_url(servers.redis_url) as redis:
        await redis.config_set("min-replicas-to-write", 3)
        try:
            yield
        finally:
            await redis.config_set("min-replicas-to-write", 0)


@asynccontextmanager
async def full_memory(servers: Servers) -> AsyncIterator[None]:
    """Redis is above its memory limit: OOM."""
    async with Redis.from_url(servers.redis_url) as redis:
        await redis.config_set("maxmemory", 1)
        try:
            yield
        finally:
            await redis.config_set("maxmemory", 0)


@asynccontextmanager
async def a_replica(servers: Servers) -> AsyncIterator[None]:
    """Redis is a replica of an unreachable server: READONLY."""
    async with Redis.from_url(servers.redis_url) as redis:
        await redis.execute_command("REPLICAOF", "127.0.0.1", 1)
        try:
            yield
        finally:
            await redis.execute_command("REPLICAOF", "NO", "ONE")


@asynccontextmanager
async def short_transactions(servers: Servers) -> AsyncIterator[None]:
    """Postgres ends each transaction after 3 ms: 25P04, and the connection with it."""
    async with _setting(servers, "transaction_timeout", "3ms"):
        yield


@asynccontextmanager
async def read_only(servers: Servers) -> AsyncIterator[None]:
    """Postgres accepts no writes: 25006."""
    async with _setting(servers, "default_transaction_read_only", "on"):
        yield


@asynccontextmanager
async def _setting(servers: Servers, name: str, value: str) -> AsyncIterator[None]:
    admin = await asyncpg.connect(servers.postgres_url, server_settings={name: "0"})
    await admin.execute(f"ALTER SYSTEM SET {name} = '{value}'")
    await admin.execute("SELECT pg_reload_conf()")
    try:
        yield
    finally:
        await admin.execute(f"ALTER SYSTEM RESET {name}")
        await admin.execute("SELECT pg_reload_conf()")
        await admin.close()


TROUBLES = {
    "busy": (busy_script, "redis"),
    "no replicas": (without_replicas, "redis"),
    "out of memory": (full_memory, "redis"),
    "read-only replica": (a_replica, "redis"),
    "transaction_timeout": (short_transactions, ""),
    "read-only database": (read_only, "postgres"),
}


FILES = {"orders_csv"}  # these are sent while they are being read
AT_ONCE = 8  # calls: one that waits for a store holds up no other, and the trouble costs CPU while it lasts


async def _send(http: httpx.AsyncClient, world: World, call: Endpoint, known: ValidCall) -> httpx.Response:
    path = call.path
    for name, value in known.ids.items():
        path = path.replace(f"{{{name}}}", value)
    headers = {**world.credentials[known.who], **known.headers, "Idempotency-Key": f"trouble-{call.name}"}
    return await http.request(call.method, path, headers=headers, json=known.body, params=known.query)


async def _status_of(http: httpx.AsyncClient, world: World, call: Endpoint) -> int:
    """The status of the response to a call, which must not be a fault of ours; 200 for a file cut off."""
    try:
        answer = await _send(http, world, call, world.known(call)[0])
    except httpx.RemoteProtocolError:  # a truncated file must not look complete
        assert call.name in FILES
        return 200
    assert answer.status_code < 500 or answer.status_code == 503, (call.name, answer.text)
    if answer.status_code == 503:
        assert int(answer.headers["retry-after"]) >= 1, call.name
    return answer.status_code


@pytest.mark.timeout(300)  # it makes every call
@pytest.mark.parametrize("trouble", TROUBLES)
async def test_no_call_takes_it_for_a_fault_of_ours(trouble: str, world: World, servers: Servers) -> None:
    begin, store = TROUBLES[trouble]
    async with plain_client(world.url, timeout=30) as http:

        async def ready() -> bool:
            return (await http.get("/readyz", headers=ops())).status_code == 200

        async def refused() -> bool:
            readiness = await http.get("/readyz", headers=ops())
            assert readiness.status_code in (200, 503)
            return readiness.status_code == 503 and readiness.json()[store] != "ok"

        await wait_until(ready, "readiness")
        async with begin(servers):
            if store:
                await wait_until(refused, "readiness to name the store")
            statuses: set[int] = set()
            calls = [it for it in CALLS if it.name not in STREAMS]
            for first in range(0, len(calls), AT_ONCE):
                some = calls[first : first + AT_ONCE]
                statuses.update(await asyncio.gather(*(_status_of(http, world, it) for it in some)))
            for path in PAGES:
                page = await http.get(path, headers={"Accept": "text/html"})
                assert page.status_code in (200, 303, 503), path
            assert not store or 503 in statuses
        await wait_until(ready, "the recovery")
        http.cookies.clear()
        joined = await http.post("/v1/rooms/gala/places", json={})
        assert joined.status_code == 201, joined.text
        key = {"Idempotency-Key": f"after {trouble}", **world.credentials["booking"]}
        held = await http.post("/v1/events/gala/reservations", json=FLOOR, headers=key)
        assert held.status_code == 201, held.text


async def test_what_may_lose_something_is_told(world: World, servers: Servers) -> None:
    async with (
        Redis.from_url(servers.redis_url) as redis,
        plain_client(world.url, timeout=30) as http,
    ):
        assert "warnings" not in (await http.get("/readyz", headers=ops())).json()
        await redis.config_set("maxmemory-policy", "allkeys-lru")
        readiness = (await http.get("/readyz", headers=ops())).json()
        await redis.config_set("maxmemory-policy", "noeviction")
    (warning,) = readiness["warnings"]
    assert "allkeys-lru" in warning
    assert "noeviction" in warning
