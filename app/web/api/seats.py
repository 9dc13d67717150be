"""Seats: what staff put on sale by the seat, and the map that everybody chooses from."""

from __future__ import annotations

import gzip
import hashlib

import msgspec

from app.catalogue import events
from app.core.account import Account
from app.core.definitions import NewSeats
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
from app.web.documents.sale import (
    CachedSeatMap,
    SeatMapDocument,
    SeatsMadeDocument,
    seat_map_document,
    ticket_type_document,
)
from app.web.http.cache_control import shared
from app.web.http.idempotency import once
from app.web.http.routes import Request, Response, endpoint, json_response
from app.web.http.staff_access import ADMIN, author, is_staff_call

BODY_MAX = 16 * 1024 * 1024  # 50,000 seats, one by one


async def cached_seat_map(request: Request, event_id: EventId) -> CachedSeatMap:
    """The seat map as it was less than a second ago. Raises EventNotFound, Restoring, StoreUnavailable."""

    async def read() -> CachedSeatMap:
        found, ticket_types = await events.event(request.app.stores, event_id)
        rows = await seat_map.live_rows(request.app.queues.loaded_rooms, found.room_id)
        document = seat_map_document(found, ticket_types, rows)
        plain = msgspec.json.encode(document)
        digest = hashlib.blake2b(msgspec.json.encode((document.currency, document.sections)), digest_size=12)
        gzipped = gzip.compress(plain, 5, mtime=0)
        return CachedSeatMap(found.published, document, plain, gzipped, f'W/"{digest.hexdigest()}"')

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

    Its `ETag` changes when a seat does. Ask again with `If-None-Match`, as browsers do by themselves, and it
    costs 304 and no body until then; the map of 20,000 seats is some 5 kB with `Accept-Encoding: gzip`.
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
    """Whether the asker has this version already (RFC 9110, 13.1.2: compared weakly)."""
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

    A section becomes a ticket type: its `ticket_type_id` is made of its name (`Upper Circle`:
    `upper-circle`), its quantity is the number of its seats. Rows are a, b ... z, aa ..., the best first,
    with seats 1, 2 ...; so a seat is `upper-circle-a-12`. In a list, `row` and `number` name each seat,
    neighbours by neighbouring numbers.
    """

    async def create() -> Response:
        event_id = EventId(request.params["event_id"])
        made = await events.create_seats(request.app.stores, event_id, body, by=author(request, account))
        document = SeatsMadeDocument(
            event_id, [ticket_type_document(it) for it in made], sum(it.total for it in made)
        )
        return json_response(201, document, [(b"location", request.path.encode())])

    return await once(request, account, body, create)
