"""Many commands in one round trip, on a single server and on a Cluster alike."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from redis.asyncio import Redis

from app.store.away import REDIS_AWAY

if TYPE_CHECKING:
    from app.store.connections import RedisClient

Command = Sequence[str | bytes | int | float]


async def run_together(redis: RedisClient, commands: Iterable[Command]) -> list[Any]:
    """The replies, in order, as the client parses them; a ResponseError takes the place of its reply.

    The commands are not atomic. Raises errors that mean the server is unavailable.
    """
    client: Any = redis
    pipeline = client.pipeline(transaction=False) if isinstance(redis, Redis) else client.pipeline()
    for command in commands:
        pipeline.execute_command(*command)
    replies: list[Any] = await pipeline.execute(raise_on_error=False)
    for reply in replies:
        if isinstance(reply, REDIS_AWAY):
            raise reply
    return replies


async def done_together(redis: RedisClient, commands: Iterable[Command]) -> None:
    """Run commands whose replies do not matter. Raises the error of the first one that failed."""
    for reply in await run_together(redis, commands):
        if isinstance(reply, Exception):
            raise reply
