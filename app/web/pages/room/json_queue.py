"""The queue page for apps: the same address, polled as JSON until it redirects.

Such apps set an Accept header, follow redirects and keep cookies. As with the waiting room they were written
for, a request joins the queue, and claims the turn of a visitor who is called.
"""

from __future__ import annotations

from quart import Response

from app.core.errors import (
    MembersOnly,
    RoomClosed,
    RoomNotOpen,
    RoomSoldOut,
    StoreUnavailable,
)
from app.core.model import Place, Room, RoomId, RoomStatus
from app.core.tokens.place_tokens import new_visitor_id
from app.gate import sessions
from app.gate.sessions import GateVisitor
from app.waiting_room import queue
from app.waiting_room.joining import Joiner
from app.web.api.room.rooms import booking_token
from app.web.documents.json_queue import json_queue
from app.web.documents.waiting_room import place_claims, place_document
from app.web.gate.addresses import allowed
from app.web.http.cache_control import NO_STORE
from app.web.http.cookies import booking_cookie
from app.web.http.credentials import network_of
from app.web.http.origins import is_part_of_foreign_page
from app.web.http.quart_adapter import quart_response
from app.web.http.routes import Request, json_response
from app.web.pages.room.forms import ASKED
from app.web.pages.room.handover import way_on
from app.web.pages.room.queue_document import goal_of
from app.web.pages.visitors import add_cookie, requested_return, set_place, visitor_of


async def queue_in_json(request: Request) -> Response:
    """Return the state of the app's visitor; on their turn, redirect to where they wanted to go."""
    room_id = RoomId(request.params["room_id"])
    rendered = await request.app.status_board.current(room_id)
    if rendered.document.stale is True:
        raise StoreUnavailable("The queue cannot be read right now.", 5)
    current = None if is_part_of_foreign_page(request) else await _place(request, rendered.room)
    place, status = current or (None, rendered.status)
    room = await request.app.queues.loaded_rooms.at_version(room_id, status)
    if place is not None and place.state == "active":
        response = await _inside(request, room, place, status)
    else:
        response = _answer(room, status, place)
    if place is not None:
        set_place(response, request, place, status)
    return response


async def _place(request: Request, room: Room) -> tuple[Place, RoomStatus] | None:
    """Find or create this visitor's place, with a session if it is their turn or there is no queue.

    None: nobody can join now.
    """
    room_id, queues = room.room_id, request.app.queues
    claims, network = visitor_of(request, room_id), network_of(request, room_id)
    visitor_id = claims.visitor_id if claims else new_visitor_id(network)
    if not goal_of(room).startswith("/"):  # same as at the shop's gate
        entering = GateVisitor(visitor_id, network, anew=room.settings.gate_mode != "queue_all")
        place = await sessions.enter(request.app.gate, room_id, entering)
        if place is not None:
            return place, (await queue.status(queues, room_id))[1]
    try:
        place, status = await queue.join(queues, room_id, Joiner(visitor_id, claims, network, slower=True))
    except (RoomNotOpen, RoomClosed, RoomSoldOut, MembersOnly, *ASKED):
        return None
    if place.state == "called":
        return await queue.claim(queues, room_id, place_claims(place, status, room_id))
    return place, status


async def _inside(request: Request, room: Room, place: Place, status: RoomStatus) -> Response:
    """Redirect to the shop with a hand-over ticket, or return the booking token of a sale of ours."""
    return_to = allowed(requested_return(request), room.settings)
    if not goal_of(room, return_to).startswith("/"):
        return await way_on(request, room, place, return_to)
    response = _answer(room, status, place)
    token, exp = booking_token(request.app, room.room_id, place, status)
    add_cookie(response, booking_cookie(request, room.room_id, token, exp))
    return response


def _answer(room: Room, status: RoomStatus, place: Place | None) -> Response:
    rate = room.settings.admission_rate_per_minute
    document = place_document(room.room_id, place, status, rate, "") if place else None
    return quart_response(json_response(200, json_queue(room, status, place, document), [NO_STORE]))
