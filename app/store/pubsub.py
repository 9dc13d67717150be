"""Redis pub/sub: one subscription per process, however many requests wait.

A message says that something changed and may be lost; listeners also check on their own at intervals.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from app.store.connections import RedisClient
from app.store.drivers.redis_pool import RedisPool

PING_S = 5.0  # a silently dead connection is found within twice this time


async def publish(redis: RedisClient, channel: str, message: str) -> None:
    """Publish to current listeners; in a Cluster the node forwards it to all others."""
    if isinstance(redis, Redis):
        await redis.publish(channel, message)
    else:  # the Cluster client has no publish() of its own
        await redis.execute_command("PUBLISH", channel, message, target_nodes=redis.get_default_node())


async def listen(redis: RedisClient, *channels: str) -> AsyncIterator[tuple[str, str]]:
    """Yield (channel, message) for these channels; one that ends in `*` is a pattern.

    The first pair is ("", ""): nothing is missed from then on. Ends with one of REDIS_AWAY.
    """
    async with _node(redis) as node, node.pubsub() as subscription:
        plain = [it for it in channels if not it.endswith("*")]
        patterns = [it for it in channels if it.endswith("*")]
        if plain:
            await subscription.subscribe(*plain)
        if patterns:
            await subscription.psubscribe(*patterns)
        awaited = len(channels)
        pinged = False  # a PING was sent, and nothing arrived since
        while True:
            message = await subscription.get_message(timeout=PING_S)
            if message is None:
                if pinged or getattr(subscription.connection, "is_outdated", False):
                    raise RedisConnectionError("the subscription stopped responding")
                await subscription.ping()
                pinged = True
                continue
            pinged = False
            if message["type"] == "pong":
                continue
            if message["type"] in ("message", "pmessage"):
                yield message["channel"], message["data"]
            elif message["type"] in ("subscribe", "psubscribe"):
                awaited -= 1
                if awaited == 0:
                    yield "", ""


@asynccontextmanager
async def _node(redis: RedisClient) -> AsyncIterator[Redis]:
    """A server to subscribe to. In a Cluster any will do: each forwards messages to all others."""
    if isinstance(redis, Redis):
        yield redis
        return
    node = redis.get_default_node()
    kept = ("username", "password", "socket_timeout", "socket_connect_timeout", "parser_class")
    options = {
        name: value
        for name, value in node.connection_kwargs.items()
        if name in kept or name.startswith("ssl_")
    }
    pool: Any = RedisPool(
        connection_class=node.connection_class,
        host=node.host,
        port=node.port,
        decode_responses=True,
        **options,
    )
    async with Redis.from_pool(pool) as single:
        yield single
