"""The calls that end or extend a hold: confirm, confirm-paid, cancel, extend."""

from __future__ import annotations

from app import metrics
from app.core.account import Account
from app.core.errors import (
    BacklogFull,
    BadHeader,
    Conflict,
    HoldExpired,
    IdempotencyKeyRequired,
    IdempotencyKeyReused,
    PaymentDeclined,
    PaymentsNotConfigured,
    RateLimited,
    ReservationNotFound,
    StoreUnavailable,
    ValidationFailed,
)
from app.core.formats import Name
from app.core.model import Reservation, ReservationId, Struct
from app.core.reservations.buyers import Buyer
from app.reservations import buyers, operations, paid_elsewhere
from app.reservations.operations import Payment
from app.web.api.orders.buyers import with_locale
from app.web.api.orders.reservations import REPLAYED, TAG, requested_reservation
from app.web.documents.sale import (
    PayingDocument,
    ReservationDocument,
    paying_document,
    reservation_document,
)
from app.web.http.bodies import idempotency_key
from app.web.http.cache_control import NO_STORE
from app.web.http.credentials import OWNER, Requester, network_of
from app.web.http.routes import Request, Response, endpoint, json_response
from app.web.http.staff_access import ADMIN, author


class PaymentBody(Struct, frozen=True):
    """How to pay. The amount comes from the reservation."""

    method: Name
    token: Name


class ConfirmBody(Struct, frozen=True):
    """The payment for a hold; free tickets need none. `buyer`: unless it was set before."""

    payment: PaymentBody | None = None
    buyer: Buyer | None = None


class PaidBody(Struct, frozen=True):
    """The external payment's `reference`, if it has one."""

    reference: Name | None = None


@endpoint(
    "POST",
    "/v1/reservations/{reservation_id}/confirm",
    tag=TAG,
    hot=True,
    auth=OWNER,
    body=ConfirmBody,
    answers={200: ReservationDocument, 202: PayingDocument},
    headers=("Idempotency-Key",),
    errors=(
        IdempotencyKeyRequired,
        BadHeader,
        PaymentDeclined,
        ReservationNotFound,
        Conflict,
        PaymentsNotConfigured,
        IdempotencyKeyReused,
        HoldExpired,
        RateLimited,
        StoreUnavailable,
        BacklogFull,
    ),
)
async def confirm(request: Request, requester: Requester, body: ConfirmBody) -> Response:
    """Pay for a hold: 200 confirmed, 202 while the gateway or the buyer still has to act.

    Free tickets are confirmed at once, without a `payment`. If no gateway is configured the response is 409
    `payments_not_configured`, except in `test` rooms; see `confirm-paid`.
    """
    key = idempotency_key(request)
    if key is None:
        raise IdempotencyKeyRequired("Send an Idempotency-Key header, the same one when you send this again.")
    reservation = await _decided(request, requester)
    buyer = await with_locale(request, reservation, body.buyer) if body.buyer else None
    if buyer or reservation.buyer_form != "{}":  # usually nothing is required
        await buyers.require(request.app.stores, request.app.traces, reservation, buyer)
    if not reservation.amount:
        confirmed = await paid_elsewhere.confirm_free(request.app.engine, reservation.reservation_id)
        headers = [NO_STORE, REPLAYED] if reservation.status == "confirmed" else [NO_STORE]
        return json_response(200, reservation_document(confirmed), headers)
    if body.payment is None:
        raise ValidationFailed("payment", "is needed: these tickets are not free")
    payment = Payment(body.payment.method, body.payment.token)
    done = await operations.confirm(request.app.engine, reservation.reservation_id, payment, key)
    headers = [NO_STORE, REPLAYED] if done.replayed else [NO_STORE]
    if done.reservation.status == "paying":
        return json_response(202, paying_document(done.reservation, *done.step), headers)
    return json_response(200, reservation_document(done.reservation), headers)


@endpoint(
    "POST",
    "/v1/reservations/{reservation_id}/confirm-paid",
    tag=TAG,
    auth=ADMIN,
    scope="reservations:write",
    body=PaidBody,
    answers={200: ReservationDocument},
    errors=(ReservationNotFound, Conflict, HoldExpired, StoreUnavailable),
)
async def confirm_paid(request: Request, account: Account, body: PaidBody) -> Response:
    """Confirm a hold that was paid elsewhere. 200, also when repeated, which changes nothing.

    For shops that take payments themselves. If it is cancelled later, its tickets go back on sale, and the
    payment must be refunded where it was made.
    """
    confirmed = await paid_elsewhere.confirm_paid(
        request.app.engine,
        ReservationId(request.params["reservation_id"]),
        body.reference or "",
        by=author(request, account),
    )
    return json_response(200, reservation_document(confirmed), [NO_STORE])


@endpoint(
    "POST",
    "/v1/reservations/{reservation_id}/cancel",
    tag=TAG,
    hot=True,
    auth=OWNER,
    answers={200: ReservationDocument},
    errors=(ReservationNotFound, Conflict, RateLimited, StoreUnavailable, BacklogFull),
)
async def cancel(request: Request, requester: Requester) -> Response:
    """Cancel a reservation: release its tickets and refund the payment. 200, also when repeated."""
    reservation = await _decided(request, requester)
    if not requester.bought(request, reservation):  # a link in an e-mail does not prove enough
        raise ReservationNotFound
    if any(ticket["transferred"] for ticket in reservation.tickets):
        raise Conflict("A ticket was given to somebody else; ask the organiser.")
    ended = await operations.cancel(request.app.engine, reservation.reservation_id)
    if ended.status != reservation.status:
        metrics.count_reservations(ended.status)
    return json_response(200, reservation_document(ended), [NO_STORE])


@endpoint(
    "POST",
    "/v1/reservations/{reservation_id}/extend",
    tag=TAG,
    hot=True,
    auth=OWNER,
    answers={200: ReservationDocument},
    errors=(ReservationNotFound, Conflict, HoldExpired, RateLimited, StoreUnavailable, BacklogFull),
)
async def extend(request: Request, requester: Requester) -> Response:
    """Extend a hold, once, if the event offers it. 200, also when repeated."""
    reservation = await _decided(request, requester)
    extended = await operations.extend(request.app.engine, reservation.reservation_id)
    return json_response(200, reservation_document(extended), [NO_STORE])


async def _decided(request: Request, requester: Requester) -> Reservation:
    """The requester's reservation, for a change. Raises RateLimited, and as `requested_reservation`."""
    reservation = await requested_reservation(request, requester, staff_may=False)
    if reservation is None:
        raise Conflict("The reservation is not decided yet; ask again in a moment.")
    await operations.count_change(request.app.engine, reservation, network_of(request, reservation.room_id))
    return reservation
