"""The page that moves a sale to another date, or cancels it with refunds for all."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime

import msgspec
from quart import Response

from app.catalogue import cancel_or_move, events
from app.core.clock import to_ms
from app.core.errors import Conflict, ValidationFailed
from app.core.jobs import JobKind, JobRequest
from app.core.model import Event, EventId, RoomId
from app.core.text.formatting import money, zoned_time
from app.jobs import control as jobs
from app.store.sql.catalogue.cancel_or_move import AffectedOrders, RefundSums, RefusedRefund
from app.web.console.frame import console_form, console_page
from app.web.console.sale import local_times
from app.web.console.sale.local_times import LocalTime
from app.web.console.sale_head import SaleHead, head_of
from app.web.console.staff import Staff
from app.web.http.routes import Request
from app.web.pages.form_fields import redirect_to
from app.web.pages.render import respond

TAB = "Move or cancel"


class CancelOrMovePage(msgspec.Struct, frozen=True):
    """The page. `sums`: what cancelling refunds, and what has to be paid back outside Fairgate, in words."""

    staff: Staff
    sale: SaleHead
    event: Event
    starts: str  # in local time of the event
    affected: AffectedOrders
    sums: str
    outside: str
    refunds: list[RefundSums]
    refused: list[RefusedRefund]
    refused_total: int
    values: dict[str, str]
    wrong: dict[str, str]
    doubled: dict[str, list[LocalTime]]
    notice_max: int = cancel_or_move.NOTICE_MAX


@console_page("/admin/rooms/<room_id>/fate", section="Sales", role="admin")
async def cancel_or_move_page(request: Request, staff: Staff) -> Response:
    """Show the forms to move or cancel the sale, and the progress."""
    return await _page(request, staff, {}, {}, {})


@console_form("/admin/rooms/<room_id>/move", section="Sales", role="admin")
async def move_sale(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Move the sale to another date and notify the buyers."""
    event = await _event(request)
    wrong, doubled = dict[str, str](), dict[str, list[LocalTime]]()
    starts_at = _time(form, "starts_at", event.timezone, wrong, doubled)
    refund_until = _time(form, "refund_until", event.timezone, wrong, doubled)
    if starts_at is None and "starts_at" not in wrong:
        wrong["starts_at"] = "is required"
    if starts_at is None or wrong:
        return await _page(request, staff, form, wrong, doubled)
    notice = _notice(form)
    try:
        await cancel_or_move.move(
            request.app.stores, event.event_id, starts_at, refund_until, notice, by=staff.by
        )
    except ValidationFailed as refusal:
        [problem] = refusal.members["errors"]
        return await _page(request, staff, form, {problem["field"]: problem["message"]}, doubled)
    return await _start(request, staff, "tell_moved", event.event_id)


@console_form("/admin/rooms/<room_id>/cancel-sale", section="Sales", role="admin")
async def cancel_sale(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Cancel the sale and refund every order. Sent again, it continues with the remaining ones."""
    event = await _event(request)
    by, stores = staff.by, request.app.stores
    try:
        await cancel_or_move.cancel(request.app.queues, stores, event.event_id, _notice(form), by=by)
    except ValidationFailed as refusal:
        [problem] = refusal.members["errors"]
        return await _page(request, staff, form, {"cancel_notice": problem["message"]}, {})
    request.app.status_board.outdated(event.room_id)
    return await _start(request, staff, "cancel_orders", event.event_id)


@console_form("/admin/rooms/<room_id>/retry-refunds", section="Sales", role="admin")
async def retry_refunds(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Retry all refunds that the gateway refused."""
    event = await _event(request)
    await cancel_or_move.retry_refunds(request.app.stores, event.event_id, by=staff.by)
    return redirect_to(f"/admin/rooms/{event.room_id}/fate")


async def _start(request: Request, staff: Staff, kind: JobKind, event_id: EventId) -> Response:
    """Start the job and show it. If the same job is already running, show that one."""
    with suppress(Conflict):
        of = JobRequest(event_id=event_id)
        job_id = await jobs.start(request.app.stores, request.app.job_queue, kind, of, by=staff.by)
        return redirect_to(f"/admin/jobs/{job_id}")
    return redirect_to("/admin/jobs")


async def _event(request: Request) -> Event:
    """The event of the room. Raises RoomNotFound, or Conflict for a site's room."""
    room = await request.app.queues.loaded_rooms.read(RoomId(request.params["room_id"]))
    if room.event_id is None:
        raise Conflict("This room sells nothing.")
    event, _ = await events.event(request.app.stores, room.event_id)
    return event


def _time(
    form: dict[str, str],
    name: str,
    zone: str,
    wrong: dict[str, str],
    doubled: dict[str, list[LocalTime]],
) -> datetime | None:
    """Read a local time of the event; None if blank. Errors go into `wrong`, ambiguous times into
    `doubled`."""
    text = form.get(name, "").strip()
    if not text:
        return None
    moment = local_times.read(text, zone, form.get(f"{name}-offset", ""))
    if isinstance(moment, str):
        wrong[name] = moment
        return None
    if isinstance(moment, datetime):
        return moment
    doubled[name] = moment
    chosen = next((it.at for it in moment if it.chosen), None)
    if chosen is None:
        wrong[name] = local_times.ASK
    return chosen


def _notice(form: dict[str, str]) -> str:
    return form.get("notice", "").replace("\r\n", "\n").strip()


def _in_words(sums: dict[str, int]) -> str:
    return " and ".join(money(amount, currency) for currency, amount in sums.items())


async def _page(
    request: Request,
    staff: Staff,
    values: dict[str, str],
    wrong: dict[str, str],
    doubled: dict[str, list[LocalTime]],
) -> Response:
    event, stores = await _event(request), request.app.stores
    room = await request.app.queues.loaded_rooms.read(event.room_id)
    affected = await cancel_or_move.affected(stores, event.event_id)
    refused, total = await cancel_or_move.refused_refunds(stores, event.event_id)
    document = CancelOrMovePage(
        staff,
        head_of(staff, room, event, TAB),
        event,
        zoned_time(to_ms(event.starts_at), event.timezone),
        affected,
        _in_words(affected.refunds),
        _in_words(affected.outside),
        await cancel_or_move.refund_sums(stores, event.event_id),
        refused,
        total,
        values,
        wrong,
        doubled,
    )
    return respond("console/cancel_or_move.html", document, ValidationFailed.status if wrong else 200)
