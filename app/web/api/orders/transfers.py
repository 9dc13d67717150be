"""Giving tickets away: their buyer offers and withdraws, whoever has the link accepts."""

from __future__ import annotations

import time
from datetime import datetime
from typing import Annotated

from msgspec import Meta

from app.core.clock import in_zone
from app.core.errors import (
    BacklogFull,
    Conflict,
    CredentialInvalid,
    NotFound,
    RateLimited,
    ReservationNotFound,
    StoreUnavailable,
    ValidationFailed,
)
from app.core.formats import LOCALE, OPAQUE, Email
from app.core.model import Reservation, Struct
from app.core.notifications.email import mailbox
from app.core.tokens.order_rights import RIGHTS_S
from app.i18n import choose
from app.reservations import operations, transfers
from app.reservations.ticket_links import TOKEN_MAX
from app.reservations.transfers import OVER
from app.web.api.mailbox import browser_locale, mail_locale
from app.web.api.orders.reservations import TAG, requested_reservation
from app.web.http.cache_control import NO_STORE
from app.web.http.credentials import OWNER, Requester, network_of
from app.web.http.routes import Request, Response, empty, endpoint, json_response

PATH = "/v1/reservations/{reservation_id}/transfers"


class TransferBody(Struct, frozen=True):
    """Which ticket, and to whom. `locale`: the language of the e-mail, by default the page's."""

    ticket_id: Annotated[str, Meta(pattern=OPAQUE)]
    email: Email
    locale: Annotated[str, Meta(max_length=35, pattern=LOCALE)] = ""


class TransferDocument(Struct, frozen=True):
    """A ticket offered to somebody who has not accepted it yet."""

    ticket_id: str
    email: str


class AcceptBody(Struct, frozen=True):
    """`token`: from the link in the e-mail. `locale`: the language of e-mails to the new holder."""

    token: Annotated[str, Meta(min_length=1, max_length=TOKEN_MAX, pattern=OPAQUE)]
    locale: Annotated[str, Meta(max_length=35, pattern=LOCALE)] = ""


class AcceptedTicket(Struct, frozen=True):
    """A ticket with its new `code`, and its holder's page, which the e-mail also links to."""

    event_id: str
    event_name: str
    venue: str
    starts_at: datetime
    ticket_type: str
    seat_id: str | None
    code: str
    page: str


class TransfersDocument(Struct, frozen=True):
    """The tickets of a reservation that are currently offered. Accepted ones are `transferred` there."""

    items: list[TransferDocument]


@endpoint(
    "GET",
    PATH,
    tag=TAG,
    auth=OWNER,
    answers={200: TransfersDocument},
    errors=(ReservationNotFound, Conflict, RateLimited, StoreUnavailable, BacklogFull),
)
async def list_transfers(request: Request, requester: Requester) -> Response:
    """List the offered tickets of a reservation, as its owner."""
    offers = await transfers.offers_of(request.app.stores, await _bought(request, requester))
    return json_response(200, TransfersDocument([TransferDocument(*it) for it in offers.items()]), [NO_STORE])


@endpoint(
    "POST",
    PATH,
    tag=TAG,
    auth=OWNER,
    body=TransferBody,
    answers={200: TransferDocument, 201: TransferDocument},
    errors=(ReservationNotFound, Conflict, RateLimited, StoreUnavailable, BacklogFull),
)
async def transfer_ticket(request: Request, requester: Requester, body: TransferBody) -> Response:
    """Offer a ticket to somebody by e-mail: once they accept, it gets a new code, and yours becomes void.

    200 if it is already offered to this address. A ticket that was used, is offered to somebody else or was
    accepted is a conflict. An offer is valid for seven days, and no longer than until the event begins.
    """
    reservation = await _bought(request, requester)
    app, to = request.app, mailbox(body.email)
    if body.ticket_id not in _tickets(reservation):
        raise ValidationFailed("ticket_id", "is not a valid ticket of this reservation")
    document = TransferDocument(body.ticket_id, to)
    if (await transfers.offers_of(app.stores, reservation)).get(body.ticket_id) == to:
        return json_response(200, document, [NO_STORE])
    locale = choose([body.locale]) if body.locale else await mail_locale(request, reservation.room_id)
    await transfers.offer(app.stores, app.orders, app.traces, reservation, body.ticket_id, to, locale)
    return json_response(201, document, [NO_STORE])


@endpoint(
    "DELETE",
    f"{PATH}/{{ticket_id}}",
    tag=TAG,
    auth=OWNER,
    answers={204: None},
    errors=(ReservationNotFound, NotFound, Conflict, RateLimited, StoreUnavailable, BacklogFull),
)
async def withdraw_transfer(request: Request, requester: Requester) -> Response:
    """Withdraw the offer of a ticket. 204, also when repeated; an accepted one is a conflict."""
    reservation, ticket_id = await _bought(request, requester), request.params["ticket_id"]
    tickets = _tickets(reservation)
    if ticket_id not in tickets:
        raise NotFound("This reservation has no such ticket.")
    await transfers.withdraw(request.app.stores, reservation, ticket_id)
    after = await operations.get(request.app.engine, reservation.reservation_id)
    if after is not None and _tickets(after).get(ticket_id):
        raise Conflict("The ticket was accepted and now belongs to somebody else.")
    return empty()


@endpoint(
    "POST",
    "/v1/transfers/accept",
    tag=TAG,
    body=AcceptBody,
    answers={200: AcceptedTicket},
    errors=(CredentialInvalid, RateLimited, StoreUnavailable, BacklogFull),
)
async def accept_ticket(request: Request, body: AcceptBody) -> Response:
    """Accept a ticket with the link from the e-mail: it gets a new code, and both sides are notified.

    A link is valid once. The ticket is also e-mailed to the address it was offered to.
    """
    app = request.app
    await app.throttles.reset(request.client)
    locale = choose([body.locale]) if body.locale else browser_locale(request)
    transfer_id = await transfers.accept(app.stores, body.token, locale)
    held = await transfers.find_held(app.stores, transfer_id)
    if held is None:
        raise CredentialInvalid(OVER)
    key = app.orders.ticket_link(transfer_id, int(time.time()) + RIGHTS_S)
    page = f"{app.settings.public_url or request.origin()}/tickets/mine?key={key}"
    document = AcceptedTicket(
        event_id=held.event_id,
        event_name=held.event_name,
        venue=held.venue,
        starts_at=in_zone(held.starts_at),
        ticket_type=held.ticket_type,
        seat_id=held.seat_id,
        code=held.code,
        page=page,
    )
    return json_response(200, document, [NO_STORE])


def _tickets(reservation: Reservation) -> dict[str, bool]:
    """The valid tickets of a reservation, and whether each belongs to somebody else by now."""
    return {str(ticket["ticket_id"]): bool(ticket["transferred"]) for ticket in reservation.tickets}


async def _bought(request: Request, requester: Requester) -> Reservation:
    """The requester's reservation. A link in an e-mail does not prove enough. Raises as the errors above."""
    reservation = await requested_reservation(request, requester, staff_may=False)
    if reservation is None:
        raise Conflict("The reservation is not decided yet; ask again in a moment.")
    if not requester.bought(request, reservation):
        raise ReservationNotFound
    if request.method != "GET":
        await operations.count_change(
            request.app.engine, reservation, network_of(request, reservation.room_id)
        )
    return reservation
