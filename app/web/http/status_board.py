"""The status board: each room's shared document, rendered once for everybody.

One Redis subscription per process reports which room changed; one status call per room and change reads it;
the bytes go to every GET within a second and to every open stream. While Redis is unavailable the last
document is shown, marked stale, for 30 s.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial

import msgspec

from app import loops, metrics
from app.core.errors import Restoring, RoomNotFound, StoreUnavailable
from app.core.model import Room, RoomId, RoomStatus
from app.store.connections import REDIS_AWAY, RedisClient
from app.store.keys import STATUS_CHANNEL
from app.store.pubsub import listen
from app.store.single_flight import SingleFlight
from app.store.spans import shared_task
from app.waiting_room import queue
from app.waiting_room.queue import Queues
from app.web.documents.waiting_room import StatusDocument, status_document
from app.web.http.draining import STREAMS_AT_ONCE, Draining
from app.web.http.sse import COMMENT, COMMENT_EVERY_S, event, goodbye, retry
from app.web.http.streaming import END, Audience, Message, Stream, last, part

SHOWN_MAX = 10_000  # rooms remembered
FRESH_S = 1.0
STALE_MAX_S = 30.0
TICK_S = 0.25
TURNS_AT_ONCE = 50  # rooms; none takes longer than a tick
SENT_AT_ONCE = 100  # streams; then other tasks get a turn
VIEWED_EVERY_S = 2.0  # interval at which a watched room is read even without a message

_encoder = msgspec.json.Encoder()


@dataclass(slots=True)
class RenderedStatus:
    """One room's document as last rendered."""

    room: Room
    status: RoomStatus
    document: StatusDocument
    body: bytes
    read_at: float
    fresh_until: float


@dataclass(slots=True)
class Viewers:
    """The streams of one room."""

    streams: set[Stream] = field(default_factory=set)
    sent_at: float = 0.0
    sent: StatusDocument | None = None


class StatusBoard:
    """One per process; `run` and `listen` must run to update its streams."""

    def __init__(self, queues: Queues, redis: RedisClient, draining: Draining) -> None:
        self._queues = queues
        self._redis = redis
        self._draining = draining
        self._shown: dict[RoomId, RenderedStatus] = {}
        self._reading = SingleFlight[RoomId, RenderedStatus]()
        self._following: dict[RoomId, asyncio.Task[RenderedStatus]] = {}
        self._viewers: dict[RoomId, Viewers] = {}
        self._changed: set[RoomId] = set()

    def fresh(self, room_id: RoomId) -> RenderedStatus | None:
        """The current document, if it is fresh enough to be sent again."""
        rendered = self._shown.get(room_id)
        return rendered if rendered is not None and rendered.fresh_until > time.monotonic() else None

    def last(self, room_id: RoomId) -> RenderedStatus | None:
        """The last document, however old."""
        return self._shown.get(room_id)

    def peek(self, room_id: RoomId) -> bytes | None:
        """The document, if it is still fresh."""
        rendered = self._shown.get(room_id)
        return rendered.body if rendered is not None and rendered.fresh_until > time.monotonic() else None

    async def body(self, room_id: RoomId) -> bytes:
        """The document. Raises RoomNotFound, StoreUnavailable."""
        return self.peek(room_id) or (await self.current(room_id)).body

    async def current(self, room_id: RoomId) -> RenderedStatus:
        """The document, reread if it is not fresh; without Redis up to 30 s old and marked stale."""
        if (rendered := self.fresh(room_id)) is not None:
            return rendered
        try:
            return await self.read(room_id)
        except StoreUnavailable:
            metrics.STORE_FAILURES.labels("status").inc()
            return self._stale(room_id)

    def outdated(self, room_id: RoomId) -> None:
        """Note that this process changed the room: the next reader gets the change."""
        if room_id in self._shown:
            self._shown[room_id].fresh_until = 0.0
            self._changed.add(room_id)

    def hide(self, room_id: RoomId) -> None:
        """End the streams of a room that was hidden or deleted."""
        viewers = self._viewers.get(room_id)
        for stream in list(viewers.streams) if viewers is not None else ():
            stream.send(END)

    async def read(self, room_id: RoomId) -> RenderedStatus:
        """Read the room now; concurrent callers share the read."""
        return await self._reading.get(room_id, lambda: self._read(room_id))

    def closed_at_ms(self, room_id: RoomId) -> int:
        """When the room closed, as far as this process knows; 0: not closed."""
        rendered = self._shown.get(room_id)
        return rendered.room.closed_at_ms if rendered is not None and rendered.status.state == "closed" else 0

    async def watch(self, room_id: RoomId) -> Audience:
        """The room's streams: the current document, each change, a comment while idle."""
        rendered = await self.current(room_id)
        return partial(self._watching, room_id, rendered)

    async def run(self) -> None:
        """Follow the displayed rooms until the process closes; then end their streams."""
        closing = self._draining.closing
        while not closing.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(TICK_S):
                    await closing.wait()
            await self._turns()
        streams, turned_at = [it for room in self._viewers.values() for it in room.streams], time.monotonic()
        for start in range(0, len(streams), STREAMS_AT_ONCE):
            some = streams[start : start + STREAMS_AT_ONCE]
            await self._draining.turn(len(some))
            for stream in some:
                stream.send(last(goodbye()))
            if time.monotonic() - turned_at >= TICK_S:  # the other streams still get changes
                turned_at = time.monotonic()
                await self._turns()

    async def _turns(self) -> None:
        await loops.each("status_board", list(self._viewers), self._turn, at_once=TURNS_AT_ONCE)

    async def _read(self, room_id: RoomId) -> RenderedStatus:
        try:
            room, status = await queue.status(self._queues, room_id)
        except RoomNotFound:
            self._shown.pop(room_id, None)
            raise
        document = status_document(room, status)
        now = time.monotonic()
        rendered = RenderedStatus(room, status, document, _encoder.encode(document), now, now + FRESH_S)
        if room_id not in self._shown and len(self._shown) >= SHOWN_MAX:
            del self._shown[next(iter(self._shown))]  # the oldest; the next request reads it again
        self._shown[room_id] = rendered
        return rendered

    def _stale(self, room_id: RoomId) -> RenderedStatus:
        rendered, now = self._shown.get(room_id), time.monotonic()
        if rendered is None or now - rendered.read_at > STALE_MAX_S:
            raise StoreUnavailable("The queue cannot be read right now; nobody loses their place.", 2)
        if not rendered.document.stale:
            rendered.document = msgspec.structs.replace(rendered.document, stale=True)
            rendered.body = _encoder.encode(rendered.document)
        rendered.fresh_until = now + FRESH_S  # retry Redis once a second, not at every request
        return rendered

    @contextmanager
    def _watching(self, room_id: RoomId, rendered: RenderedStatus, stream: Stream) -> Iterator[None]:
        viewers = self._viewers.setdefault(room_id, Viewers())
        viewers.streams.add(stream)
        metrics.VIEWERS.inc()
        try:
            rendered = self._shown.get(room_id, rendered)  # others may have received a change meanwhile
            stream.send(part(retry() + event("status", rendered.body)))
            if viewers.sent is None:
                viewers.sent, viewers.sent_at = rendered.document, time.monotonic()
            if self._draining.closing.is_set():
                stream.send(last(goodbye()))
            yield
        finally:
            metrics.VIEWERS.dec()
            viewers.streams.discard(stream)
            if not viewers.streams:
                self._viewers.pop(room_id, None)

    async def _turn(self, room_id: RoomId) -> None:
        """Send the room's streams a change, at most once a second, or a comment, or the end."""
        viewers, rendered, now = self._viewers.get(room_id), self._shown.get(room_id), time.monotonic()
        if viewers is None:  # the last viewer has just left
            return
        if rendered is None or self._due(room_id, rendered, viewers, now):
            self._changed.discard(room_id)
            rendered = await self._followed(room_id) or rendered
        if rendered is not None and _is_news(viewers.sent, rendered.document):
            viewers.sent, viewers.sent_at = rendered.document, now
            await _send(viewers, part(event("status", rendered.body)))
        elif now - viewers.sent_at >= COMMENT_EVERY_S:
            viewers.sent_at = now
            await _send(viewers, part(COMMENT), needed=False)

    def _due(self, room_id: RoomId, rendered: RenderedStatus, viewers: Viewers, now: float) -> bool:
        """Whether to read the room: it is time, or it changed and its streams got nothing just now."""
        changed = room_id in self._changed and now >= rendered.fresh_until
        return (changed and now - viewers.sent_at >= FRESH_S) or now - rendered.read_at >= VIEWED_EVERY_S

    async def _followed(self, room_id: RoomId) -> RenderedStatus | None:
        """The current document; None if it is not available at once, as restoring a room may take seconds."""
        following = self._following.get(room_id)
        if following is None:
            following = self._following[room_id] = shared_task(self.current(room_id))
            await asyncio.wait({following}, timeout=TICK_S)
        if not following.done():
            return None
        del self._following[room_id]
        try:
            return following.result()
        except RoomNotFound:
            self.hide(room_id)
        except (StoreUnavailable, Restoring):
            pass
        return None

    async def listen(self) -> None:
        """Note which rooms changed; while Redis is unavailable they are read at intervals only."""
        while True:
            with suppress(*REDIS_AWAY):
                async for channel, _ in listen(self._redis, STATUS_CHANNEL + "*"):
                    room_id = RoomId(channel.removeprefix(STATUS_CHANNEL))
                    rendered = self._shown.get(room_id)
                    if rendered is not None and not rendered.document.stale:
                        rendered.fresh_until = min(rendered.fresh_until, rendered.read_at + TICK_S)
                        self._changed.add(room_id)
            await asyncio.sleep(TICK_S)


async def _send(viewers: Viewers, message: Message, *, needed: bool = True) -> None:
    streams = list(viewers.streams)
    for start in range(0, len(streams), SENT_AT_ONCE):
        for stream in streams[start : start + SENT_AT_ONCE]:
            if stream in viewers.streams:
                stream.send(message, needed=needed)
        await asyncio.sleep(0)


def _is_news(sent: StatusDocument | None, document: StatusDocument) -> bool:
    """Whether a viewer would see a difference; the time of reading does not count."""
    return sent is None or msgspec.structs.replace(document, updated_at=sent.updated_at) != sent
