"""The rooms as the gate knows them: at most a second or two old, and never waited for once they are known.

A pass is checked for each request of a shop: one that waited for a store would make the shop wait.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from app import metrics
from app.core.errors import RoomNotFound, StoreUnavailable
from app.core.gating import Bypass
from app.core.model import Room, RoomId, RoomSettings
from app.gate.counts import GateCounts
from app.gate.ended_sessions import EndedSessions
from app.store.away import stores_answer
from app.waiting_room.queue import Queues
from app.web.gate.crawlers import Crawlers
from app.web.http.status_board import StatusBoard

FRESH_S = 1.0
AGAIN_S = 1.0  # after a store was unavailable: others are not made to wait for it meanwhile


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
        """The room's settings; None: no store answers, and this process has not seen the room before.

        Raises RoomNotFound.
        """
        room = self._queues.loaded_rooms.known(room_id)
        if room is None:
            room = await self._first_look(room_id)
        elif time.monotonic() - self._looked_at.get(room_id, 0.0) > FRESH_S:
            self._looked_at[room_id] = time.monotonic()
            task = asyncio.create_task(self._look(room_id))
            self._looks.add(task)
            task.add_done_callback(self._looks.discard)
        return room.settings if room else None

    def bypass(self, room_id: RoomId, settings: RoomSettings) -> Bypass:
        """The room's rules, compiled once per version."""
        kept = self._bypass.get(room_id)
        if kept is None or kept[0] is not settings:
            kept = self._bypass[room_id] = settings, Bypass(settings.bypass)
        return kept[1]

    def count(self, room_id: RoomId, outcome: str, detail: str = "") -> None:
        """A request came to this outcome. Where no store tells of the room, its name may be made up."""
        metrics.GATE.count(outcome)
        if self._queues.loaded_rooms.known(room_id) is not None:
            self.counts.count(room_id, outcome, detail)

    def store_is_away(self) -> bool:
        """Whether a store was unavailable a moment ago, so that it is not asked again yet."""
        return time.monotonic() < self._not_before_s

    def note_store_away(self) -> None:
        """Note that a store is unavailable: for a moment nobody else waits for it."""
        self._not_before_s = time.monotonic() + AGAIN_S

    async def _first_look(self, room_id: RoomId) -> Room | None:
        try:
            room = (await self._status_board.current(room_id)).room
        except StoreUnavailable:
            with suppress(StoreUnavailable):
                return await self._from_postgres(room_id)
            return None
        self._looked_at[room_id] = time.monotonic()  # not before: names that are made up are not kept
        return room

    async def _from_postgres(self, room_id: RoomId) -> Room:
        with stores_answer():
            return await self._queues.loaded_rooms.get(room_id)

    async def _look(self, room_id: RoomId) -> None:
        """Bring it up to date; a room that was deleted is forgotten by whoever looks for it."""
        before = self._queues.loaded_rooms.known(room_id)
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
