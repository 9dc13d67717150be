"""The rooms as the gate sees them: at most two seconds old, and never waited for once they are cached.

Every request of a shop checks a pass: if it waited for a store, so would the shop.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from app import metrics
from app.core.errors import RoomNotFound, StoreUnavailable
from app.core.gate.gating import Bypass
from app.core.model import Room, RoomId, RoomSettings
from app.gate.counts import GateCounts
from app.gate.ended_sessions import EndedSessions
from app.store.away import stores_answer
from app.waiting_room.queue import Queues
from app.web.gate.crawlers import Crawlers
from app.web.http.status_board import StatusBoard

FRESH_S = 1.0
AGAIN_S = 1.0  # after a store failed, how long others do not wait for it


class GateRooms:
    """One per process."""

    def __init__(
        self, queues: Queues, status_board: StatusBoard, ended: EndedSessions, crawlers: Crawlers
    ) -> None:
        self.counts = GateCounts(queues.stores.postgres)
        self.crawlers = crawlers
        self._ended = ended
        self._queues = queues
        self._status_board = status_board
        self._looked_at: dict[RoomId, float] = {}
        self._looks: set[asyncio.Task[None]] = set()
        self._bypass: dict[RoomId, tuple[RoomSettings, Bypass]] = {}
        self._not_before_s = 0.0

    async def settings(self, room_id: RoomId) -> RoomSettings | None:
        """The room's settings; None if no store responds and the room is not cached. Raises RoomNotFound."""
        room = self._queues.loaded_rooms.last_read(room_id)
        if room is None:
            room = await self._first_read(room_id)
        elif time.monotonic() - self._looked_at.get(room_id, 0.0) > FRESH_S:
            self._looked_at[room_id] = time.monotonic()
            task = asyncio.create_task(self._refresh(room_id))
            self._looks.add(task)
            task.add_done_callback(self._looks.discard)
        return room.settings if room else None

    def bypass(self, room_id: RoomId, settings: RoomSettings) -> Bypass:
        """The room's rules, compiled once per version."""
        cached = self._bypass.get(room_id)
        if cached is None or cached[0] is not settings:
            cached = self._bypass[room_id] = settings, Bypass(settings.bypass)
        return cached[1]

    def count(self, room_id: RoomId, outcome: str, detail: str = "") -> None:
        """Count a request by its outcome, unless no store confirms the room, whose name may be made up."""
        metrics.GATE.count(outcome)
        if self._queues.loaded_rooms.last_read(room_id) is not None:
            self.counts.count(room_id, outcome, detail)

    def store_is_away(self) -> bool:
        """Whether a store failed a moment ago, and is not queried again yet."""
        return time.monotonic() < self._not_before_s

    def note_store_away(self) -> None:
        """Note that a store failed, so that nobody else waits for it for a moment."""
        self._not_before_s = time.monotonic() + AGAIN_S

    async def _first_read(self, room_id: RoomId) -> Room | None:
        try:
            room = (await self._status_board.current(room_id)).room
        except StoreUnavailable:
            with suppress(StoreUnavailable):
                return await self._from_postgres(room_id)
            return None
        self._looked_at[room_id] = time.monotonic()  # only now, so that made-up names take no memory
        return room

    async def _from_postgres(self, room_id: RoomId) -> Room:
        with stores_answer():
            return await self._queues.loaded_rooms.get(room_id)

    async def _refresh(self, room_id: RoomId) -> None:
        """Refresh a room. A deleted one is dropped when it is next requested."""
        before = self._queues.loaded_rooms.last_read(room_id)
        try:
            now = (await self._status_board.current(room_id)).room
            if before is not None and before.generation != now.generation:
                self._ended.forget(room_id)
        except StoreUnavailable:
            self.note_store_away()
        except RoomNotFound:
            self._ended.forget(room_id)
            self._bypass.pop(room_id, None)
            self._looked_at.pop(room_id, None)
