"""Moves a place to another browser by a code, permanently: it also holds if Redis is lost while the old place
token is still valid."""

from __future__ import annotations

from app.core.errors import Restoring
from app.core.model import VisitorId
from app.core.tokens.handover import CarryCode
from app.core.waiting_room.newcomers import before_weighed
from app.store.away import stores_answer
from app.store.keys import RoomKeys
from app.store.scripts import carrying
from app.store.scripts.carrying import CarryResult
from app.store.scripts.restoring import EndingRecord
from app.store.sql.waiting_room.carried_places import insert_carried
from app.store.sql.waiting_room.ended_places import insert_ended
from app.store.sql.waiting_room.identities import follow
from app.store.sql.waiting_room.rooms import hold_epoch
from app.waiting_room.queue import Queues, draw_for


async def carry(queues: Queues, code: CarryCode, to_id: VisitorId, *, replace: bool) -> str:
    """Move the place that a code names to another visitor.

    Returns `carried`, `used` (the code was used before), `absent` (there is no such place), `inside` (one of
    the two is inside or has tickets), `removed`, or `has_place` (`to_id` has a place, and `replace` is
    false). Raises RoomNotFound, Restoring, StoreUnavailable. After either of the latter the place may have
    been moved; repeating the call shows which.
    """
    room_id, from_id, keys = code.room_id, code.visitor_id, RoomKeys(code.room_id)
    with stores_answer():
        room = await queues.loaded_rooms.read(room_id)
        draw = draw_for(room, to_id)
        redis, ids = queues.stores.redis, (code.code_id, from_id, to_id)
        carried = await queues.loaded_rooms.when_loaded(
            room_id, lambda: carrying.carry(redis, keys, *ids, draw=draw, replace=replace)
        )
        if carried.word in ("carried", "again"):
            await _keep(queues, code, to_id, carried, room.epoch)
            return "carried"
    if carried.word == "restoring":
        raise Restoring
    return carried.word


async def _keep(queues: Queues, code: CarryCode, to_id: VisitorId, carried: CarryResult, epoch: int) -> None:
    """Store the move. Raises Restoring if a later epoch has begun, in which the place may already have
    returned to its former owner."""
    from_id, to_visitor = before_weighed(code.visitor_id), before_weighed(to_id)
    if not carried.number:  # in a lottery before the draw: joining again would give the same place
        await follow(queues.stores.postgres, code.room_id, from_id, to_visitor)
        return
    ended = [EndingRecord(code.visitor_id, "left", carried.number)]
    if carried.given_up:
        ended.append(EndingRecord(to_id, "left", carried.given_up))
    async with queues.stores.postgres.acquire() as connection, connection.transaction():
        if not await hold_epoch(connection, code.room_id, epoch):
            raise Restoring
        await insert_ended(connection, code.room_id, ended)
        await follow(connection, code.room_id, from_id, to_visitor)
        await insert_carried(connection, code.room_id, code.visitor_id, to_id, carried.number)
