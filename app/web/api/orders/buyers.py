"""Buyers: the form of a sale, and the answers."""

from __future__ import annotations

from datetime import datetime

import msgspec

from app.catalogue import buyer_form
from app.core.account import Account
from app.core.clock import in_zone
from app.core.errors import (
    BacklogFull,
    Conflict,
    EventNotFound,
    RateLimited,
    ReservationNotFound,
    StoreUnavailable,
)
from app.core.model import EventId, Reservation, ReservationId
from app.core.reservations.buyers import Buyer, BuyerForm
from app.i18n import choose
from app.reservations import buyers, operations
from app.store.sql.reservations.buyers import StoredBuyer
from app.web.api.mailbox import mail_locale
from app.web.api.orders.reservations import TAG, requested_reservation
from app.web.http.cache_control import NO_STORE
from app.web.http.credentials import OWNER, Requester, network_of
from app.web.http.routes import Request, Response, endpoint, json_response
from app.web.http.staff_access import ADMIN, author


class BuyerDocument(msgspec.Struct, frozen=True):
    """The buyer of a reservation. Fields that were not asked for or not answered are empty."""

    reservation_id: str
    email: str
    name: str
    phone: str
    marketing: bool
    terms_at: datetime | None
    answers: dict[str, str]
    locale: str


@endpoint(
    "GET",
    "/v1/reservations/{reservation_id}/buyer",
    tag=TAG,
    auth=OWNER,
    scope="reservations:read",
    answers={200: BuyerDocument},
    errors=(ReservationNotFound, Conflict, StoreUnavailable, BacklogFull),
)
async def read_buyer(request: Request, requester: Requester) -> Response:
    """Get a reservation's buyer, as its owner or as staff."""
    reservation = await requested_reservation(request, requester, staff_may=True)
    if reservation is None:
        raise ReservationNotFound
    buyer = await buyers.of_reservation(request.app.stores, reservation.reservation_id)
    return json_response(200, _document(reservation.reservation_id, buyer), [NO_STORE])


@endpoint(
    "PUT",
    "/v1/reservations/{reservation_id}/buyer",
    tag=TAG,
    auth=OWNER,
    body=Buyer,
    answers={200: BuyerDocument},
    errors=(ReservationNotFound, Conflict, RateLimited, StoreUnavailable, BacklogFull),
)
async def set_buyer(request: Request, requester: Requester, body: Buyer) -> Response:
    """Set a reservation's buyer; can also be sent with `confirm`.

    E-mails about the reservation go to the buyer's address.

    The event's `buyer-form` lists what is asked for. Anything else is not stored.
    """
    reservation = await requested_reservation(request, requester, staff_may=False)
    if reservation is None:
        raise Conflict("The reservation is not decided yet; ask again in a moment.")
    if not requester.bought(request, reservation):
        raise ReservationNotFound
    await operations.count_change(request.app.engine, reservation, network_of(request, reservation.room_id))
    await buyers.save(
        request.app.stores, request.app.traces, reservation, await with_locale(request, reservation, body)
    )
    buyer = await buyers.of_reservation(request.app.stores, reservation.reservation_id)
    return json_response(200, _document(reservation.reservation_id, buyer), [NO_STORE])


@endpoint(
    "GET",
    "/v1/events/{event_id}/buyer-form",
    tag="Events",
    answers={200: BuyerForm},
    errors=(EventNotFound, StoreUnavailable),
)
async def read_buyer_form(request: Request) -> Response:
    """Get the form an event's buyers have to fill in."""
    event_id = EventId(request.params["event_id"])
    return json_response(200, await buyer_form.form_of(request.app.stores, event_id))


@endpoint(
    "PUT",
    "/v1/events/{event_id}/buyer-form",
    tag="Staff: events",
    auth=ADMIN,
    scope="events:write",
    body=BuyerForm,
    answers={200: BuyerForm},
    errors=(EventNotFound, StoreUnavailable),
)
async def set_buyer_form(request: Request, account: Account, body: BuyerForm) -> Response:
    """Replace the form for an event's buyers. Existing answers are kept."""
    event_id = EventId(request.params["event_id"])
    await buyer_form.set_form(request.app.stores, event_id, body, by=author(request, account))
    return json_response(200, body)


async def with_locale(request: Request, reservation: Reservation, buyer: Buyer) -> Buyer:
    """Add the language of the buyer's page to the answers, if they chose none."""
    locale = choose([buyer.locale]) if buyer.locale else await mail_locale(request, reservation.room_id)
    return msgspec.structs.replace(buyer, locale=locale)


def _document(reservation_id: ReservationId, stored: StoredBuyer | None) -> BuyerDocument:
    buyer = stored or StoredBuyer("", "", "", {}, False, None, "")
    accepted = in_zone(buyer.terms_at) if buyer.terms_at else None
    return BuyerDocument(
        reservation_id,
        buyer.email,
        buyer.name,
        buyer.phone,
        buyer.marketing,
        accepted,
        buyer.answers,
        buyer.locale,
    )
