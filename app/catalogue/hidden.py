"""Unpublished sales, as known to one process: only staff can see these rooms and events.

All of them are read once a second, so that no request queries a store; while Postgres is unavailable the last
reading stays in effect. A process that changes something itself rereads at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping

from app.core.errors import EventNotFound, Refusal, RoomNotFound
from app.core.model import RoomId
from app.store.connections import POSTGRES_AWAY, Postgres
from app.store.sql.catalogue import events

REFRESH_S = 1.0


class HiddenRooms:
    """One per process; `on_hidden` is called for rooms that have just become hidden."""

    def __init__(self, postgres: Postgres, on_hidden: Callable[[RoomId], None]) -> None:
        self._postgres = postgres
        self._on_hidden = on_hidden
        self._rooms: frozenset[str] = frozenset()
        self._events: frozenset[str] = frozenset()

    def refusal_for(self, params: Mapping[str, str]) -> type[Refusal] | None:
        """The refusal for a hidden thing named in a path; None if all of it may be shown."""
        if not self._events:
            return None
        if params.get("room_id") in self._rooms:
            return RoomNotFound
        return EventNotFound if params.get("event_id") in self._events else None

    async def refresh(self) -> None:
        """Reread. While Postgres is unavailable, the next reading catches up."""
        try:
            unpublished = await events.select_unpublished(self._postgres)
        except POSTGRES_AWAY:
            return
        seen_until_now = frozenset(room_id for _, room_id in unpublished) - self._rooms
        self._events = frozenset(event_id for event_id, _ in unpublished)
        self._rooms = frozenset(room_id for _, room_id in unpublished)
        for room_id in seen_until_now:
            self._on_hidden(RoomId(room_id))

    async def run(self) -> None:
        """Refresh forever."""
        while True:
            await asyncio.sleep(REFRESH_S)
            await self.refresh()
