"""Duplicates a sale: a draft with everything but the original's message, codes and staff."""

from __future__ import annotations

import re

import msgspec
from quart import Response

from app.catalogue import events, sale_lives
from app.core.catalogue.seating import new_slug
from app.core.errors import AlreadyExists, EventNotFound, RoleRequired, ValidationFailed
from app.core.formats import SLUG
from app.core.model import Event, EventId, Room, RoomId
from app.web.console.frame import console_form, console_page
from app.web.console.sale.form import SaleForm, moment
from app.web.console.sale_head import SaleHead, sale_head
from app.web.console.staff import Staff
from app.web.http.routes import Request
from app.web.pages.form_fields import redirect_to
from app.web.pages.render import respond

NAME_MAX = 200


class DuplicatePage(msgspec.Struct, frozen=True):
    """The form for what differs from the original."""

    staff: Staff
    sale: SaleHead | None
    event: Event
    form: SaleForm


@console_page("/admin/rooms/<room_id>/duplicate", section="Sales", role="admin")
async def duplicate_page(request: Request, staff: Staff) -> Response:
    """Show the form."""
    room, event = await _room_and_event(request)
    return await _page(request, staff, room, event, SaleForm({"name": event.name}))


@console_form("/admin/rooms/<room_id>/duplicate", section="Sales", role="admin")
async def duplicate_sale(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Create the copy. Rights in a single sale do not include creating others."""
    if staff.account.role != "admin":
        raise RoleRequired("Only an account with the role admin can create sales.")
    room, event = await _room_and_event(request)
    read = SaleForm({name: it.strip() for name, it in form.items()})
    name, typed_id = read.values.get("name", ""), read.values.get("event_id", "")
    if not name or len(name) > NAME_MAX or not name.isprintable():
        read.wrong["name"] = f"enter a name of at most {NAME_MAX} characters"
    event_id = typed_id or new_slug(name, (), "event")
    if not re.fullmatch(SLUG, event_id):
        read.wrong["event_id"] = "letters a to z, digits and hyphens"
    starts_at = moment(read, "starts_at", event.timezone)
    if read.wrong or starts_at is None:
        return await _page(request, staff, room, event, read, ValidationFailed.status)
    try:
        copy = await sale_lives.duplicate(
            request.app.stores, room, EventId(event_id), name, starts_at, by=staff.by
        )
    except AlreadyExists as refusal:
        read.wrong["event_id"] = refusal.detail
        return await _page(request, staff, room, event, read, refusal.status)
    await request.app.hidden.refresh()
    return redirect_to(f"/admin/rooms/{copy}/overview")


async def _room_and_event(request: Request) -> tuple[Room, Event]:
    room = await request.app.queues.loaded_rooms.read(RoomId(request.params["room_id"]))
    if room.event_id is None:
        raise EventNotFound
    event, _ = await events.event(request.app.stores, room.event_id)
    return room, event


async def _page(
    request: Request, staff: Staff, room: Room, event: Event, form: SaleForm, status: int = 200
) -> Response:
    head = await sale_head(request, staff, room, "")
    return respond("console/duplicate.html", DuplicatePage(staff, head, event, form), status)
