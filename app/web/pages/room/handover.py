"""The way from the queue page to a protected site: a hand-over ticket for a claimed turn."""

from __future__ import annotations

import time
from contextlib import suppress

from quart import Response

from app.core.errors import NotFound
from app.core.model import Place, Room, RoomId
from app.core.tokens.handover import TICKET_TTL_S, Ticket, new_ticket_id, with_ticket
from app.gate import sessions
from app.web.gate.addresses import allowed, host_of
from app.web.http.routes import Request
from app.web.pages.room import crowdhandler, knownuser
from app.web.pages.room.queue_document import goal_of, return_query
from app.web.pages.visitors import place_of, requested_return


async def go(request: Request) -> Response:
    """Return to where the gate stopped the visitor, with a hand-over ticket; others go to the queue page.

    This GET changes nothing: the ticket counts only once the gate accepts it.
    """
    room_id = RoomId(request.params["room_id"])
    room = await request.app.queues.loaded_rooms.get(room_id)
    return_to = allowed(requested_return(request), room.settings)
    current = await place_of(request, room_id)
    if current is None or current[0].state != "active":
        return _moved(f"/rooms/{room_id}{return_query(return_to)}")
    place, now = current
    room = await request.app.queues.loaded_rooms.at_version(room_id, now)
    return await way_on(request, room, place, return_to)


async def way_on(request: Request, room: Room, place: Place, return_to: str) -> Response:
    """Redirect a visitor who is inside to an address that the room allows."""
    if (answer := await knownuser.with_shops_token(request, room, return_to, place)) is not None:
        return answer
    if crowdhandler.came_from_the_sdk(return_to):
        return _moved(crowdhandler.way_back(request, room, place, return_to))
    goal = goal_of(room, return_to)
    if goal.startswith("/"):
        return _moved(goal)
    now_s = int(time.time())
    ticket = Ticket(
        ticket_id=new_ticket_id(),
        room_id=room.room_id,
        visitor_id=place.visitor_id,
        queue_number=place.queue_number or 0,
        began=await _began_s(request, room, place),
        host=host_of(goal),
        exp=now_s + TICKET_TTL_S,
    )
    return _moved(with_ticket(goal, request.app.handover.sign(ticket)))


async def _began_s(request: Request, room: Room, place: Place) -> int:
    """When the session was claimed. Looked up only if it has a limit and may have been renewed."""
    if room.settings.session_max_s:
        with suppress(NotFound):
            number = place.queue_number or 0
            return await sessions.began_s(request.app.gate, room.room_id, place.visitor_id, number)
    return min(int(time.time()), place.session_expires_at_ms // 1000 - room.settings.session_ttl_s)


def _moved(address: str) -> Response:
    response = Response(status=302)
    response.headers["Location"] = address
    response.headers["Cache-Control"] = "no-store"
    return response
