"""Writes and signs one room's public log: every second while there is something to write, on one worker."""

from __future__ import annotations

import time

from app.core.assurance.beacon import Chain
from app.core.model import RoomId
from app.store.connections import Stores
from app.store.scripts.admission import Tick
from app.waiting_room import room_log

EVERY_S = 1.0


class LogWriter:
    """Writes the log of one room."""

    def __init__(self, stores: Stores, room_id: RoomId, chain: Chain) -> None:
        self._stores = stores
        self._chain = chain
        self._room_id = room_id
        self._writes_at = 0.0
        self._signs_at: float | None = None  # None: everything written is signed

    def is_due(self, tick: Tick) -> bool:
        """Whether something is to be written or signed now."""
        now = time.monotonic()
        noted = (tick.noted > 0 or tick.undrawn) and now >= self._writes_at  # a draw may await the beacon
        return noted or (self._signs_at is not None and now >= self._signs_at)

    def is_done(self, tick: Tick) -> bool:
        """Whether nothing is left to be written or signed, now or later."""
        return not tick.noted and self._signs_at is None

    async def write(self) -> None:
        """Write what was noted, and sign the log if that is due."""
        round_done = await room_log.write(self._stores, self._room_id, self._chain)
        now, due_ms = time.monotonic(), round_done.head_due_ms
        self._writes_at = now + (0 if round_done.more else EVERY_S)
        self._signs_at = None if due_ms is None else now + max(0.0, due_ms / 1000 - time.time())
