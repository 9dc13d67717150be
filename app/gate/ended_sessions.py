"""Sessions that ended early, as known to one process: their passes are no longer valid.

Each is published as it ends, and kept in Redis until its last pass has expired. A process reads those of a
room at the first request to the room's gate, and again after its subscription was interrupted; in between it
queries no store. While Redis is unavailable passes remain valid by their signature.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress

from app.core.clock import now_ms
from app.core.model import RoomId, VisitorId
from app.store.connections import REDIS_AWAY, RedisClient
from app.store.keys import ENDED_CHANNEL
from app.store.pubsub import listen
from app.store.scripts.gate import EarlyEnd, early_ends, read_early_ends
from app.store.single_flight import SingleFlight

ENDS_MAX = 200_000  # visitors remembered; about 60 MB when full. Beyond it the oldest are dropped
ROOMS_MAX = 10_000  # rooms remembered, including made-up names; beyond it all are read again
READ_WAIT_S = 0.2  # how long a request waits for a room's ended sessions to be read
AGAIN_S = 1.0  # after Redis was unavailable
FORGET_EVERY_S = 60.0


class EndedSessions:
    """The ended sessions known to one process; `run` must run for them to stay current."""

    def __init__(self, redis: RedisClient) -> None:
        self._redis = redis
        self._of: dict[tuple[RoomId, VisitorId], EarlyEnd] = {}  # oldest first
        self._asked: set[RoomId] = set()  # rooms whose gate was used: messages about others are dropped
        self._read: set[RoomId] = set()  # rooms read completely
        self._reading = SingleFlight[RoomId, None]()
        self._broken = 0  # how often the subscription was renewed
        self._not_before_s = 0.0
        self._forget_at_s = time.monotonic() + FORGET_EVERY_S

    def is_loaded(self, room_id: RoomId) -> bool:
        """Whether the room's ended sessions are loaded, or cannot be because Redis is unavailable."""
        return room_id in self._read or time.monotonic() < self._not_before_s

    async def load(self, room_id: RoomId) -> None:
        """Load the room's ended sessions, within a moment or not at all."""
        if len(self._asked) >= ROOMS_MAX and room_id not in self._asked:
            self._asked.clear()
            self._read.clear()
        self._asked.add(room_id)
        task = self._reading.task(room_id, lambda: self._read_room(room_id))
        done, _ = await asyncio.wait({task}, timeout=READ_WAIT_S)
        for it in done:
            it.result()  # a bug of ours must not be swallowed

    def of(self, room_id: RoomId, visitor_id: VisitorId) -> EarlyEnd | None:
        """How the visitor's last session ended, if it ended early; else None."""
        return self._of.get((room_id, visitor_id))

    def forget(self, room_id: RoomId) -> None:
        """The room was replaced: its queue numbers start over."""
        self._read.discard(room_id)
        self._of = {key: it for key, it in self._of.items() if key[0] != room_id}

    async def run(self) -> None:
        """Receive ended sessions until cancelled."""
        while True:
            with suppress(*REDIS_AWAY):
                async for channel, message in listen(self._redis, ENDED_CHANNEL + "*"):
                    if not channel:  # nothing is missed from here on; earlier messages may have been
                        self._broken += 1
                        self._read.clear()
                        continue
                    room_id = RoomId(channel.removeprefix(ENDED_CHANNEL))
                    if room_id in self._asked:
                        self._note(room_id, read_early_ends(message))
            await asyncio.sleep(AGAIN_S)

    async def _read_room(self, room_id: RoomId) -> None:
        broken = self._broken
        try:
            self._note(room_id, await early_ends(self._redis, room_id))
            if broken == self._broken > 0:
                self._read.add(room_id)
        except REDIS_AWAY:
            self._not_before_s = time.monotonic() + AGAIN_S

    def _note(self, room_id: RoomId, ends: list[EarlyEnd]) -> None:
        for it in ends:
            earlier = self._of.pop((room_id, it.visitor_id), None)
            self._of[room_id, it.visitor_id] = max(earlier, it, key=lambda one: one.number) if earlier else it
        if len(self._of) > ENDS_MAX or time.monotonic() > self._forget_at_s:
            self._forget()

    def _forget(self) -> None:
        """Forget those whose passes have expired; if there are too many, the oldest sixteenth as well."""
        self._forget_at_s = time.monotonic() + FORGET_EVERY_S
        now = now_ms()
        self._of = {key: it for key, it in self._of.items() if it.until_ms > now}
        if len(self._of) > ENDS_MAX:
            kept = list(self._of.items())[-(ENDS_MAX - ENDS_MAX // 16) :]
            self._of = dict(kept)
