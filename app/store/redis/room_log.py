"""What scripts noted for a room's public log; see `include/room_log.lua`."""

from __future__ import annotations

from typing import Any, NamedTuple

from app.store.connections import RedisClient
from app.store.keys import RoomKeys

BEGINNING = "0-0"


class LogEntries(NamedTuple):
    """What a single run of a script noted."""

    entry_id: str
    before: int  # how much had been noted before
    lines: list[str]
    at_ms: int  # by the clock of Redis; if that is set back, not before the previous entry


async def after(redis: RedisClient, keys: RoomKeys, entry_id: str, limit: int) -> list[LogEntries]:
    """The next entries after this one, in order."""
    client: Any = redis
    entries = await client.xrange(keys.log, min=f"({entry_id}", count=limit)
    return [_noted(at, fields) for at, fields in entries]


def _noted(entry_id: str, fields: dict[str, str]) -> LogEntries:
    at_ms = max(int(fields["t"]), int(entry_id.partition("-")[0]))
    return LogEntries(entry_id, int(fields["n"]), fields["e"].split("\n"), at_ms)


def next_id(entry_id: str) -> str:
    """The smallest id above this one."""
    at, _, sequence = entry_id.partition("-")
    return f"{at}-{int(sequence) + 1}"
