"""The status board: each room's shared document, rendered once for everybody who looks at it.

One Redis subscription per process tells which room changed; one status call per room and change reads it; the
bytes go to every GET within a second and to every open stream. With Redis away the last document is shown,
marked stale, for 30 s.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field

import msgspec

from app import metrics, waiting_room
from app.core.errors import RoomNotFound, StoreUnavailable
from app.core.model import Room, RoomId, RoomStatus
from app.store.channels import listen
from app.store.connections import REDIS_AWAY, RedisClient
from app.store.keys import STATUS_CHANNEL
from app.waiting_room import Line
from app.web.line_documents import StatusDocument, status_document
from app.web.streams import COMMENT, COMMENT_EVERY_S, RETRY, event

FRESH_S = 1.0
STALE_MAX_S = 30.0
TICK_S = 0.25
VIEWED_EVERY_S = 2.0  # a room that is watched is read this often also when no message came

_encoder = msgspec.json.Encoder()


@dataclass(slots=True)
class Shown:
    """What the board shows of one room."""

    room: Room
    status: RoomStatus
    document: StatusDocument
    body: bytes
    read_at: float
    fresh_until: float


@dataclass(slots=True)
class Audience:
    """The streams of one room."""

    viewers: int = 0
    turned: asyncio.Event = field(default_factory=asyncio.Event)  # set, and replaced, when there is news
    told_at: float = 0.0
    told: StatusDocument | None = None


class Board:
    """One per process; `keep` has to run for its streams to move."""

    def __init__(self, line: Line, redis: RedisClient, closing: asyncio.Event) -> None:
        self._line = line
        self._redis = redis
        self._closing = closing
        self._shown: dict[RoomId, Shown] = {}
        self._reading: dict[RoomId, asyncio.Task[Shown]] = {}
        self._audiences: dict[RoomId, Audience] = {}
        self._changed: set[RoomId] = set()

    def peek(self, room_id: RoomId) -> bytes | None:
        """The document, if it is fresh enough to be told again."""
        shown = self._shown.get(room_id)
        return shown.body if shown is not None and shown.fresh_until > time.monotonic() else None

    async def body(self, room_id: RoomId) -> bytes:
        """The document. Raises RoomNotFound, StoreUnavailable."""
        return self.peek(room_id) or (await self.current(room_id)).body

    async def current(self, room_id: RoomId) -> Shown:
        """What is shown, read again if it is not fresh; up to 30 s old, and marked so, with Redis away."""
        shown = self._shown.get(room_id)
        if shown is not None and shown.fresh_until > time.monotonic():
            return shown
        try:
            return await self.read(room_id)
        except StoreUnavailable:
            metrics.STORE_FAILURES.labels("status").inc()
            return self._stale(room_id)

    def outdated(self, room_id: RoomId) -> None:
        """The room was changed here: whoever asks next is shown the change."""
        if room_id in self._shown:
            self._shown[room_id].fresh_until = 0.0
            self._changed.add(room_id)

    async def read(self, room_id: RoomId) -> Shown:
        """Read the room now; callers of the same time share the reading."""
        task = self._reading.get(room_id)
        if task is None:
            task = asyncio.create_task(self._read(room_id))
            self._reading[room_id] = task
            task.add_done_callback(lambda done: self._done(room_id, done))
        return await asyncio.shield(task)

    def closed_at_ms(self, room_id: RoomId) -> int:
        """When the room closed, as far as this process has seen it; 0 for not."""
        shown = self._shown.get(room_id)
        return shown.room.closed_at_ms if shown is not None and shown.status.state == "closed" else 0

    async def watch(self, room_id: RoomId) -> AsyncIterator[bytes]:
        """The room's stream: the present document, each change, a comment when it is quiet."""
        shown = await self.current(room_id)
        return self._stream(room_id, shown)

    async def keep(self) -> None:
        """Follow the rooms that are shown, until cancelled."""
        listening = asyncio.create_task(self._listen())
        closing = asyncio.create_task(self._closing.wait())
        try:
            while not self._closing.is_set():
                await asyncio.wait({closing}, timeout=TICK_S)
                await asyncio.gather(*(self._turn(room_id) for room_id in list(self._audiences)))
        finally:
            listening.cancel()
            closing.cancel()

    async def _read(self, room_id: RoomId) -> Shown:
        room, status = await waiting_room.status(self._line, room_id)
        document = status_document(room, status)
        now = time.monotonic()
        shown = Shown(room, status, document, _encoder.encode(document), now, now + FRESH_S)
        self._shown[room_id] = shown
        return shown

    def _done(self, room_id: RoomId, task: asyncio.Task[Shown]) -> None:
        del self._reading[room_id]
        if not task.cancelled() and isinstance(task.exception(), RoomNotFound):
            self._shown.pop(room_id, None)

    def _stale(self, room_id: RoomId) -> Shown:
        shown, now = self._shown.get(room_id), time.monotonic()
        if shown is None or now - shown.read_at > STALE_MAX_S:
            raise StoreUnavailable("The line cannot be read at the moment; nobody loses their place.", 2)
        if not shown.document.stale:
            shown.document = msgspec.structs.replace(shown.document, stale=True)
            shown.body = _encoder.encode(shown.document)
        shown.fresh_until = now + FRESH_S  # ask Redis again once a second, not at every request
        return shown

    async def _stream(self, room_id: RoomId, shown: Shown) -> AsyncIterator[bytes]:
        audience = self._audiences.setdefault(room_id, Audience())
        audience.viewers += 1
        metrics.VIEWERS.inc()
        try:
            yield RETRY + event("status", shown.body)
            told = shown.body
            if audience.told is None:
                audience.told, audience.told_at = shown.document, time.monotonic()
            while not self._closing.is_set():
                await audience.turned.wait()
                body = self._shown[room_id].body if room_id in self._shown else told
                yield COMMENT if body == told else event("status", body)
                told = body
        finally:
            metrics.VIEWERS.dec()
            audience.viewers -= 1
            if not audience.viewers:
                self._audiences.pop(room_id, None)

    async def _turn(self, room_id: RoomId) -> None:
        """Tell the room's streams what is new, at most once a second; wake them all at the end."""
        audience, shown, now = self._audiences.get(room_id), self._shown.get(room_id), time.monotonic()
        if audience is None:  # the last viewer has just left
            return
        due_s = FRESH_S if room_id in self._changed else VIEWED_EVERY_S
        if shown is None or now - shown.read_at >= due_s:
            self._changed.discard(room_id)
            with suppress(StoreUnavailable, RoomNotFound):
                shown = await self.current(room_id)
        news = shown is not None and _is_news(audience.told, shown.document)
        if news or now - audience.told_at >= COMMENT_EVERY_S or self._closing.is_set():
            audience.told, audience.told_at = shown.document if shown else None, now
            turned, audience.turned = audience.turned, asyncio.Event()
            turned.set()

    async def _listen(self) -> None:
        """Note which rooms changed; while Redis is away they are read by the clock alone."""
        while True:
            with suppress(*REDIS_AWAY):
                async for channel, _ in listen(self._redis, STATUS_CHANNEL + "*"):
                    room_id = RoomId(channel.removeprefix(STATUS_CHANNEL))
                    shown = self._shown.get(room_id)
                    if shown is not None and not shown.document.stale:
                        shown.fresh_until = min(shown.fresh_until, shown.read_at + TICK_S)
                        self._changed.add(room_id)
            await asyncio.sleep(TICK_S)


def _is_news(told: StatusDocument | None, document: StatusDocument) -> bool:
    """Whether a viewer would see a difference; the time of reading is none."""
    return told is None or msgspec.structs.replace(document, updated_at=told.updated_at) != told
