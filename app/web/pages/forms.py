"""The pages' forms: join, want, enter, leave, reserve, pay, extend, cancel. Each calls what the API calls.

A form that worked answers 303, so that a refresh repeats nothing. A refusal the page has words for shows the
page again; any other ends as an error page (`page_entry.py`, which has also checked whose form it is).
"""

from __future__ import annotations

import re
import secrets
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import parse_qsl, urlencode

from quart import Response

from app.catalogue import events
from app.core import typed
from app.core.errors import (
    Conflict,
    CredentialMissing,
    HoldExpired,
    IdempotencyKeyReused,
    LimitExceeded,
    NotOnSale,
    NotWaiting,
    Over,
    PaymentDeclined,
    PlaceNotFound,
    PriceChanged,
    Refusal,
    RemovedByStaff,
    RoomClosed,
    RoomNotOpen,
    RoomSoldOut,
    SeatTaken,
    SessionEnded,
    SoldOut,
    ValidationFailed,
)
from app.core.formats import SEAT_ID
from app.core.model import BestAvailable, EventId, Item, NamedSeats, Reservation, RoomId, TicketTypeId, Wanted
from app.core.seating import type_of
from app.reservations import operations, paid_elsewhere
from app.reservations.operations import Payment
from app.waiting_room import queue
from app.waiting_room.queue import Joining
from app.web.api.rooms import booking_token
from app.web.http.cookies import booking_cookie
from app.web.http.credentials import network_of
from app.web.http.quart_adapter import read_body
from app.web.http.routes import BODY_MAX, Request
from app.web.pages.booking import PAYMENT_ASKED, Choice, event_page, owned, reservation_page
from app.web.pages.queue_document import goal_of, return_query
from app.web.pages.visitors import (
    COOKIES_QUERY,
    add_cookie,
    asked_cookies,
    asked_return,
    session_of,
    set_newcomer,
    set_place,
    visitor_of,
)

QUANTITY = "quantity."  # + ticket_type_id: the name of a field
PRICE = "price."  # + ticket_type_id: what the page said one costs
SEAT = "seat"  # the name of a box of the list of seats
_SEAT = re.compile(SEAT_ID)
COUNT_MAX = 999_999_999
QUANTITY_MAX = 100
KEY_LENGTH_MAX = 128
FIELDS_MAX = 400
RESERVE_PROBLEMS: tuple[type[Refusal], ...] = (
    SoldOut,
    NotOnSale,
    PriceChanged,
    LimitExceeded,
    SessionEnded,
    IdempotencyKeyReused,
)


async def join(request: Request) -> Response:
    """Take a place, or find the one there is."""
    room_id = RoomId(request.params["room_id"])
    back, known = _to_room(request), visitor_of(request, room_id)
    if known is None:
        return ask_for_cookie(request)
    joining = Joining(known.visitor_id, known, network_of(request, room_id))
    try:
        place, status = await queue.join(request.app.queues, room_id, joining)
    except (RoomNotOpen, RoomClosed, RoomSoldOut, RemovedByStaff):
        return back  # the page shows it
    set_place(back, request, place, status)
    return back


def ask_for_cookie(request: Request) -> Response:
    """Set a cookie and have the form sent again with it. Who keeps none would be somebody else each time."""
    query = {"return_to": asked_return(request)} if asked_return(request) else {}
    if asked_cookies(request) == "asked":
        return redirect_to(
            f"/rooms/{request.params['room_id']}?{urlencode(query | {COOKIES_QUERY: 'needed'})}"
        )
    response = redirect_to(f"{request.path}?{urlencode(query | {COOKIES_QUERY: 'asked'})}")
    response.status_code = 307
    set_newcomer(response, request)
    return response


async def want(request: Request) -> Response:
    """Say how many tickets they want at once."""
    room_id = RoomId(request.params["room_id"])
    back = _to_room(request)
    claims = visitor_of(request, room_id)
    quantity = _count((await read_form()).get("quantity", "").strip())
    if claims is None or not 1 <= quantity <= QUANTITY_MAX:
        return back
    try:
        place, status = await queue.want(request.app.queues, room_id, claims, quantity)
    except (Over, PlaceNotFound, NotWaiting, LimitExceeded):
        return back  # the page shows it what they stand for
    set_place(back, request, place, status)
    return back


async def enter(request: Request) -> Response:
    """Claim the turn and go on; to another site by a link, because our forms lead to ourselves only."""
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
    goal = goal_of(await request.app.queues.loaded_rooms.at_version(room_id, status), asked_return(request))
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
    return _to_room(request)


async def reserve(request: Request) -> Response:
    """Take tickets."""
    fields = await read_fields()
    form, event_id = dict(fields), EventId(request.params["event_id"])
    chosen = Choice(_counts(form), [value for name, value in fields if name == SEAT and _SEAT.match(value)])
    found, ticket_types = await events.event(request.app.stores, event_id)
    wanted = _wanted(chosen, [it.ticket_type_id for it in ticket_types if it.seated])
    if isinstance(wanted, str):
        return await event_page(request, wanted, chosen, 422)
    claims = await session_of(request, found.room_id)
    if claims is None:
        return await event_page(request, "session_ended", chosen, CredentialMissing.status)
    try:
        reserved = await operations.reserve(
            request.app.engine,
            claims,
            event_id,
            wanted,
            idempotency_key=_key(form),
            expected=_shown_amount(form, chosen),
            network=network_of(request, claims.room_id),
        )
    except SeatTaken as refusal:
        taken = refusal.members.get("seat_ids", [])
        return await event_page(request, refusal.code, chosen, refusal.status, taken)
    except RESERVE_PROBLEMS as refusal:
        return await event_page(request, refusal.code, chosen, refusal.status)
    except ValidationFailed as refusal:
        return await event_page(request, "refused", chosen, refusal.status)
    return redirect_to(f"/reservations/{reserved.reservation_id}")


def _shown_amount(form: Mapping[str, str], chosen: Choice) -> int | None:
    """What the choice came to on the page they looked at; None: it does not say."""
    counts = chosen.counts if not chosen.seat_ids else Counter(type_of(it) for it in chosen.seat_ids)
    wanted = [(count, form.get(PRICE + name, "")) for name, count in counts.items() if count]
    if any(_count(price) < 0 or not price for _, price in wanted):
        return None
    return sum(count * _count(price) for count, price in wanted)


def _wanted(chosen: Choice, seated: list[TicketTypeId]) -> Wanted | str:
    """Counted tickets, these seats, or the best seats of one section; else the problem with the choice."""
    items = [
        Item(ticket_type_id=TicketTypeId(name), quantity=count)
        for name, count in chosen.counts.items()
        if count
    ]
    if chosen.seat_ids:
        return "one_kind" if items else NamedSeats(seat_ids=list(chosen.seat_ids))
    if not items:
        return "nothing_chosen"
    if not any(it.ticket_type_id in seated for it in items):
        return items
    if len(items) > 1:
        return "one_section"
    return BestAvailable(ticket_type_id=items[0].ticket_type_id, quantity=items[0].quantity)


async def pay(request: Request) -> Response:
    """Pay for a hold."""
    form = await read_form()
    it = await _counted(request)
    token = form.get("token", "")
    payment = Payment("card", token)
    try:
        if it.amount:
            answer = await operations.confirm(request.app.engine, it.reservation_id, payment, _key(form))
            became = answer.reservation
        else:
            became = await paid_elsewhere.confirm_free(request.app.engine, it.reservation_id)
        query = f"?{PAYMENT_ASKED.decode()}" if became.status == "paying" else ""
    except PaymentDeclined as refusal:
        return await reservation_page(request, it, refusal.code, token, refusal.status)
    except ValidationFailed as refusal:
        return await reservation_page(request, it, "refused", status=refusal.status)
    except (HoldExpired, Conflict):
        query = ""  # the page shows it what became of it
    return redirect_to(f"/reservations/{it.reservation_id}{query}")


async def cancel(request: Request) -> Response:
    """Give the tickets back."""
    it = await _counted(request)
    with suppress(Conflict):
        await operations.cancel(request.app.engine, it.reservation_id)
    return redirect_to(f"/reservations/{it.reservation_id}")


async def extend(request: Request) -> Response:
    """Put off the end of the hold."""
    it = await _counted(request)
    with suppress(Conflict, HoldExpired):  # the page shows it what became of it
        await operations.extend(request.app.engine, it.reservation_id)
    return redirect_to(f"/reservations/{it.reservation_id}")


async def _counted(request: Request) -> Reservation:
    """The visitor's reservation, which they are about to do something with. Raises RateLimited."""
    it = await owned(request)
    await operations.count_change(request.app.engine, it, network_of(request, it.room_id))
    return it


async def read_form() -> dict[str, str]:
    """The fields of the form that was sent; of two with one name the last."""
    return dict(await read_fields())


async def read_fields() -> list[tuple[str, str]]:
    """The fields of the form that was sent, as they came."""
    text = (await read_body(BODY_MAX)).decode("utf-8", "replace")
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=FIELDS_MAX)
    except ValueError:
        raise ValidationFailed("form", f"has more than {FIELDS_MAX} fields") from None


def _counts(form: dict[str, str]) -> dict[str, int]:
    """How many of each type; what is not a sane number counts as refused later: -1."""
    return {
        name.removeprefix(QUANTITY): _count(value.strip())
        for name, value in form.items()
        if name.startswith(QUANTITY)
    }


def _count(text: str) -> int:
    if not text:
        return 0
    number = typed.whole_number(text)
    return -1 if number is None or number > COUNT_MAX else number


def _key(form: dict[str, str]) -> str:
    """The attempt's key from the page; without one every sending is an attempt of its own."""
    key = form.get("idempotency_key", "")
    sane = 0 < len(key) <= KEY_LENGTH_MAX and key.isascii() and key.isprintable()
    return key if sane else secrets.token_urlsafe(16)


def _to_room(request: Request) -> Response:
    return redirect_to(f"/rooms/{request.params['room_id']}{return_query(asked_return(request))}")


def redirect_to(path: str) -> Response:
    """Go on to another page."""
    response = Response(status=303)
    response.headers["Location"] = path
    response.headers["Cache-Control"] = "no-store"
    return response
