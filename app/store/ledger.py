"""The reservation half of a room as Redis has it, read in chunks: for the conservation check."""

from __future__ import annotations

from typing import Any, NamedTuple

from app.store.connections import RedisClient
from app.store.keys import RoomKeys

CHUNK = 1000


class Entry(NamedTuple):
    """A reservation in `holds`."""

    state: str
    visitor_id: str
    quantities: dict[str, int]  # by ticket type


async def stock(redis: RedisClient, keys: RoomKeys) -> dict[str, int]:
    """The stock: a handful of counters per ticket type, of one moment."""
    client: Any = redis
    fields = await client.hgetall(keys.stock)
    return {name: int(number) for name, number in fields.items() if not name.startswith("price:")}


async def holds(redis: RedisClient, keys: RoomKeys) -> dict[str, Entry]:
    """Every reservation that lives; those that come or go meanwhile may be missing or there."""
    return {name: _entry(text) for name, text in (await _scan(redis, keys.holds)).items()}


async def allowance(redis: RedisClient, keys: RoomKeys) -> dict[str, int]:
    """What every visitor has: visitor_id, and visitor_id:sold."""
    return {name: int(number) for name, number in (await _scan(redis, keys.allowance)).items()}


async def _scan(redis: RedisClient, key: str) -> dict[str, str]:
    client: Any = redis
    found: dict[str, str] = {}
    async for name, value in client.hscan_iter(key, count=CHUNK):
        found[name] = value
    return found


def _entry(text: str) -> Entry:
    state, visitor_id, *_, items = text.split("|")
    lines = (line.split(":") for line in items.split(","))
    return Entry(state, visitor_id, {name: int(quantity) for name, quantity, _ in lines})
