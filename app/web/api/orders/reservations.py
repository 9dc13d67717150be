"""The reservation calls: reserve, read, follow."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import msgspec

from app import metrics
from app.core.errors import (
    BacklogFull,
    BadHeader,
    CodeRefused,
    CompanionAlone,
    EventNotFound,
    IdempotencyKeyRequired,
    IdempotencyKeyReused,
    LimitExceeded,
    NotOnSale,
    PriceChanged,
    RateLimited,
    Refusal,
    ReservationNotFound,
    Restoring,
    SeatTaken,
    SessionEnded,
    SoldOut,
    StoreUnavailable,
    WrongRoom,
)
from app.core.model import EventId, Reservation, ReservationId
from app.core.tokens.claims import BookingClaims
from app.reservations import operations
from app.reservations.operations import ENDED
from app.reservations.reserve_result import ReserveResult
from app.web.api.orders.reserve_body import ReserveBody
from app.web.documents.reserved import reserved_document
from app.web.documents.sale import ReservationDocument, reservation_document
from app.web.http.bodies import expected_amount, idempotency_key
from app.web.http.cache_control import NO_STORE, PRIVATE
from app.web.http.credentials import BOOKING, OWNER, Requester, network_of
from app.web.http.routes import STREAM, Events, Request, Response, empty, endpoint, json_response
from app.web.http.sse import event_id_of, server_sent

TAG = "Reservations"
UNDECIDED_EVERY_S = 0.1
REPLAYED = (b"idempotent-replay", b"true")


class Accepted(msgspec.Struct, frozen=True):
    """The reservation is being processed; poll its address."""

    reservation_id: str


@endpoint(
    "POST",
    "/v1/events/{event_id}/reservations",
    tag=TAG,
    hot=True,
    auth=BOOKING,
    body=ReserveBody,
    body_needed=True,
    answers={201: ReservationDocument, 202: Accepted},
    headers=("Idempotency-Key", "Prefer", "X-Expected-Amount"),
    errors=(
        IdempotencyKeyRequired,
        BadHeader,
        WrongRoom,
        SessionEnded,
        EventNotFound,
        SoldOut,
        NotOnSale,
        CodeRefused,
        CompanionAlone,
        SeatTaken,
        PriceChanged,
        IdempotencyKeyReused,
        LimitExceeded,
        RateLimited,
        StoreUnavailable,
        BacklogFull,
        Restoring,
    ),
)
async def reserve(request: Request, claims: BookingClaims, body: ReserveBody) -> Response:
    """Hold tickets: 201 when the hold is durable, 202 at once with `Prefer: respond-async`.

    Seats in `seat_ids` that the visitor already holds or has bought stay in their reservation, and the new
    one takes the others. If none is left to take, the response is 409 `seat_taken`, as for any seat of
    somebody else; the problem's `seat_ids` lists them. `best_available` picks adjacent seats in the first row
    that has enough, otherwise seats as close together as possible. With `X-Expected-Amount` the response is
    409 `price_changed`, with the current `amount`, if the total differs.

    A `code` opens hidden ticket types, or gives a discount: the prices in the response are those with the
    code, and `discount` is what it additionally takes off the order. A code that is not valid for these
    tickets now is 409 `code_refused`, with the `reason`: unknown, used_up, other (for other tickets), from or
    until.
    """
    key = idempotency_key(request)
    if key is None:
        raise IdempotencyKeyRequired("Send an Idempotency-Key header, the same one when you send this again.")
    prefer = request.headers.get(b"prefer")
    wait = prefer is None or b"respond-async" not in prefer
    try:
        reserved = await operations.reserve(
            request.app.engine,
            claims,
            EventId(request.params["event_id"]),
            body.tickets(),
            idempotency_key=key,
            wait=wait,
            expected=expected_amount(request),
            network=network_of(request, claims.room_id),
            code=body.code or None,
        )
    except Refusal as refusal:
        metrics.count_reservations(refusal.code)
        raise
    return _reserved_response(reserved)


def _reserved_response(reserved: ReserveResult) -> Response:
    headers = [(b"location", f"/v1/reservations/{reserved.reservation_id}".encode()), NO_STORE]
    if reserved.replayed:
        headers.append(REPLAYED)
    if reserved.terms is None:
        metrics.count_reservations("accepted")
        headers.append((b"preference-applied", b"respond-async"))
        return json_response(202, Accepted(reserved.reservation_id), headers)
    if not reserved.replayed:
        metrics.count_reservations("held")
    return Response(201, reserved_document(reserved, reserved.terms), headers)


@endpoint(
    "GET",
    "/v1/reservations/{reservation_id}",
    tag=TAG,
    hot=True,
    auth=OWNER,
    scope="reservations:read",
    answers={200: ReservationDocument, 202: Accepted},
    errors=(
        *(ReservationNotFound, SoldOut, NotOnSale, CodeRefused, SeatTaken, CompanionAlone, LimitExceeded),
        *(StoreUnavailable, BacklogFull),
    ),
)
async def read_reservation(request: Request, requester: Requester) -> Response:
    """Get a reservation, as its owner or as staff. 202 while it is not decided yet."""
    reservation = await requested_reservation(request, requester, staff_may=True)
    if reservation is None:
        accepted = Accepted(request.params["reservation_id"])
        return json_response(202, accepted, [(b"retry-after", b"1"), NO_STORE])
    return json_response(200, reservation_document(reservation), [NO_STORE])


@endpoint(
    "GET",
    "/v1/reservations/{reservation_id}/events",
    tag=TAG,
    hot=True,
    auth=OWNER,
    scope="reservations:read",
    answers={200: Events("reservation", ReservationDocument), 204: None},
    headers=("Last-Event-ID",),
    errors=(
        *(
            ReservationNotFound,
            SoldOut,
            NotOnSale,
            CodeRefused,
            SeatTaken,
            CompanionAlone,
            LimitExceeded,
            RateLimited,
        ),
        *(StoreUnavailable, BacklogFull),
    ),
)
async def reservation_stream(request: Request, requester: Requester) -> Response:
    """Follow a reservation as server-sent events: `event: reservation` at each change.

    It starts with the current document, also after reconnecting with Last-Event-ID. A client that has seen
    the last one gets 204, which stops an EventSource from reconnecting.
    """
    deadline = time.monotonic() + request.app.settings.reserve_wait_s
    while (reservation := await requested_reservation(request, requester, staff_may=True)) is None:
        if time.monotonic() > deadline:
            raise StoreUnavailable("The reservation is not decided yet; ask again.")
        await asyncio.sleep(UNDECIDED_EVERY_S)
    seen = request.header(b"last-event-id")
    if reservation.status in ENDED and seen == event_id_of(_document(reservation)):
        return empty()
    stream = server_sent("reservation", _documents(request, reservation.reservation_id), request.app.draining)
    return Response(200, stream, [PRIVATE, (b"x-accel-buffering", b"no")], STREAM)


async def _documents(request: Request, reservation_id: ReservationId) -> AsyncIterator[bytes]:
    changes: Any = operations.watch(request.app.engine, reservation_id)
    async with aclosing(changes):
        async for it in changes:
            yield _document(it)


def _document(reservation: Reservation) -> bytes:
    return msgspec.json.encode(reservation_document(reservation))


async def requested_reservation(
    request: Request, requester: Requester, *, staff_may: bool
) -> Reservation | None:
    """The requester's reservation, None while it is undecided. Raises ReservationNotFound for anybody
    else's."""
    engine, reservation_id = request.app.engine, ReservationId(request.params["reservation_id"])
    for claims in requester.visitors:
        try:
            reservation = await operations.get(engine, reservation_id, claims)
        except ReservationNotFound:
            continue
        break
    else:
        reservation = await operations.get(engine, reservation_id)
    if (
        reservation is not None
        and not requester.owns(request, reservation)
        and not (staff_may and requester.is_staff())
    ):
        raise ReservationNotFound
    return reservation
