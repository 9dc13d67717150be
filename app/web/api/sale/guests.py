"""The guest list of a sale: staff give free tickets, list guests, and withdraw their tickets."""

from __future__ import annotations

import secrets
from typing import Annotated, Literal

from msgspec import Meta

from app.catalogue import events
from app.core.account import Account
from app.core.errors import (
    BacklogFull,
    BadHeader,
    Conflict,
    EventNotFound,
    HoldExpired,
    IdempotencyKeyReused,
    ReservationNotFound,
    Restoring,
    SoldOut,
    StoreUnavailable,
    ValidationFailed,
)
from app.core.formats import NAME, Email, Name, Slug
from app.core.model import EventId, ReservationId, Struct, TicketTypeId
from app.core.notifications.email import mailbox
from app.core.reservations.guests import TICKETS_MAX, Guest, NewGuest
from app.reservations import guests
from app.waiting_room import queue
from app.web.documents.sale import Page
from app.web.http.bodies import idempotency_key
from app.web.http.cache_control import NO_STORE
from app.web.http.idempotency import respond_once
from app.web.http.paging import PageQuery, page_response
from app.web.http.routes import Request, Response, empty, endpoint, json_response
from app.web.http.staff_access import ADMIN, OPERATOR, author

TAG = "Staff: events"
GUESTS = "/v1/events/{event_id}/guests"


class GuestsQuery(PageQuery, frozen=True):
    """Which guests: those with `q` in their name, e-mail or order."""

    q: Annotated[str, Meta(max_length=200, pattern=NAME)] = ""


class GuestBody(Struct, frozen=True):
    """A person to be given free tickets. Without `email` no e-mail is sent."""

    name: Name
    ticket_type_id: Slug
    email: Email | None = None
    quantity: Annotated[int, Meta(ge=1, le=TICKETS_MAX)] = 1


class WithdrawQuery(Struct, frozen=True):
    """What happens to the tickets: `back` on sale, or `out` of it."""

    stock: Literal["back", "out"] = "back"


@endpoint(
    "GET",
    GUESTS,
    tag=TAG,
    auth=OPERATOR,
    scope="reservations:read",
    query=GuestsQuery,
    answers={200: Page[Guest]},
    errors=(EventNotFound, StoreUnavailable),
)
async def list_guests(request: Request, account: Account, query: GuestsQuery) -> Response:
    """List the guests of a sale, the last added first, with the tickets of each.

    Tickets are `given`, still `valid`, and `checked_in`. `mail` is the state of the e-mail with them.
    """
    event, _ = await events.event(request.app.stores, EventId(request.params["event_id"]))
    listed, total, _ = await guests.list_guests(
        request.app.stores, event.event_id, query.q, query.per_page, query.offset
    )
    return page_response(request, query, listed, total)


@endpoint(
    "POST",
    GUESTS,
    tag=TAG,
    auth=ADMIN,
    scope="events:write",
    body=GuestBody,
    body_needed=True,
    answers={201: Guest},
    headers=("Idempotency-Key",),
    errors=(
        *(EventNotFound, SoldOut, Conflict, HoldExpired, IdempotencyKeyReused, BadHeader),
        *(StoreUnavailable, BacklogFull, Restoring),
    ),
)
async def add_guest(request: Request, account: Account, body: GuestBody) -> Response:
    """Give a guest free tickets: they count against the stock, are e-mailed, and admit at the door.

    Seats are the best free ones. Limits per visitor and sale windows do not apply to guests. With an
    `Idempotency-Key` a repeated call gives nothing twice.
    """

    async def create() -> Response:
        app, stores = request.app, request.app.stores
        event, types = await events.event(stores, EventId(request.params["event_id"]))
        if body.ticket_type_id not in [it.ticket_type_id for it in types]:
            raise ValidationFailed("ticket_type_id", "is not a ticket type of this event")
        await queue.status(app.queues, event.room_id)  # loads the room if Redis does not have it
        to = mailbox(body.email) if body.email else ""
        guest = NewGuest(body.name, to, TicketTypeId(body.ticket_type_id), body.quantity)
        key = f"{account.subject} {idempotency_key(request) or secrets.token_urlsafe(9)}"
        reservation = await guests.add(
            *(app.engine, app.traces, event, types, guest, key), by=author(request, account)
        )
        (it, *_), _, _ = await guests.list_guests(stores, event.event_id, reservation.reservation_id, 1, 0)
        location = (b"location", f"{request.path}/{it.reservation_id}".encode())
        return json_response(201, it, [location, NO_STORE])

    return await respond_once(request, account, body, create)


@endpoint(
    "DELETE",
    f"{GUESTS}/{{reservation_id}}",
    tag=TAG,
    auth=ADMIN,
    scope="events:write",
    query=WithdrawQuery,
    answers={204: None},
    errors=(EventNotFound, ReservationNotFound, Conflict, StoreUnavailable),
)
async def withdraw_guest(request: Request, account: Account, query: WithdrawQuery) -> Response:
    """Void a guest's tickets. 204, also when repeated."""
    event, _ = await events.event(request.app.stores, EventId(request.params["event_id"]))
    of = event.event_id, ReservationId(request.params["reservation_id"])
    by = author(request, account)
    await guests.withdraw(request.app.engine, *of, query.stock == "back", by=by)
    return empty()
