"""Rooms and visitors for tests, with defaults that a test may override."""

from __future__ import annotations

from functools import partial
from itertools import count
from typing import Any

import msgspec

from app.core.account import Author
from app.core.model import EventId, Room, RoomId, RoomSettings, RoomState, VisitorId
from app.core.tokens.claims import PlaceClaims
from app.restoring.room import is_loaded, rebuild_room
from app.store.connections import Stores
from app.store.keys import RoomKeys
from app.store.redis.conf import conf_fields, restored_fields
from app.store.scripts import admission, restoring
from app.store.scripts import room as room_scripts
from app.store.scripts.restoring import RestorePoint
from app.store.scripts.room import NO_TOKEN, AskRecord, JoinRecord
from app.store.sql.waiting_room import rooms
from app.store.sql.waiting_room.rooms import RoomRow, Terms
from tests.support.waiting import wait_until

Client = Any  # redis-py types its commands for sync and async clients at once
NOW = 1_800_000_000_000  # a whole second, so that session ends are easy to write
SEED = bytes(range(32))
ROOM = RoomId("hall")
KEYS = RoomKeys(ROOM)
STAFF = Author(subject="ann", role="operator")  # the author of changes

_numbers = count(1)


def a_visitor() -> VisitorId:
    """An unused visitor_id, as long as real ones."""
    return VisitorId(f"visitor-{next(_numbers):014}")


def a_row(event_id: str | None = None, state: RoomState = "scheduled", **settings: Any) -> RoomRow:
    """A room as Postgres would have it; settings as in `RoomSettings`, with no cap by default."""
    defaults: dict[str, Any] = {"name": "The Hall", "active_visitors_max": None}
    room = Room(
        room_id=ROOM,
        event_id=EventId(event_id) if event_id else None,
        settings=RoomSettings(**(defaults | settings)),
        state=state,
        version=1,
        epoch=1,
        seed=SEED,
        serving_position=0,
        numbers_reserved=0,
        opened_at_ms=0,
        closed_at_ms=0,
    )
    return RoomRow(room, Terms(300, 10, "EUR") if event_id else Terms())


def opened(row: RoomRow) -> RoomRow:
    """The same room, opened at `NOW`."""
    return row._replace(room=msgspec.structs.replace(row.room, opened_at_ms=NOW))


async def a_room(
    redis: Client,
    state: RoomState = "open",
    event_id: str | None = None,
    now_ms: int = NOW,
    numbers_reserved: int = 1_000_000,
    **settings: Any,
) -> RoomKeys:
    """A room in Redis, brought into `state` at `now_ms`, so that an open one has a full bucket."""
    row = a_row(event_id, **settings)
    point = RestorePoint(1, 0, numbers_reserved, 0, 0, 0, 0, 0)
    await restoring.restore(redis, KEYS, restored_fields(row, 0), point, now_ms=now_ms)
    await restoring.finish_restore(redis, KEYS, epoch=1, window_ms=0, now_ms=now_ms)
    steps: dict[str, tuple[str, ...]] = {"paused": ("open", "paused"), "closed": ("open", "closed")}
    for version, step in enumerate(steps.get(state, (state,)), 2):
        await admission.configure(redis, KEYS, {}, version=version, to=step, now_ms=now_ms)
    return KEYS


async def a_restored_room(redis: Client, epoch: int, now_ms: int, **settings: Any) -> None:
    """The room of `a_room` after Redis has restarted with its data."""
    row = opened(a_row(state="open", **settings))
    point = RestorePoint(epoch, 1_000, 1_000_000, 0, 0, 0, 0, 0)
    await restoring.restore(redis, KEYS, restored_fields(row, 0), point, now_ms=now_ms)
    await restoring.finish_restore(redis, KEYS, epoch=epoch, window_ms=0, now_ms=now_ms)


async def a_lottery(redis: Client, entrants: list[JoinRecord]) -> None:
    """A lottery room that has just opened: nobody is drawn yet, and Postgres does not know its numbers."""
    await a_room(redis, "prequeue", queueing_method="lottery")
    await room_scripts.join(redis, KEYS, entrants, rate=0, burst=1, now_ms=NOW)
    await change_room(redis, 3, queueing_method="lottery")


async def change_room(
    redis: Client, version: int, to: str = "open", now_ms: int = NOW, **settings: Any
) -> None:
    """Staff change the room: `version` has to grow."""
    fields = conf_fields(a_row(settings.pop("event_id", None), **settings))
    await admission.configure(redis, KEYS, fields, version=version, to=to, now_ms=now_ms)


async def a_stored_room(
    stores: Stores, room_id: RoomId = ROOM, *, loaded: bool = True, **settings: Any
) -> RoomId:
    """A scheduled room in Postgres and Redis; without `loaded`, Redis loads it on the first call.

    A room answers before it is completely loaded, but refuses claims until then: a test whose first call
    loaded the room could claim too early.
    """
    defaults: dict[str, Any] = {"name": "The Hall", "active_visitors_max": None}
    await rooms.insert_room(stores.postgres, room_id, RoomSettings(**(defaults | settings)), SEED)
    if loaded:
        assert await rebuild_room(stores, room_id)
    return room_id


async def whole(stores: Stores, room_id: RoomId = ROOM) -> None:
    """Wait until the room is completely loaded: it answers earlier, but refuses claims and calls nobody."""
    await wait_until(partial(is_loaded, stores, room_id), "the restore to end")


async def stock(redis: Client, free: int, held: int = 0, sold: int = 0) -> None:
    """Publish the stock, as totals, as the reservation half does."""
    numbers = {"free": free, "held": held, "sold": sold, "total": free + held + sold}
    await redis.hset(KEYS.stock, mapping=numbers)


def join_record(
    visitor_id: str, known: PlaceClaims | None = None, address: str = "", draw: int | str = 7
) -> JoinRecord:
    """One record of `join`."""
    return JoinRecord(visitor_id, address, draw, *_token_fields(known))


def ask_record(visitor_id: str, known: PlaceClaims | None = None, draw: int = 7) -> AskRecord:
    """One record of `place` and `claim`."""
    return AskRecord(visitor_id, draw, *_token_fields(known))


def token(visitor_id: str, number: int | None, epoch: int = 1, room_id: RoomId = ROOM) -> PlaceClaims:
    """The claims of a place token."""
    return PlaceClaims(room_id=room_id, visitor_id=VisitorId(visitor_id), queue_number=number, epoch=epoch)


def _token_fields(known: PlaceClaims | None) -> tuple[int, int, int]:
    return (NO_TOKEN, 0, 0) if known is None else (known.queue_number or 0, known.epoch, known.quantity)
