"""The calls of the door: check tickets in, one or many at once, undo, count."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from app.core.account import Account
from app.core.errors import Conflict, EventNotFound, StoreUnavailable
from app.core.formats import OPAQUE
from app.core.model import EventId
from app.core.reservations.check_ins import DoorCounts, Result, Scans
from app.reservations import check_ins
from app.web.http.cache_control import PRIVATE
from app.web.http.routes import Request, Response, endpoint, json_response
from app.web.http.staff_access import OPERATOR, author

TAG = "Staff: door"


class CheckInResults(msgspec.Struct, frozen=True):
    """The result of each scan, in order; and how many are checked in now."""

    results: list[Result]
    counts: DoorCounts


class UndoneScan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The scan whose check-in is to be undone."""

    scan_id: Annotated[str, Meta(pattern=OPAQUE)]


@endpoint(
    "POST",
    "/v1/events/{event_id}/check-ins",
    tag=TAG,
    auth=OPERATOR,
    scope="check_ins:write",
    body=Scans,
    answers={200: CheckInResults},
    errors=(EventNotFound, StoreUnavailable),
)
async def check_in(request: Request, account: Account, body: Scans) -> Response:
    """Check tickets in: one, or up to 100 that a device has scanned.

    The first scan of a ticket counts: `checked_in`. Any other is `already`, with the first one. Omit `at`
    while the holder waits for the answer: of several scans at once the first to arrive counts. Scans made
    offline have it, and are ordered by it. Resending a scan yields the same result, so a device that was
    offline sends all its scans until they are answered.
    """
    event_id = EventId(request.params["event_id"])
    results = await check_ins.record(request.app.stores, event_id, body, by=author(request, account))
    counts = await check_ins.counts(request.app.stores, event_id)
    return json_response(200, CheckInResults(results, counts), [PRIVATE])


@endpoint(
    "POST",
    "/v1/events/{event_id}/check-ins/undo",
    tag=TAG,
    auth=OPERATOR,
    scope="check_ins:write",
    body=UndoneScan,
    answers={204: None},
    errors=(EventNotFound, Conflict, StoreUnavailable),
)
async def undo_check_in(request: Request, account: Account, body: UndoneScan) -> Response:
    """Undo a mistaken check-in: the ticket can be checked in by another scan.

    204, also when repeated; 409 if this scan has checked nobody in.
    """
    event_id = EventId(request.params["event_id"])
    await check_ins.undo(request.app.stores, event_id, body.scan_id, by=author(request, account))
    return Response(204)


@endpoint(
    "GET",
    "/v1/events/{event_id}/check-ins",
    tag=TAG,
    auth=OPERATOR,
    scope="check_ins:read",
    answers={200: DoorCounts},
    errors=(EventNotFound, StoreUnavailable),
)
async def count_check_ins(request: Request, account: Account) -> Response:
    """Count the tickets sold and checked in, of the sale and of each type."""
    event_id = EventId(request.params["event_id"])
    return json_response(200, await check_ins.counts(request.app.stores, event_id), [PRIVATE])
