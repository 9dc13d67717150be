"""The cockpit's live streams: each process reads a watched room once a second, for all of its viewers."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import msgspec

from app import audit
from app.core.account import AUTOPILOT
from app.core.clock import now_ms
from app.core.errors import Restoring, RoomNotFound, StoreUnavailable
from app.core.model import Room, RoomId, RoomStatus
from app.core.waiting_room.history import KEPT_MAX, KEPT_MS, RATE_OVER_MS, Point, Sample, points
from app.gate.counts import GateCounts
from app.loops import Loops
from app.monitoring import history, stats
from app.store.redis import suspects
from app.store.redis.origin import UNKNOWN, Origin
from app.store.sql.audit import AuditFilter, Entry
from app.waiting_room import autopilot
from app.waiting_room.queue import Queues
from app.web.console.room.cockpit_document import ChangeLine, Cockpit, change_lines, cockpit
from app.web.console.room.site_figures import GateLine, gate_line
from app.web.http.status_board import StatusBoard

EVERY_S = 1.0
NEWS_MS = 10_000  # the last seconds are sent again, so that a slow reader misses no point
CHANGES_MAX = 30
MOVES_MAX = 8  # by the autopilot
CHANGES_EVERY_S = 10.0  # how often the change log is read, besides whenever the room changes

_encoder = msgspec.json.Encoder()


@dataclass(slots=True)
class WatchedRoom:
    """A watched room, as last read."""

    viewers: int = 0
    room: Room | None = None
    status: RoomStatus | None = None
    workers: int = 0
    gate: GateLine | None = None  # None for a sale
    origin: Origin = UNKNOWN  # what is known about its health
    suspects: dict[str, int] = field(default_factory=dict)  # by reason
    points: deque[Point] = field(default_factory=lambda: deque(maxlen=KEPT_MAX))
    tail: list[Sample] = field(default_factory=list)  # the samples that the next rates are computed from
    changes: list[ChangeLine] = field(default_factory=list)
    version: int = -1
    changes_at: float = 0.0
    news: bytes = b""
    turned: asyncio.Event = field(default_factory=asyncio.Event)  # set, and replaced, when there is news
    task: asyncio.Task[None] | None = None


class Feeds:
    """The streams of one process."""

    def __init__(
        self,
        queues: Queues,
        status_board: StatusBoard,
        gate_counts: GateCounts,
        running: Loops,
        closing: asyncio.Event,
    ) -> None:
        self._queues = queues
        self._status_board = status_board
        self._gate_counts = gate_counts
        self._running = running
        self._closing = closing
        self._rooms: dict[RoomId, WatchedRoom] = {}

    async def now(self, room_id: RoomId) -> tuple[Room, RoomStatus, Cockpit]:
        """Build the whole document, reading the room now. Raises RoomNotFound, StoreUnavailable."""
        watched = WatchedRoom()
        await self._read(room_id, watched)
        assert watched.room is not None
        assert watched.status is not None
        return watched.room, watched.status, _document(watched, list(watched.points))

    async def watch(self, room_id: RoomId) -> AsyncIterator[bytes]:
        """Yield the room's documents: the whole one, then changes."""
        watched = self._rooms.setdefault(room_id, WatchedRoom())
        watched.viewers += 1
        try:
            if watched.status is None:
                await self._read(room_id, watched)
            if watched.task is None:
                keep = partial(self._keep, room_id, watched)
                watched.task = self._running.start("cockpit_feed", keep, of=room_id)
            turned = watched.turned
            yield _encoder.encode(_document(watched, list(watched.points)))
            while not self._closing.is_set():
                await turned.wait()
                turned = watched.turned
                yield watched.news
        finally:
            watched.viewers -= 1
            if not watched.viewers:
                self._rooms.pop(room_id, None)
                if watched.task is not None:
                    watched.task.cancel()

    async def _keep(self, room_id: RoomId, watched: WatchedRoom) -> None:
        """Read the room until nobody watches it. While a store is unavailable the last document stays."""
        while not self._closing.is_set():
            await asyncio.sleep(EVERY_S)
            with suppress(StoreUnavailable, RoomNotFound, Restoring):
                await self._read(room_id, watched)
                recent = [it for it in watched.points if it.at_ms > watched.points[-1].at_ms - NEWS_MS]
                watched.news = _encoder.encode(_document(watched, recent))
                watched.turned, turned = asyncio.Event(), watched.turned
                turned.set()

    async def _read(self, room_id: RoomId, watched: WatchedRoom) -> None:
        """Refresh a watched room."""
        rendered = await self._status_board.current(room_id)
        await self._queues.busy_marks.note(room_id)  # busy rooms are sampled
        watched.room, watched.status = rendered.room, rendered.status
        newest_ms = watched.tail[-1].at_ms if watched.tail else now_ms() - KEPT_MS
        samples = await history.recent(self._queues.stores, room_id, newest_ms + 1)
        watched.tail = [*watched.tail, *samples]
        watched.points.extend(points(watched.tail)[len(watched.tail) - len(samples) :])
        watched.tail = [it for it in watched.tail if it.at_ms >= watched.tail[-1].at_ms - 2 * RATE_OVER_MS]
        watched.workers = await stats.workers(self._queues.stores.redis)
        if rendered.room.event_id is None:
            watched.gate = gate_line(await self._gate_counts.figures(rendered.room))
        watched.origin = await autopilot.origin_of(self._queues, room_id)
        if rendered.room.settings.suspects_lane:
            watched.suspects = await suspects.by_reason(self._queues.stores.redis, room_id)
        now = time.monotonic()
        if watched.version != rendered.room.version or now - watched.changes_at > CHANGES_EVERY_S:
            watched.changes, watched.version = await self._changes(room_id), rendered.room.version
            watched.changes_at = now

    async def _changes(self, room_id: RoomId) -> list[ChangeLine]:
        """The latest changes by staff and by the autopilot, selected separately, since the autopilot's would
        crowd out all others."""
        own = AuditFilter("room", room_id, not_who=AUTOPILOT.subject)
        moves = AuditFilter("room", room_id, who=AUTOPILOT.subject)
        entries: list[Entry] = []
        for criteria, limit in ((own, CHANGES_MAX), (moves, MOVES_MAX)):
            entries += (await audit.entries(self._queues.stores, criteria, limit=limit, offset=0))[0]
        return change_lines(sorted(entries, key=lambda it: -it.audit_id))


def _document(watched: WatchedRoom, new: list[Point]) -> Cockpit:
    assert watched.room is not None
    assert watched.status is not None
    live = watched.points, watched.changes, watched.workers, watched.gate, watched.origin, watched.suspects
    document = cockpit(watched.room, watched.status, *live)
    return msgspec.structs.replace(document, points=new)
