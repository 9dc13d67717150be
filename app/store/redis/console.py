"""Arbitrary Redis commands typed by an operator."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import cast

from redis.asyncio import Redis
from redis.exceptions import RedisError


async def replies(url: str, commands: Iterable[list[str]]) -> AsyncIterator[object]:
    """The server's raw reply to each command; an error is returned as text."""
    async with Redis.from_url(url, decode_responses=True) as client:
        client.response_callbacks.clear()
        for command in commands:
            try:
                yield cast(object, await client.execute_command(*command))
            except RedisError as error:
                yield f"(error) {error}"
