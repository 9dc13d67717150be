"""The rooms known to one process: read from Postgres once per version, restored if missing in Redis."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from app.core.errors import Restoring, RoomNotFound
from app.core.model import Room, RoomId, RoomStatus
from app.restoring.room import rebuild_room
from app.restoring.unloading import status_of
from app.store.away import stores_answer
from app.store.connections import POSTGRES_AWAY, Stores
from app.store.keys import RoomKeys
from app.store.scripts import room as room_scripts
from app.store.scripts.room import NotLoaded
from app.store.single_flight import SingleFlight
from app.store.sql.waiting_room import idle_rooms, rooms

T = TypeVar("T")

LOADS_MAX = 2  # concurrent restores per process; each holds two connections to Postgres
LOAD_WAIT_S = 2.0  # how long a request waits for a room to be loaded
KNOWN_MAX = 2_000  # rooms remembered; some have pictures in their settings
LOOK_AGAIN_S = 0.02
COMPARE_EVERY_S = 1.0


class LoadedRooms:
    """The rooms known to one process, and its restores in progress."""

    def __init__(self, stores: Stores) -> None:
        self.stores = stores
        self._known: dict[RoomId, Room] = {}
        self._loading = SingleFlight[RoomId, bool]()
        self._slots = asyncio.Semaphore(LOADS_MAX)
        # When a room was last read because of a token of another generation.
        self._compared: dict[RoomId, float] = {}

    async def get(self, room_id: RoomId) -> Room:
        """The room, possibly in an outdated version: use only what never changes. Raises RoomNotFound."""
        if room := self._known.get(room_id):
            return room
        if self.stores.absent.has("room", room_id):
            raise RoomNotFound
        return await self.read(room_id)

    def last_read(self, room_id: RoomId) -> Room | None:
        """The room in the version this process read last; None if it has not read it yet."""
        return self._known.get(room_id)

    async def is_generation(self, room_id: RoomId, generation: str) -> bool:
        """Whether the room has this generation. Raises RoomNotFound, StoreUnavailable.

        The room may have been deleted and created again since it was read, so a mismatch is checked in
        Postgres, at most once a second.
        """
        with stores_answer():
            if (await self.get(room_id)).generation == generation:
                return True
            now = time.monotonic()
            if now < self._compared.get(room_id, -COMPARE_EVERY_S) + COMPARE_EVERY_S:
                return False
            self._compared.pop(room_id, None)
            if len(self._compared) >= KNOWN_MAX:
                del self._compared[next(iter(self._compared))]
            self._compared[room_id] = now
            return (await self.read(room_id)).generation == generation

    def forget_if_replaced(self, room_id: RoomId, status: RoomStatus) -> None:
        """Forget a room that was deleted and created again since it was read, according to `status`."""
        room = self._known.get(room_id)
        if room is not None and room.generation != status.generation:
            del self._known[room_id]

    def peek(self, room_id: RoomId, status: RoomStatus) -> Room | None:
        """The room if this process has it in the version of `status` or a newer one, else None."""
        room = self._known.get(room_id)
        if room is None or room.generation != status.generation:
            return None
        return None if room.version < status.version or room.epoch < status.epoch else room

    async def at_version(self, room_id: RoomId, status: RoomStatus) -> Room:
        """The room in the version of `status` or a newer one. Without Postgres: in the version we have."""
        if room := self.peek(room_id, status):
            return room
        try:
            return await self.read(room_id)
        except POSTGRES_AWAY:
            if room_id not in self._known:
                raise
            return self._known[room_id]

    async def when_loaded(
        self,
        room_id: RoomId,
        ask: Callable[[], Awaitable[T]],
        unloaded: Callable[[RoomStatus], T] | None = None,
    ) -> T:
        """Return the result of `ask`, restoring the room if it raises NotLoaded. Raises RoomNotFound,
        Restoring.

        A room unknown to this process is looked up first, so that made-up names never reach Redis. If
        `unloaded` is given, it answers for a room that was unloaded from Redis, which is then not loaded
        again.
        """
        await self.get(room_id)
        deadline = time.monotonic() + LOAD_WAIT_S
        while True:
            try:
                return await ask()
            except NotLoaded:
                if time.monotonic() > deadline:
                    raise Restoring from None
                row = await idle_rooms.select_unloaded(self.stores.postgres, room_id) if unloaded else None
                if unloaded and row:
                    return unloaded(status_of(row))
                await self._load(room_id)

    async def read(self, room_id: RoomId) -> Room:
        """Read the room from Postgres. Raises RoomNotFound."""
        begun = self.stores.absent.begin()
        row = await rooms.select_room(self.stores.postgres, room_id)
        if row is None:
            self._known.pop(room_id, None)
            self.stores.absent.note("room", room_id, begun)
            raise RoomNotFound
        if len(self._known) >= KNOWN_MAX:
            del self._known[next(iter(self._known))]
        self._known[room_id] = row.room
        return row.room

    async def _load(self, room_id: RoomId) -> None:
        """Load the room, and wait until Redis can answer for it, long before it is fully restored."""
        task = self._loading.task(room_id, lambda: self._rebuild(room_id))
        done, _ = await asyncio.wait({task}, timeout=LOOK_AGAIN_S)
        if done and not task.result():
            await asyncio.sleep(LOOK_AGAIN_S)  # another process restores it
        elif not done:
            await self._until_it_answers(room_id, task)

    async def _until_it_answers(self, room_id: RoomId, task: asyncio.Task[bool]) -> None:
        while not task.done():
            try:
                await room_scripts.status(self.stores.redis, RoomKeys(room_id))
            except NotLoaded:
                await asyncio.wait({task}, timeout=LOOK_AGAIN_S)
            else:
                return
        task.result()  # raises the error of a failed restore, which is not started again

    async def _rebuild(self, room_id: RoomId) -> bool:
        async with self._slots:
            try:
                return await rebuild_room(self.stores, room_id)
            except RoomNotFound:
                self._known.pop(room_id, None)
                raise
