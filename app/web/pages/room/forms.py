"""The forms of the queue page: join, want, enter, leave. They call the same functions as the API.

A successful form answers 303, so that reloading repeats nothing. A refusal that the page can explain shows
the page again; any other becomes an error page (`entry.py`, which has also checked the form's origin).
"""

from __future__ import annotations

from urllib.parse import urlencode

from quart import Response

from app.core.errors import (
    CaptchaNeeded,
    IdentityNeeded,
    LimitExceeded,
    MembersOnly,
    NotWaiting,
    Over,
    PlaceNotFound,
    ProofOfWorkNeeded,
    RemovedByStaff,
    RoomClosed,
    RoomNotOpen,
    RoomSoldOut,
)
from app.core.model import RoomId
from app.waiting_room import queue
from app.waiting_room.joining import Joiner
from app.web.api.room.rooms import booking_token
from app.web.http.cookies import booking_cookie, left_cookies
from app.web.http.credentials import network_of
from app.web.http.routes import Request
from app.web.pages.form_fields import count_of, read_form, redirect_to
from app.web.pages.room.queue_document import goal_of, return_query
from app.web.pages.visitors import (
    COOKIES_QUERY,
    add_cookie,
    requested_cookies,
    requested_return,
    set_newcomer,
    set_place,
    visitor_of,
)

QUANTITY_MAX = 100
ASKED = (ProofOfWorkNeeded, CaptchaNeeded, IdentityNeeded)  # required of newcomers; the page shows which one


async def join(request: Request) -> Response:
    """Join, or find the existing place."""
    room_id = RoomId(request.params["room_id"])
    back, claims = _to_room(request), visitor_of(request, room_id)
    if claims is None:
        return ask_for_cookie(request)
    returns = (await read_form()).get("returns") == "1"
    joining = Joiner(claims.visitor_id, claims, network_of(request, room_id), returns=returns, slower=True)
    try:
        place, status = await queue.join(request.app.queues, room_id, joining)
    except (RoomNotOpen, RoomClosed, RoomSoldOut, RemovedByStaff, *ASKED):
        return back  # the page shows why
    except MembersOnly:
        return redirect_to(f"/rooms/{room_id}/member")
    set_place(back, request, place, status)
    return back


def ask_for_cookie(request: Request) -> Response:
    """Set a cookie and have the form sent again with it. Without cookies, every request would be a new
    visitor."""
    query = {"return_to": requested_return(request)} if requested_return(request) else {}
    if requested_cookies(request) == "asked":
        return redirect_to(
            f"/rooms/{request.params['room_id']}?{urlencode(query | {COOKIES_QUERY: 'needed'})}"
        )
    response = redirect_to(f"{request.path}?{urlencode(query | {COOKIES_QUERY: 'asked'})}")
    response.status_code = 307
    set_newcomer(response, request)
    return response


async def want(request: Request) -> Response:
    """Set how many tickets the visitor wants at once."""
    room_id = RoomId(request.params["room_id"])
    back = _to_room(request)
    claims = visitor_of(request, room_id)
    quantity = count_of((await read_form()).get("quantity", "").strip())
    if claims is None or not 1 <= quantity <= QUANTITY_MAX:
        return back
    try:
        place, status = await queue.set_quantity(request.app.queues, room_id, claims, quantity)
    except (Over, PlaceNotFound, NotWaiting, LimitExceeded):
        return back  # the page shows their current state
    set_place(back, request, place, status)
    return back


async def enter(request: Request) -> Response:
    """Claim the turn and continue. Another site is linked, because our CSP limits forms to our own pages."""
    room_id = RoomId(request.params["room_id"])
    back = _to_room(request)
    claims = visitor_of(request, room_id)
    if claims is None:
        return back
    try:
        place, status = await queue.claim(request.app.queues, room_id, claims)
    except (Over, PlaceNotFound):
        return back
    if place.state != "active":
        return back
    goal = goal_of(
        await request.app.queues.loaded_rooms.at_version(room_id, status), requested_return(request)
    )
    response = redirect_to(goal) if goal.startswith("/") else back
    token, exp = booking_token(request.app, room_id, place, status)
    add_cookie(response, booking_cookie(request, room_id, token, exp))
    return response


async def leave(request: Request) -> Response:
    """Leave the queue, or end the session."""
    room_id = RoomId(request.params["room_id"])
    claims = visitor_of(request, room_id)
    if claims is not None:
        await queue.leave(request.app.queues, room_id, claims)
    response = _to_room(request)
    for header in left_cookies(request, room_id, claims.visitor_id) if claims else ():
        add_cookie(response, header)
    return response


def _to_room(request: Request) -> Response:
    return redirect_to(f"/rooms/{request.params['room_id']}{return_query(requested_return(request))}")
