"""Visitor events noted by the scripts; see `include/visitor_events.lua`."""

from __future__ import annotations

from typing import Any, NamedTuple

from app.store.connections import RedisClient
from app.store.keys import RoomKeys

BEGINNING = "0-0"


class VisitorEvent(NamedTuple):
    """One entry; number 0: the visitor had none yet."""

    entry_id: str
    word: str
    visitor_id: str
    number: int

    @property
    def at_ms(self) -> int:
        """When it happened, by the clock of Redis."""
        return int(self.entry_id.partition("-")[0])


async def after(redis: RedisClient, keys: RoomKeys, entry_id: str, limit: int) -> list[VisitorEvent]:
    """The next events after this entry, in order."""
    client: Any = redis
    entries = await client.xrange(keys.visitor_events, min=f"({entry_id}", count=limit)
    return [_event(at, fields["e"]) for at, fields in entries]


async def forget(redis: RedisClient, keys: RoomKeys, entry_id: str) -> None:
    """Delete the events up to this entry."""
    at, _, sequence = entry_id.partition("-")
    client: Any = redis
    await client.xtrim(keys.visitor_events, minid=f"{at}-{int(sequence) + 1}", approximate=False)


def _event(entry_id: str, text: str) -> VisitorEvent:
    word, visitor_id, number = text.rsplit(" ", 2)
    return VisitorEvent(entry_id, word, visitor_id, int(number))
