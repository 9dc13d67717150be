"""Lists of rooms with their live numbers: a page of all, or the busy ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.core.errors import RoomNotFound
from app.core.model import Room, RoomId, RoomStatus
from app.loops import read_each
from app.store.away import stores_answer
from app.store.keys import RoomKeys
from app.store.redis import busy
from app.store.scripts import room as room_scripts
from app.store.sql.waiting_room import rooms
from app.waiting_room import queue
from app.waiting_room.queue import Queues

LOOKS_AT_ONCE = 20  # each takes a connection
LISTED_MAX = 500


async def page(
    queues: Queues,
    public_only: bool,
    *,
    of_event: bool | None = None,
    archived: bool | None = None,
    only: Sequence[str] | None = None,
    limit: int = LISTED_MAX,
    offset: int = 0,
) -> list[tuple[Room, RoomStatus]]:
    """A page of rooms with their status: rooms that are not closed first, then by room_id.

    Filters: `public_only`; `of_event` (True: only rooms of an event, False: only those without, None: both);
    `archived` likewise; `only` these room_ids. Rooms that are being restored or fail to load are left out.
    """
    with stores_answer():
        listed = await rooms.select_rooms(
            queues.stores.postgres,
            public_only=public_only,
            of_event=of_event,
            archived=archived,
            only=only,
            limit=limit,
            offset=offset,
        )
    return await _statuses(queues, [it.room_id for it in listed], {it.room_id: it for it in listed})


async def count(
    queues: Queues,
    public_only: bool,
    *,
    of_event: bool | None = None,
    archived: bool | None = None,
    only: Sequence[str] | None = None,
) -> int:
    """How many rooms match these filters of `page`. Raises StoreUnavailable."""
    postgres = queues.stores.postgres
    with stores_answer():
        return await rooms.count_rooms(
            postgres, public_only=public_only, of_event=of_event, archived=archived, only=only
        )


async def busy_rooms(queues: Queues, *, within_ms: int, limit: int) -> list[tuple[Room, RoomStatus]]:
    """The rooms that were busy recently, sorted by room_id; if more than `limit`, the most recent ones.

    Rooms that are being restored or fail to load are left out. Raises StoreUnavailable.
    """
    with stores_answer():
        room_ids = await busy.busy_rooms(queues.stores.redis, busy.KEYS, within_ms=within_ms, limit=limit)
    return await _statuses(queues, sorted(room_ids), {})


async def on_sale(queues: Queues, *, limit: int) -> list[tuple[Room, RoomStatus]]:
    """The rooms of sales that are neither closed nor archived, the latest opening first.

    Rooms that are being restored or fail to load are left out. Raises StoreUnavailable.
    """
    with stores_answer():
        listed = await rooms.select_on_sale(queues.stores.postgres, limit)
    return await _statuses(queues, [it.room_id for it in listed], {it.room_id: it for it in listed})


async def _statuses(
    queues: Queues, room_ids: Sequence[RoomId], known: Mapping[RoomId, Room]
) -> list[tuple[Room, RoomStatus]]:
    """Read all in a few round trips; rooms that are not loaded or outdated in `known`, one by one."""
    with stores_answer():
        statuses = await room_scripts.statuses(queues.stores.redis, [RoomKeys(it) for it in room_ids])
    by_id = dict(zip(room_ids, statuses, strict=True))

    async def read(room_id: RoomId) -> tuple[Room, RoomStatus] | None:
        now, room = by_id[room_id], known.get(room_id)
        if now is not None and room is not None and room.version >= now.version and room.epoch >= now.epoch:
            return room, now
        try:
            if now is None:
                return await queue.status(queues, room_id)
            return await queues.loaded_rooms.at_version(room_id, now), now
        except RoomNotFound:  # deleted a moment ago
            return None

    return await read_each("rooms", room_ids, read, at_once=LOOKS_AT_ONCE)
