"""The console's page of a sale's seats: sections, seats that are not on sale, and the seats as a file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
from quart import Response

from app.catalogue import events, seat_blocks, seat_plans
from app.catalogue.seat_blocks import SeatsChanged
from app.core import currencies
from app.core.catalogue import seat_files, typed_seats
from app.core.catalogue.definitions import SEATS_BLOCKED_MAX, KeptAs, NewSeats
from app.core.catalogue.seating import KINDS, SeatRow, seat_id, seat_words
from app.core.errors import AlreadyExists, Conflict, Refusal, Restoring, ValidationFailed
from app.core.model import Event, EventId, TicketType
from app.core.text import typed
from app.store.sql.catalogue.seat_blocks import KeptSeat
from app.web.console.frame import console_form, console_page
from app.web.console.sale.codes import sale_of
from app.web.console.sale_head import SaleHead, head_of
from app.web.console.staff import Staff
from app.web.console.words import message_of
from app.web.http.deadlines import CALL_TIMEOUT_S
from app.web.http.routes import Request
from app.web.pages.form_fields import redirect_to
from app.web.pages.render import respond

FILE_MAX = 8 * 1024 * 1024
TAKEN_SHOWN = 6


class KeptRow(msgspec.Struct, frozen=True):
    """Seats of one row that are not on sale; `seats` in the notation of the form."""

    section: TicketType
    row: str
    seats: str
    kept_as: str


class SeatsPage(msgspec.Struct, frozen=True):
    """The sections with their numbers of rows, seats not on sale, and the form as filled in."""

    staff: Staff
    sale: SaleHead
    event: Event
    sections: list[tuple[TicketType, int]]
    not_on_sale: list[KeptRow]
    filled: dict[str, str]
    problem: str = ""
    form_with_problem: str = ""  # the form with the problem


@console_page("/admin/rooms/<room_id>/seats", section="Sales")
async def seats_page(request: Request, staff: Staff) -> Response:
    """Show the seats."""
    return await _page(request, staff)


@console_page("/admin/rooms/<room_id>/seats.json", section="Sales", within_s=CALL_TIMEOUT_S)
async def seats_file(request: Request, staff: Staff) -> Response:
    """Download all seats as a file that can be imported here or elsewhere."""
    _, event, types = await sale_of(request)
    stores, event_id = request.app.stores, event.event_id
    off_sale = {it.seat_id: it.kept_as for it in await seat_blocks.blocked_seats(stores, event_id)}
    body = seat_files.seats_file(types, await events.seat_rows(stores, event_id, types), off_sale)
    name = f'attachment; filename="{event.event_id}-seats.json"'
    headers = {"Cache-Control": "no-store", "Content-Disposition": name}
    return Response(body, content_type="application/json", headers=headers)


@console_form(
    "/admin/rooms/<room_id>/seats/read",
    section="Sales",
    role="admin",
    within_s=CALL_TIMEOUT_S,
    body_max=FILE_MAX,
)
async def read_seats(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Create the sections of a file, or extend existing ones to match it."""
    _, event, _ = await sale_of(request)
    scale, price_text = currencies.scale(event.currency), form.get("price", "").strip()
    try:
        price = typed.amount(price_text, scale) if price_text else None
        if price_text and price is None:
            raise ValidationFailed("price", f"must be an amount in {event.currency}, as 10 or 7.50")
        read = seat_files.read(form.get("file", ""), price, scale)
        new = msgspec.structs.replace(read.new, grow="grow" in form)
        await events.create_seats(request.app.stores, event.event_id, new, by=staff.by)
        await seat_plans.place(request.app.stores, event.event_id, seat_files.plan(form["file"]), by=staff.by)
        taken = await _keep(request, staff, event.event_id, read.kept)
    except (ValidationFailed, AlreadyExists, Conflict, Restoring) as refusal:
        return await _page(request, staff, form, refusal, "read")
    if taken:
        return await _page(request, staff, form, Conflict(f"Held or sold, so left alone: {taken}."), "read")
    return redirect_to(f"/admin/rooms/{request.params['room_id']}/seats")


@console_form("/admin/rooms/<room_id>/seats/grow", section="Sales", role="admin", within_s=CALL_TIMEOUT_S)
async def grow_section(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Add rows or seats to a section; possible while it is on sale."""
    _, event, types = await sale_of(request)
    try:
        section = _section(types, form)
        seats = typed_seats.new_seats(
            section.name, section.price, form.get("rows", ""), form.get("seats", "")
        )
        new = NewSeats(seats=seats, grow=True)
        await events.create_seats(request.app.stores, event.event_id, new, by=staff.by)
    except (ValidationFailed, Conflict) as refusal:
        return await _page(request, staff, form, refusal, "grow")
    return redirect_to(f"/admin/rooms/{request.params['room_id']}/seats")


@console_form("/admin/rooms/<room_id>/seats/block", section="Sales", role="admin", within_s=CALL_TIMEOUT_S)
async def keep_seats(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Block seats, keep them for the house, or put them back on sale; possible while the sale is open."""
    _, event, types = await sale_of(request)
    event_id = event.event_id
    try:
        section = _section(types, form)
        rows = await events.seat_rows(request.app.stores, event_id, [section])
        picked = typed_seats.picked(rows[section.ticket_type_id], form.get("rows", ""), form.get("seats", ""))
        ids = [seat_id(section.ticket_type_id, *it) for it in picked]
        if len(ids) > SEATS_BLOCKED_MAX:
            raise ValidationFailed("rows", f"have more than {SEATS_BLOCKED_MAX:,} seats")
        changed = await change_seats(request, staff, event_id, ids, form.get("how", "blocked"))
    except (ValidationFailed, Conflict, Restoring) as refusal:
        return await _page(request, staff, form, refusal, "block")
    if taken := taken_words(changed.taken):
        refused = Conflict(f"Held or sold, so left alone: {taken}. Changed: {len(changed.done)}.")
        return await _page(request, staff, form, refused, "block")
    return redirect_to(f"/admin/rooms/{request.params['room_id']}/seats#kept")


async def change_seats(
    request: Request, staff: Staff, event_id: EventId, ids: Sequence[str], how: str
) -> SeatsChanged:
    """Block these seats, keep them for the house, put them on sale, or mark them."""
    rooms = request.app.queues.loaded_rooms
    if how in ("", *KINDS):
        await seat_blocks.set_kind(request.app.stores, event_id, ids, how, by=staff.by)
        return SeatsChanged(list(ids), [])
    if how == "on_sale":
        return await seat_blocks.release(rooms, event_id, ids, by=staff.by)
    return await seat_blocks.block(
        rooms, event_id, ids, "house" if how == "house" else "blocked", by=staff.by
    )


async def _keep(
    request: Request, staff: Staff, event_id: EventId, kept: Mapping[KeptAs, Sequence[str]]
) -> str:
    """Take the seats off sale that a file keeps; returns those already taken, in words."""
    taken = list[str]()
    for kept_as, ids in kept.items():
        for first in range(0, len(ids), SEATS_BLOCKED_MAX):
            some = ids[first : first + SEATS_BLOCKED_MAX]
            rooms = request.app.queues.loaded_rooms
            taken += (await seat_blocks.block(rooms, event_id, some, kept_as, by=staff.by)).taken
    return taken_words(taken)


def taken_words(taken: Sequence[str]) -> str:
    """List seats that could not be changed, in words; "" for none."""
    words = ", ".join(seat_words(it) for it in taken[:TAKEN_SHOWN])
    return words + (f" and {len(taken) - TAKEN_SHOWN} more" if len(taken) > TAKEN_SHOWN else "")


def _section(types: Sequence[TicketType], form: dict[str, str]) -> TicketType:
    for it in types:
        if it.seated and it.ticket_type_id == form.get("section"):
            return it
    raise ValidationFailed("section", "is not a section of this sale")


async def _page(
    request: Request,
    staff: Staff,
    filled: dict[str, str] | None = None,
    refusal: Refusal | None = None,
    at: str = "",
) -> Response:
    room, event, types = await sale_of(request)
    stores = request.app.stores
    rows: dict[str, list[SeatRow]] = await events.seat_rows(stores, event.event_id, types)
    sections = [(it, len(rows.get(it.ticket_type_id, ()))) for it in types if it.seated]
    blocked = _kept_rows(types, await seat_blocks.blocked_seats(stores, event.event_id))
    head = head_of(staff, room, event, "Seats")
    problem, status = (message_of(refusal), refusal.status) if refusal else ("", 200)
    return respond(
        "console/seats.html",
        SeatsPage(staff, head, event, sections, blocked, filled or {}, problem, at),
        status,
    )


def _kept_rows(types: Sequence[TicketType], blocked: Sequence[KeptSeat]) -> list[KeptRow]:
    named: dict[str, TicketType] = {it.ticket_type_id: it for it in types}
    grouped: dict[tuple[str, str, str], list[str]] = {}
    for it in blocked:
        _, row, label = it.seat_id.rsplit("-", 2)
        grouped.setdefault((it.ticket_type_id, row, it.kept_as), []).append(label)
    return [
        KeptRow(named[type_id], row.upper(), typed_seats.spans_text(labels), kept_as)
        for (type_id, row, kept_as), labels in grouped.items()
        if type_id in named
    ]
