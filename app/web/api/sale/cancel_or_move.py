"""Calls to move a sale to another date, or cancel it with refunds for all, and to follow the progress."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from app.catalogue import cancel_or_move, events
from app.core.account import Account
from app.core.clock import in_zone
from app.core.errors import (
    BadHeader,
    Conflict,
    EventNotFound,
    IdempotencyKeyReused,
    Restoring,
    StoreUnavailable,
)
from app.core.formats import TEXT, At
from app.core.jobs import JobKind, JobRequest
from app.core.model import EventId, Struct
from app.jobs import control as jobs
from app.web.http.cache_control import PRIVATE
from app.web.http.idempotency import respond_once
from app.web.http.routes import Request, Response, endpoint, json_response
from app.web.http.staff_access import ADMIN, OPERATOR, author

TAG = "Staff: events"
Notice = Annotated[str, Meta(max_length=cancel_or_move.NOTICE_MAX, pattern=TEXT)]
CHANGING = (EventNotFound, Conflict, IdempotencyKeyReused, BadHeader, StoreUnavailable)


class CancelBody(Struct, frozen=True):
    """The notice to fans and buyers."""

    notice: Notice = ""


class MoveBody(Struct, frozen=True):
    """The new date, until when buyers can return tickets (null: always), and the notice to them."""

    starts_at: At
    refund_until: At | None = None
    notice: Notice = ""


class RefundSumsDocument(msgspec.Struct, frozen=True):
    """The progress of all refunds of a sale in one currency, in minor units."""

    currency: str
    done: int
    under_way: int
    refused: int


class FateDocument(msgspec.Struct, frozen=True):
    """Whether a sale was moved or cancelled. `orders` and `holds` are the live ones: after cancelling, the
    remaining."""

    event_id: str
    starts_at: datetime
    cancelled_at: datetime | None
    moved_from: datetime | None
    refund_until: datetime | None
    notice: str
    orders: int
    holds: int
    refunds: list[RefundSumsDocument]


@endpoint(
    "GET",
    "/v1/events/{event_id}/fate",
    tag=TAG,
    auth=OPERATOR,
    scope="reservations:read",
    answers={200: FateDocument},
    errors=(EventNotFound, StoreUnavailable),
)
async def read_fate(request: Request, account: Account) -> Response:
    """Get whether a sale was moved or cancelled, and the progress of its refunds."""
    return await _answer(request)


@endpoint(
    "POST",
    "/v1/events/{event_id}/cancel",
    tag=TAG,
    auth=ADMIN,
    scope="events:write",
    body=CancelBody,
    answers={200: FateDocument},
    headers=("Idempotency-Key",),
    errors=(*CHANGING, Restoring),
)
async def cancel_event(request: Request, account: Account, body: CancelBody) -> Response:
    """Cancel a sale: nothing more is sold, and every order is cancelled and refunded, once.

    A job does that. Repeating the call continues with what is left; the first notice is kept.
    """
    event_id = EventId(request.params["event_id"])

    async def cancel() -> Response:
        by, app = author(request, account), request.app
        await cancel_or_move.cancel(app.queues, app.stores, event_id, body.notice.strip(), by=by)
        event, _ = await events.event(app.stores, event_id)
        app.status_board.outdated(event.room_id)
        left = await cancel_or_move.affected(app.stores, event_id)
        if left.confirmed or left.held:
            await _start(request, account, "cancel_orders", event_id)
        return await _answer(request)

    return await respond_once(request, account, body, cancel)


@endpoint(
    "POST",
    "/v1/events/{event_id}/move",
    tag=TAG,
    auth=ADMIN,
    scope="events:write",
    body=MoveBody,
    answers={200: FateDocument},
    headers=("Idempotency-Key",),
    errors=CHANGING,
)
async def move_event(request: Request, account: Account, body: MoveBody) -> Response:
    """Move a sale to another date. Tickets stay valid, and a job notifies the buyers.

    Repeating the call with the same date, window and notice changes nothing.
    """
    event_id, notice = EventId(request.params["event_id"]), body.notice.strip()

    async def move() -> Response:
        event, _ = await events.event(request.app.stores, event_id)
        changes = body.starts_at, body.refund_until, notice
        if event.moved_from is None or (event.starts_at, event.refund_until, event.notice) != changes:
            await cancel_or_move.move(request.app.stores, event_id, *changes, by=author(request, account))
            await _start(request, account, "tell_moved", event_id)
        return await _answer(request)

    return await respond_once(request, account, body, move)


async def _start(request: Request, account: Account, kind: JobKind, event_id: EventId) -> None:
    """Start the job; if the same one is running, that one continues."""
    with suppress(Conflict):
        of, by = JobRequest(event_id=event_id), author(request, account)
        await jobs.start(request.app.stores, request.app.job_queue, kind, of, by=by)


async def _answer(request: Request) -> Response:
    event_id, stores = EventId(request.params["event_id"]), request.app.stores
    event, _ = await events.event(stores, event_id)
    left = await cancel_or_move.affected(stores, event_id)
    document = FateDocument(
        event_id=event_id,
        starts_at=in_zone(event.starts_at),
        cancelled_at=_utc(event.cancelled_at),
        moved_from=_utc(event.moved_from),
        refund_until=_utc(event.refund_until),
        notice=event.notice,
        orders=left.confirmed,
        holds=left.held,
        refunds=[RefundSumsDocument(*it) for it in await cancel_or_move.refund_sums(stores, event_id)],
    )
    return json_response(200, document, [PRIVATE])


def _utc(at: datetime | None) -> datetime | None:
    return in_zone(at) if at else None
