"""The sums of what all processes count since the beginning, which outlive them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.store.connections import RedisClient
from app.store.keys import TOTALS


async def add_totals(redis: RedisClient, grown: Mapping[str, int], now_ms: int) -> None:
    """Add to the sums; the first to do so notes when they began."""
    client: Any = redis
    pipeline = client.pipeline()
    pipeline.hsetnx(TOTALS, "since_ms", now_ms)
    for name, count in grown.items():
        pipeline.hincrby(TOTALS, name, count)
    await pipeline.execute()


async def read_totals(redis: RedisClient) -> dict[str, int]:
    """The sums by name, and when they began: `since_ms`."""
    client: Any = redis
    return {name: int(count) for name, count in (await client.hgetall(TOTALS)).items()}
