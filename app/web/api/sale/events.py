"""Events and ticket types: the public calls, and those of staff."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from app.catalogue import events
from app.core.account import Account
from app.core.catalogue import codes
from app.core.catalogue.definitions import EventPatch, NewEvent, NewTicketType, TicketTypePatch
from app.core.errors import (
    AlreadyExists,
    BadHeader,
    Conflict,
    EventNotFound,
    IdempotencyKeyReused,
    StoreUnavailable,
    TicketTypeNotFound,
)
from app.core.formats import NAME, At
from app.core.model import EventId, TicketTypeId
from app.core.text import typed
from app.store.sql.catalogue.events import EventFilter
from app.web.documents.sale import (
    AvailabilityDocument,
    EventDocument,
    Page,
    TicketTypeDocument,
    event_document,
    ticket_type_document,
)
from app.web.http.cache_control import shared
from app.web.http.idempotency import respond_once
from app.web.http.paging import PageQuery, page_response
from app.web.http.routes import Request, Response, empty, endpoint, json_response
from app.web.http.staff_access import ADMIN, author, events_of, is_staff_call, staff_asking

TAG = "Events"
STAFF_TAG = "Staff: events"
AWAY = (StoreUnavailable,)
CREATING = (AlreadyExists, IdempotencyKeyReused, BadHeader)


class EventsQuery(PageQuery, frozen=True, rename={"starts_from": "from", "starts_to": "to"}):
    """Which events: words in name, artist or venue, and the range of their start."""

    q: Annotated[str, Meta(max_length=200, pattern=NAME)] | None = None
    starts_from: At | None = None
    starts_to: At | None = None


@endpoint("GET", "/v1/events", tag=TAG, query=EventsQuery, answers={200: Page[EventDocument]}, errors=AWAY)
async def list_events(request: Request, query: EventsQuery) -> Response:
    """List published events, soonest first. Staff see all events, keys limited to some events only those."""
    text, staff = typed.folded(query.q or "") or None, await staff_asking(request)
    criteria = EventFilter(
        text, query.starts_from, query.starts_to, staff is None, events_of(staff, "events:read")
    )
    listed, total = await events.events_page(
        request.app.stores, criteria, limit=query.per_page, offset=query.offset
    )
    documents = [
        event_document(it, types if staff else codes.visible_types(types, None)) for it, types in listed
    ]
    return page_response(request, query, documents, total)


@endpoint(
    "GET",
    "/v1/events/{event_id}",
    tag=TAG,
    hot=True,
    answers={200: EventDocument},
    errors=(EventNotFound, *AWAY),
)
async def read_event(request: Request) -> Response:
    """Get an event; unpublished events and hidden ticket types are visible to staff only."""
    event, ticket_types = await events.event(request.app.stores, EventId(request.params["event_id"]))
    for_all = event.published and not any(it.hidden for it in ticket_types)
    staff = not for_all and await is_staff_call(request)
    if not event.published and not staff:
        raise EventNotFound
    headers = [shared("read_event", published=not staff)]
    types = ticket_types if staff else codes.visible_types(ticket_types, None)
    return json_response(200, event_document(event, types), headers)


@endpoint(
    "GET",
    "/v1/events/{event_id}/availability",
    tag=TAG,
    hot=True,
    answers={200: AvailabilityDocument},
    errors=(EventNotFound, *AWAY),
)
async def availability(request: Request) -> Response:
    """Get the number of free, held and sold tickets."""
    event_id = EventId(request.params["event_id"])

    async def read() -> tuple[bool, bytes]:
        event, ticket_types = await events.event(request.app.stores, event_id)
        types = [ticket_type_document(it) for it in codes.visible_types(ticket_types, None)]
        now = datetime.now(UTC).replace(microsecond=0)
        return event.published, msgspec.json.encode(AvailabilityDocument(event_id, types, now))

    published, body = await request.app.caches.availability.get(event_id, read)
    if not published and not await is_staff_call(request):
        raise EventNotFound
    return Response(200, body, [shared("availability", published=published)])


@endpoint(
    "POST",
    "/v1/events",
    tag=STAFF_TAG,
    auth=ADMIN,
    scope="events:write",
    body=NewEvent,
    answers={201: EventDocument},
    headers=("Idempotency-Key",),
    errors=(*CREATING, *AWAY),
)
async def create_event(request: Request, account: Account, body: NewEvent) -> Response:
    """Create an event and its room."""

    async def create() -> Response:
        made = await events.create_event(request.app.stores, body, by=author(request, account))
        await request.app.hidden.refresh()
        location = [(b"location", f"/v1/events/{made.event_id}".encode())]
        return json_response(201, event_document(made, []), location)

    return await respond_once(request, account, body, create)


@endpoint(
    "PATCH",
    "/v1/events/{event_id}",
    tag=STAFF_TAG,
    auth=ADMIN,
    scope="events:write",
    body=EventPatch,
    answers={200: EventDocument},
    errors=(EventNotFound, Conflict, *AWAY),
)
async def change_event(request: Request, account: Account, body: EventPatch) -> Response:
    """Change an event."""
    event_id = EventId(request.params["event_id"])
    await events.change_event(request.app.stores, event_id, body, by=author(request, account))
    await request.app.hidden.refresh()
    return json_response(200, event_document(*await events.event(request.app.stores, event_id)))


@endpoint(
    "DELETE",
    "/v1/events/{event_id}",
    tag=STAFF_TAG,
    auth=ADMIN,
    scope="events:write",
    answers={204: None},
    errors=(EventNotFound, Conflict, *AWAY),
)
async def delete_event(request: Request, account: Account) -> Response:
    """Delete an event and its room; possible until there is a reservation."""
    event_id = EventId(request.params["event_id"])
    await events.delete_event(request.app.stores, event_id, by=author(request, account))
    return empty()


@endpoint(
    "POST",
    "/v1/events/{event_id}/ticket-types",
    tag=STAFF_TAG,
    auth=ADMIN,
    scope="events:write",
    body=NewTicketType,
    answers={201: TicketTypeDocument},
    headers=("Idempotency-Key",),
    errors=(EventNotFound, Conflict, *CREATING, *AWAY),
)
async def create_ticket_type(request: Request, account: Account, body: NewTicketType) -> Response:
    """Create a ticket type."""

    async def create() -> Response:
        event_id = EventId(request.params["event_id"])
        made = await events.create_ticket_type(
            request.app.stores, event_id, body, by=author(request, account)
        )
        return json_response(201, ticket_type_document(made))

    return await respond_once(request, account, body, create)


@endpoint(
    "PATCH",
    "/v1/events/{event_id}/ticket-types/{ticket_type_id}",
    tag=STAFF_TAG,
    auth=ADMIN,
    scope="events:write",
    body=TicketTypePatch,
    answers={200: TicketTypeDocument},
    errors=(EventNotFound, TicketTypeNotFound, Conflict, *AWAY),
)
async def change_ticket_type(request: Request, account: Account, body: TicketTypePatch) -> Response:
    """Change a ticket type. The quantity cannot fall below the tickets sold and held."""
    event_id = EventId(request.params["event_id"])
    ticket_type_id = TicketTypeId(request.params["ticket_type_id"])
    changed = await events.change_ticket_type(
        request.app.stores, event_id, ticket_type_id, body, by=author(request, account)
    )
    return json_response(200, ticket_type_document(changed))
