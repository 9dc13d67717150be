"""A connection to a store that breaks during use counts as an outage of the store, on both event loops."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
import uvloop
from redis.asyncio.cluster import RedisCluster

from app.store.connections import POSTGRES_AWAY, REDIS_AWAY, connect_postgres, connect_redis
from tests.conftest import Servers

LOOPS = [uvloop.new_event_loop, asyncio.new_event_loop]


async def _of_redis(servers: Servers, turns: int) -> None:
    redis = await connect_redis(servers.redis_url, timeout_s=5)
    try:
        if isinstance(redis, RedisCluster):
            connection = redis.get_primaries()[0].acquire_connection()
            await connection.connect()
        else:
            connection = await redis.connection_pool.get_connection()
        connection._writer.transport.abort()
        await _turned(turns)
        try:
            await connection.send_command("PING")
            await connection.read_response()
        finally:
            await connection.disconnect(nowait=True)
    finally:
        await redis.aclose()


async def _of_postgres(servers: Servers, turns: int) -> None:
    pool = await connect_postgres(servers.database_url, timeout_s=5, connections_max=1)
    try:
        async with pool.acquire() as it:
            connection: Any = it
            connection._transport.abort()
            await _turned(turns)
            await connection.fetchval("SELECT 1")
    finally:
        pool.terminate()


async def _of_postgres_in_a_transaction(servers: Servers, turns: int) -> None:
    pool = await connect_postgres(servers.database_url, timeout_s=5, connections_max=1)
    try:
        async with pool.acquire() as it, it.transaction(), it.transaction():
            connection: Any = it
            connection._transport.abort()
            await _turned(turns)
    finally:
        pool.terminate()


async def _turned(turns: int) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


WRITES = [
    (_of_redis, REDIS_AWAY),
    (_of_postgres, POSTGRES_AWAY),
    (_of_postgres_in_a_transaction, POSTGRES_AWAY),
]


@pytest.mark.parametrize("turns", [0, 1, 2])
@pytest.mark.parametrize("loop", LOOPS, ids=["uvloop", "asyncio"])
@pytest.mark.parametrize(
    ("write", "away"),
    [(_of_redis, REDIS_AWAY), (_of_postgres, POSTGRES_AWAY), (_of_postgres_in_a_transaction, POSTGRES_AWAY)],
)
def test_who_writes_before_the_break_was_told_hears_that_the_store_is_away(
    servers: Servers,
    loop: Callable[[], asyncio.AbstractEventLoop],
    write: Callable[[Servers, int], Coroutine[Any, Any, None]],
    away: tuple[type[Exception], ...],
    turns: int,
) -> None:
    with asyncio.Runner(loop_factory=loop) as runner, pytest.raises(away):
        runner.run(write(servers, turns))
