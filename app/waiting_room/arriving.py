"""Joins a room in parts: each visitor gets a number from their part, without a call to the room itself.

Visitors who may already have a place are looked up in the room first: those whose token says so, and those
who joined their part before. So each visitor has one place, either in the room or on the way to it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from math import ceil
from typing import NamedTuple

from msgspec.structs import replace

from app.core.errors import Restoring, StoreUnavailable
from app.core.model import Place, Room, RoomStatus
from app.core.tokens.claims import PlaceClaims
from app.core.visitor_ids import VISITOR_ID_CHARS
from app.core.waiting_room.parts import part_id, part_of
from app.store.keys import RoomKeys
from app.store.scripts import parts as scripts
from app.store.scripts.parts import Arrival, ArrivalRecord, ArrivalReply, PartLost
from app.store.scripts.room import NotLoaded
from app.waiting_room.gathering import next_round
from app.waiting_room.joining import Joiner
from app.waiting_room.queue_numbers import reserve_numbers
from app.waiting_room.refusals import JOIN_REFUSALS
from app.waiting_room.room_script import Elsewhere, Outcome, RoomAccess, Throttle

TURNS_MAX = 10  # passes over room and parts before a join fails
OLDER = 0  # stands for any epoch before the one the part was opened in
NOT_JOINED = {"scheduled": "not_open", "closed": "closed", "sold_out": "sold_out"}

AskRoom = Callable[[Sequence[Joiner]], Awaitable[Sequence[Outcome]]]


class Rooms(NamedTuple):
    """Where a batch joins: the room as read a moment ago, and the call that looks visitors up in it.

    `ask_room` returns `Elsewhere` for each visitor who has no place in the room.
    """

    access: RoomAccess
    room: Room
    status: RoomStatus
    throttle: Throttle
    ask_room: AskRoom


@dataclass(slots=True)
class Visitor:
    """One visitor of a batch, while their join is decided.

    `over`: a number up to this one is no longer valid. `not_in_room`: the room has no place for them.
    `new`: their part has just given them a number.
    """

    joining: Joiner
    over: int = 0
    not_in_room: bool = False
    new: bool = False
    outcome: Outcome | None = None


async def arrive(rooms: Rooms, batch: Sequence[Joiner]) -> list[Outcome]:
    """Join a batch. Returns the outcome of each join, in order."""
    visitors = [Visitor(it) for it in batch]
    await rooms.access.busy_marks.note(rooms.room.room_id)
    to_room = [it for it in visitors if _may_have_place(it.joining)]
    to_parts = [it for it in visitors if not _may_have_place(it.joining) and not _refused(it, rooms.status)]
    for _ in range(TURNS_MAX):
        to_parts += await _look_up_in_room(rooms, to_room)
        if not to_parts:
            break
        to_room, to_parts = await _number_in_parts(rooms, to_parts)
    return [it.outcome or StoreUnavailable() for it in visitors]


def _may_have_place(joining: Joiner) -> bool:
    """Whether to ask the room first: accounts join without a token, and only the room can check how many
    tickets a visitor may want."""
    number = joining.claims.queue_number if joining.claims else None
    return bool(number) or joining.quantity > 1 or len(joining.visitor_id) != VISITOR_ID_CHARS


def _refused(visitor: Visitor, status: RoomStatus) -> bool:
    word = NOT_JOINED.get(status.state)
    if word is None or (word == "sold_out" and visitor.joining.returns):
        return False
    visitor.outcome = JOIN_REFUSALS[word]()
    return True


async def _look_up_in_room(rooms: Rooms, visitors: Sequence[Visitor]) -> list[Visitor]:
    """Look visitors up in the room. Returns those who have no place there."""
    if not visitors:
        return []
    placeless: list[Visitor] = []
    outcomes = await rooms.ask_room([it.joining for it in visitors])
    for visitor, outcome in zip(visitors, outcomes, strict=True):
        claims = visitor.joining.claims
        if isinstance(outcome, Elsewhere):
            visitor.not_in_room = True
            visitor.over = max(visitor.over, (claims and claims.queue_number) or 0)
            visitor.joining = replace(visitor.joining, network="")  # the throttle has counted them
            placeless.append(visitor)
        elif isinstance(outcome, Exception) or not visitor.new:
            visitor.outcome = outcome
        else:
            visitor.outcome = replace(outcome[0], new=True), outcome[1]
    return placeless


async def _number_in_parts(rooms: Rooms, visitors: Sequence[Visitor]) -> tuple[list[Visitor], list[Visitor]]:
    """Let the parts number visitors.

    Returns those to look up in the room, and those whose part to ask again.
    """
    by_part: dict[int, list[Visitor]] = defaultdict(list)
    for visitor in visitors:
        by_part[part_of(visitor.joining.visitor_id, rooms.room.settings.parts)].append(visitor)
    replies = await asyncio.gather(*(_number_in_part(rooms, part, some) for part, some in by_part.items()))
    to_room: list[Visitor] = []
    again: list[Visitor] = []
    for some, arrived in zip(by_part.values(), replies, strict=True):
        for visitor, arrival in zip(some, arrived.arrivals if arrived else (), strict=arrived is not None):
            assert arrived is not None
            if arrival.word == "exhausted":
                visitor.joining = replace(visitor.joining, network="")
                again.append(visitor)
            elif _apply_arrival(rooms, visitor, arrival, arrived.epoch):
                to_room.append(visitor)
    return to_room, again


async def _number_in_part(rooms: Rooms, part: int, visitors: Sequence[Visitor]) -> ArrivalReply | None:
    """Let one part number its visitors.

    None if the part is not open: a worker opens it or restores the room.
    """
    access, parts, limit = rooms.access, rooms.room.settings.parts, rooms.throttle
    keys = RoomKeys(part_id(rooms.room.room_id, part))
    records = [
        ArrivalRecord(it.joining.visitor_id, it.joining.network, it.over, int(it.not_in_room))
        for it in visitors
    ]
    limits = {"rate": ceil(limit.rate / parts), "burst": ceil(limit.burst / parts)}
    try:
        arrived = await scripts.arrive(access.stores.redis, keys, records, parts=parts, **limits)
        if missing := sum(it.word == "exhausted" for it in arrived.arrivals):
            await _supply(rooms, part, arrived.round, missing)
    except (NotLoaded, PartLost):
        for visitor in visitors:
            visitor.outcome = Restoring()
        return None
    return arrived


async def _supply(rooms: Rooms, part: int, after: int, missing: int) -> None:
    """Start the next round for a part that has used up round `after`.

    Callers retry whether it worked or not.
    """
    stores, room_id = rooms.access.stores, rooms.room.room_id
    loaded = rooms.access.loaded_rooms.when_loaded
    if not await loaded(room_id, lambda: next_round(stores.redis, room_id, part, after, missing)):
        await loaded(room_id, lambda: reserve_numbers(stores, room_id))
        await loaded(room_id, lambda: next_round(stores.redis, room_id, part, after, missing))


def _apply_arrival(rooms: Rooms, visitor: Visitor, arrival: Arrival, epoch: int) -> bool:
    """Apply the reply of a part. Returns whether the visitor must be looked up in the room next."""
    joining, number = visitor.joining, arrival.number
    if arrival.word == "limited":
        visitor.outcome = rooms.throttle.refusal(number)
        return False
    if arrival.word == "forgotten":
        visitor.joining = replace(joining, network="")
        return True
    visitor.new = arrival.word == "new"
    if visitor.new and joining.quantity <= 1:
        status = rooms.status if rooms.status.epoch == epoch else replace(rooms.status, epoch=epoch)
        visitor.outcome = _new_place(joining, number, status), status
        return False
    claims = PlaceClaims(
        room_id=rooms.room.room_id,
        visitor_id=joining.visitor_id,
        queue_number=number,
        epoch=OLDER if arrival.word == "before" else epoch,
    )
    visitor.joining = replace(joining, claims=claims, network="")
    return True


def _new_place(joining: Joiner, number: int, status: RoomStatus) -> Place:
    """A new place, behind everybody who is in the room."""
    waits = status.state != "prequeue"
    return Place(
        visitor_id=joining.visitor_id,
        state="waiting" if waits else "prequeue",
        queue_number=number if waits else None,
        ahead=status.waiting if waits else None,
        claim_by_ms=0,
        session_expires_at_ms=0,
        new=True,
        token_number=number,
        about=True,
    )
