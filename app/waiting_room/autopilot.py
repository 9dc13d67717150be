"""Runs the autopilot: stores what shops report, adjusts rates as `core/waiting_room/autopilot.py` decides."""

from __future__ import annotations

from contextlib import suppress
from typing import NamedTuple

import structlog

from app import loops, metrics
from app.core.clock import now_ms
from app.core.errors import RoomNotFound
from app.core.model import Room, RoomId, RoomStatus
from app.core.waiting_room import autopilot
from app.core.waiting_room.autopilot import FRESH_MS, Health, Now
from app.store.away import stores_answer
from app.store.keys import RoomKeys
from app.store.redis import origin
from app.store.redis.origin import Origin, ServerReport
from app.store.scripts import room as room_scripts
from app.store.sql.waiting_room.autopilot_rooms import select_steered
from app.waiting_room import control
from app.waiting_room.queue import Queues

log = structlog.get_logger(__name__)

ROOMS_MAX = 500


class SteeredRoom(NamedTuple):
    """The current state of a room that has an autopilot."""

    room_id: RoomId
    status: RoomStatus
    origin: Origin


async def report_origin(
    queues: Queues, room_id: RoomId, report: ServerReport, *, server: str = "", reported_ms: int = 0
) -> bool:
    """Store a health report of one of the shop's servers. Returns False if it is outdated.

    `reported_ms` is the time of the report by the server's own clock, or 0. Reports may arrive late or twice:
    one that is older than half a minute, or than the last report of this server, is ignored.
    Raises RoomNotFound, StoreUnavailable.
    """
    with stores_answer():
        await queues.loaded_rooms.get(room_id)
        if reported_ms and reported_ms < now_ms() - FRESH_MS:
            return False
        redis, keys = queues.stores.redis, RoomKeys(room_id)
        return await origin.hear_origin(redis, keys, report, server=server, said_ms=reported_ms)


async def origin_of(queues: Queues, room_id: RoomId) -> Origin:
    """Read the stored health reports of a room's shop. Raises StoreUnavailable."""
    with stores_answer():
        [stored] = await origin.origins_of(queues.stores.redis, [RoomKeys(room_id)])
    return stored or origin.UNKNOWN


async def read_origin(queues: Queues, room_id: RoomId) -> tuple[Room, Origin, Health | None]:
    """Read a room, its shop's reports, and the shop's current health: None without a recent report.

    Raises RoomNotFound, StoreUnavailable.
    """
    with stores_answer():
        room = await queues.loaded_rooms.read(room_id)
    stored = await origin_of(queues, room_id)
    return room, stored, autopilot.health(list(stored.readings.values()), now_ms())


async def steer_rooms(queues: Queues) -> None:
    """Make the decisions that are due. Any number of workers may run this: only one decides for a room."""
    room_ids = list(await select_steered(queues.stores.postgres, ROOMS_MAX))
    if not room_ids:
        return
    redis, keys = queues.stores.redis, [RoomKeys(it) for it in room_ids]
    statuses, origins = await room_scripts.statuses(redis, keys), await origin.origins_of(redis, keys)
    due = [
        SteeredRoom(room_id, status, found)
        for room_id, status, found in zip(room_ids, statuses, origins, strict=True)
        if status is not None and found is not None and _is_due(status, found)
    ]

    async def steer(steered: SteeredRoom) -> None:
        with suppress(RoomNotFound):  # deleted a moment ago
            await _steer(queues, steered)

    await loops.each("steer_rooms", due, steer, key=lambda it: it.room_id)


def _is_due(status: RoomStatus, stored: Origin) -> bool:
    """Whether to decide now. While nobody is called, the rate stays as it is."""
    return status.state == "open" and autopilot.is_due(stored.course, status.now_ms)


async def _steer(queues: Queues, steered: SteeredRoom) -> None:
    room, status = await queues.loaded_rooms.at_version(steered.room_id, steered.status), steered.status
    on, rate = room.settings.autopilot, room.settings.admission_rate_per_minute
    if on is None or on.paused:
        return
    now = Now(
        at_ms=status.now_ms,
        rate=rate,
        waiting=status.waiting > 0,
        called=status.outflow_per_minute,
        open_ms=status.now_ms - status.opened_at_ms,
    )
    shop = autopilot.health(list(steered.origin.readings.values()), status.now_ms)
    course = autopilot.decide(on, steered.origin.course, now, shop)
    keys, last = RoomKeys(room.room_id), course.last
    assert last is not None
    if not await origin.steer(queues.stores.redis, keys, expected=steered.origin.course_text, course=course):
        return
    if last.direction != "hold" and await control.move_rate(
        queues, room.room_id, last.rate_to, version=room.version, why=last.why
    ):
        metrics.AUTOPILOT.labels(last.direction).inc()
        change = {"rate_from": last.rate_from, "rate_to": last.rate_to, "why": last.why}
        log.info("the autopilot changed the rate", room_id=room.room_id, **change)
