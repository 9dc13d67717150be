"""Seats: selling by the seat, and the map that fans choose from."""

from __future__ import annotations

import gzip
import hashlib

import msgspec

from app.catalogue import events, seat_blocks, seat_plans
from app.core.account import Account
from app.core.catalogue import codes
from app.core.catalogue.definitions import BlockSeats, KindOfSeats, NamedSeatIds, NewSeats
from app.core.catalogue.seat_plan import SeatPlan
from app.core.errors import (
    AlreadyExists,
    BadHeader,
    Conflict,
    EventNotFound,
    IdempotencyKeyReused,
    Restoring,
    StoreUnavailable,
)
from app.core.model import EventId
from app.reservations import seat_map
from app.web.documents.sale import ticket_type_document
from app.web.documents.seats import (
    CachedSeatMap,
    SeatMapDocument,
    SeatsChangedDocument,
    SeatsMadeDocument,
    seat_map_document,
)
from app.web.http.cache_control import shared
from app.web.http.idempotency import respond_once
from app.web.http.routes import Request, Response, endpoint, json_response
from app.web.http.staff_access import ADMIN, author, is_staff_call

BODY_MAX = 16 * 1024 * 1024  # 50,000 seats, listed one by one


async def cached_seat_map(request: Request, event_id: EventId) -> CachedSeatMap:
    """The seat map, at most a second old. Raises EventNotFound, Restoring, StoreUnavailable."""

    async def read() -> CachedSeatMap:
        event, ticket_types = await events.event(request.app.stores, event_id)
        rows = await seat_map.live_rows(request.app.queues.loaded_rooms, event.room_id)
        document = seat_map_document(event, codes.visible_types(ticket_types, None), rows)
        plain = msgspec.json.encode(document)
        digest = hashlib.blake2b(msgspec.json.encode((document.currency, document.sections)), digest_size=12)
        gzipped = gzip.compress(plain, 5, mtime=0)
        return CachedSeatMap(event.published, document, plain, gzipped, f'W/"{digest.hexdigest()}"')

    return await request.app.caches.seat_maps.get(event_id, read)


@endpoint(
    "GET",
    "/v1/events/{event_id}/seats",
    tag="Events",
    hot=True,
    answers={200: SeatMapDocument, 304: None},
    headers=("If-None-Match",),
    errors=(EventNotFound, Restoring, StoreUnavailable),
)
async def read_seats(request: Request) -> Response:
    """Get the seat map: every seat, and whether it is free, held or sold.

    Its `ETag` changes whenever a seat does. Repeat the call with `If-None-Match`, as browsers do on their
    own, and until then you get 304 without a body; the map of 20,000 seats is some 5 kB with
    `Accept-Encoding: gzip`.
    """
    cached = await cached_seat_map(request, EventId(request.params["event_id"]))
    if not cached.published and not await is_staff_call(request):
        raise EventNotFound
    headers = [
        shared("read_seats", published=cached.published),
        (b"etag", cached.tag.encode()),
        (b"vary", b"Accept-Encoding"),
    ]
    if matches_etag(request.header(b"if-none-match") or "", cached.tag):
        return Response(304, b"", headers)
    if "gzip" in (request.header(b"accept-encoding") or ""):
        return Response(200, cached.gzipped, [*headers, (b"content-encoding", b"gzip")])
    return Response(200, cached.plain, headers)


def matches_etag(if_none_match: str, tag: str) -> bool:
    """Whether the client already has this version (RFC 9110, 13.1.2: weak comparison)."""
    sent = {it.strip().removeprefix("W/") for it in if_none_match.split(",")}
    return "*" in sent or tag.removeprefix("W/") in sent


@endpoint(
    "POST",
    "/v1/events/{event_id}/seats",
    tag="Staff: events",
    auth=ADMIN,
    scope="events:write",
    body=NewSeats,
    body_max=BODY_MAX,
    body_needed=True,
    answers={201: SeatsMadeDocument},
    headers=("Idempotency-Key",),
    errors=(
        EventNotFound,
        Conflict,
        AlreadyExists,
        IdempotencyKeyReused,
        BadHeader,
        StoreUnavailable,
    ),
)
async def create_seats(request: Request, account: Account, body: NewSeats) -> Response:
    """Create seats, all or none: whole sections, or a list of seats.

    A section becomes a ticket type: its `ticket_type_id` is derived from its name (`Upper Circle`:
    `upper-circle`), its quantity is the number of its seats. Rows are a, b ... z, aa ..., the best first,
    with seats 1, 2 ...; so a seat is `upper-circle-a-12`. In a list, `row` and `number` identify each seat;
    adjacent seats have consecutive numbers.

    With `grow` an existing section gets the seats it does not have yet, even while it is on sale; new rows
    come after the others.
    """

    async def create() -> Response:
        event_id = EventId(request.params["event_id"])
        created = await events.create_seats(request.app.stores, event_id, body, by=author(request, account))
        document = SeatsMadeDocument(
            event_id, [ticket_type_document(it) for it in created], sum(it.total for it in created)
        )
        return json_response(201, document, [(b"location", request.path.encode())])

    return await respond_once(request, account, body, create)


@endpoint(
    "POST",
    "/v1/events/{event_id}/seats/block",
    tag="Staff: events",
    auth=ADMIN,
    scope="events:write",
    body=BlockSeats,
    answers={200: SeatsChangedDocument},
    errors=(EventNotFound, Conflict, Restoring, StoreUnavailable),
)
async def block_seats(request: Request, account: Account, body: BlockSeats) -> Response:
    """Take seats off sale: blocked, or kept for the house. Possible even while the sale is open.

    Free seats are `done`. Held and sold seats are not affected: they are `taken`. The quantity of a section
    is the number of seats on sale, so blocking reduces it. Repeating the call changes nothing.
    """
    done = await seat_blocks.block(
        request.app.queues.loaded_rooms,
        EventId(request.params["event_id"]),
        body.seat_ids,
        body.kept_as,
        by=author(request, account),
    )
    return json_response(200, SeatsChangedDocument(*done))


@endpoint(
    "POST",
    "/v1/events/{event_id}/seats/release",
    tag="Staff: events",
    auth=ADMIN,
    scope="events:write",
    body=NamedSeatIds,
    answers={200: SeatsChangedDocument},
    errors=(EventNotFound, Conflict, Restoring, StoreUnavailable),
)
async def release_seats(request: Request, account: Account, body: NamedSeatIds) -> Response:
    """Put blocked seats on sale again. Held and sold ones are `taken`."""
    done = await seat_blocks.release(
        request.app.queues.loaded_rooms,
        EventId(request.params["event_id"]),
        body.seat_ids,
        by=author(request, account),
    )
    return json_response(200, SeatsChangedDocument(*done))


@endpoint(
    "POST",
    "/v1/events/{event_id}/seats/kind",
    tag="Staff: events",
    auth=ADMIN,
    scope="events:write",
    body=KindOfSeats,
    answers={204: None},
    errors=(EventNotFound, Conflict, StoreUnavailable),
)
async def set_seat_kind(request: Request, account: Account, body: KindOfSeats) -> Response:
    """Make seats accessible, companion seats, or neither.

    Accessible seats are only sold when chosen explicitly, never as best available. A companion seat is only
    sold together with the accessible seat next to it, or to whoever has that already; otherwise: 409
    `companion_alone`.
    """
    event_id = EventId(request.params["event_id"])
    by = author(request, account)
    await seat_blocks.set_kind(request.app.stores, event_id, body.seat_ids, body.kind, by=by)
    return Response(204)


@endpoint(
    "PUT",
    "/v1/events/{event_id}/seats/plan",
    tag="Staff: events",
    auth=ADMIN,
    scope="events:write",
    body=SeatPlan,
    answers={204: None},
    errors=(EventNotFound, Conflict, StoreUnavailable),
)
async def save_seat_plan(request: Request, account: Account, body: SeatPlan) -> Response:
    """Place sections on the plan that fans see; sections not listed stand wherever they fit.

    `x` and `y` are the centre of a section, in widths of a seat: to the right, and away from the stage.
    """
    event_id = EventId(request.params["event_id"])
    await seat_plans.save(request.app.stores, event_id, body.sections, by=author(request, account))
    return Response(204)
