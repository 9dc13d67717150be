"""Cached names and places of events for page headings, read every few seconds at most.

The whole crowd opens the queue page at once: it must not cost a query per visitor, and it continues with the
last known heading while PostgreSQL is unavailable.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from app.catalogue import events
from app.core.errors import EventNotFound, StoreUnavailable
from app.core.model import EventId, Room
from app.store.connections import Stores
from app.web.pages.documents import EventHead, event_head

EVENT_HEADS = "fairgate_posters"  # the key of ours in Quart's extensions
FRESH_S = 5.0
KEPT_MAX = 1000  # events; then the oldest is evicted


@dataclass(slots=True)
class EventHeads:
    """The cached headings of events; one instance per process."""

    _kept: dict[EventId, tuple[float, EventHead]] = field(default_factory=dict)

    async def of_room(self, stores: Stores, room: Room) -> EventHead | None:
        """The event of a room; None if it has none."""
        if room.event_id is None:
            return None
        read_at, head = self._kept.get(room.event_id, (0.0, None))
        if head is not None and time.monotonic() - read_at < FRESH_S:
            return head
        try:
            event, ticket_types = await events.event(stores, room.event_id)
        except EventNotFound:
            return None
        except StoreUnavailable:
            if head is None:
                raise
            return head
        return self._keep(event_head(event, ticket_types))

    def _keep(self, head: EventHead) -> EventHead:
        if len(self._kept) >= KEPT_MAX:
            self._kept.pop(next(iter(self._kept)))
        self._kept[EventId(head.event_id)] = (time.monotonic(), head)
        return head
