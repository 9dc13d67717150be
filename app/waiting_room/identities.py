"""Identities of newcomers, in rooms that require one: each mailbox has one place, in the browser that
showed it last.

The place moves to another browser unless its visitor is inside or has tickets, and only if that browser
itself presented the code of our e-mail or a passkey: pressing the button in an e-mail that somebody else
requested loses nobody their place.
"""

from __future__ import annotations

import time

from app.core.errors import MemberElsewhere, RoomNotFound
from app.core.model import Room, VisitorId
from app.core.tokens.handover import CARRY_TTL_S, CarryCode, new_ticket_id
from app.core.waiting_room.newcomers import before_weighed, carried_to, spellings
from app.store.away import stores_answer
from app.store.sql.waiting_room import identities, members
from app.store.sql.waiting_room.identities import ShownIdentity
from app.waiting_room.carrying import carry
from app.waiting_room.newcomers import identified
from app.waiting_room.queue import Queues

INSIDE = "This address is inside or has tickets, with another browser."


async def enter(
    queues: Queues, room: Room, identity: ShownIdentity, visitor_id: VisitorId, *, moves: bool = True
) -> None:
    """Bind a mailbox to this visitor. Its place in another browser moves along if `moves` is set.

    A suspect's place stays a suspect's; they find it when they join.
    Raises MemberElsewhere, RoomNotFound, Restoring, StoreUnavailable.
    """
    new_id = before_weighed(visitor_id)
    with stores_answer():
        bound = await identities.enter(queues.stores.postgres, room.room_id, identity, new_id)
    if bound is None:
        raise RoomNotFound
    if bound == new_id:
        return
    if not moves:
        raise MemberElsewhere("This address has a place in another browser.")
    await _move(queues, room, identity, bound, new_id)


async def is_identified(queues: Queues, room: Room, visitor_id: VisitorId) -> bool:
    """Whether a visitor has shown the identity that this room requires. Raises StoreUnavailable."""
    with stores_answer():
        return bool(await identified(queues.stores, room, [before_weighed(visitor_id)]))


async def _move(
    queues: Queues, room: Room, identity: ShownIdentity, bound: VisitorId, new_id: VisitorId
) -> None:
    postgres = queues.stores.postgres
    with stores_answer():
        if not await members.may_move(postgres, room.room_id, spellings(bound, room.settings)):
            raise MemberElsewhere(INSIDE)
        carried = await _carried(queues, room, bound, new_id)
        if not await identities.move(postgres, room.room_id, identity, bound, new_id):
            if (
                await identities.enter(postgres, room.room_id, identity, new_id) != new_id
            ):  # a third browser was faster
                raise MemberElsewhere("This address has a place in another browser.")
    if not carried:  # the other browser may have joined just before the mailbox moved
        await _carried(queues, room, bound, new_id)


async def _carried(queues: Queues, room: Room, bound: VisitorId, new_id: VisitorId) -> bool:
    """Move the place of `bound` to `new_id`. Returns False if there is none."""
    for spelling in spellings(bound, room.settings):
        code = CarryCode(new_ticket_id(), room.room_id, spelling, int(time.time()) + CARRY_TTL_S)
        word = await carry(queues, code, carried_to(spelling, new_id), replace=True)
        if word == "carried":
            return True
        if word != "absent":
            raise MemberElsewhere(INSIDE)
    return False
