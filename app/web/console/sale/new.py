"""A new sale on one page: tickets, room and schedule, created as a whole or not at all.

The page works without JavaScript; with it, the preview follows the input.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import msgspec
from quart import Response

from app import i18n
from app.catalogue import events
from app.core.catalogue.definitions import EventDefinition
from app.core.catalogue.sale_life import CANCEL_OR_MOVE_FIELDS
from app.core.clock import now_ms
from app.core.errors import AlreadyExists, ValidationFailed
from app.core.model import Event, EventId, Room, RoomId, RoomSettings, RoomStatus
from app.core.zones import zones
from app.web.console.frame import console_form, console_page
from app.web.console.sale import form as sale_form
from app.web.console.sale import money as sale_money
from app.web.console.sale import plan as sale_plan
from app.web.console.sale.form import LOOK, ROOM_NUMBERS, SaleForm
from app.web.console.staff import Staff
from app.web.documents.waiting_room import status_document
from app.web.http.routes import Request
from app.web.pages.documents import event_head
from app.web.pages.form_fields import redirect_to
from app.web.pages.render import html, respond
from app.web.pages.room.queue_document import QueueView, room_page
from app.web.pages.theme import look_before_it_is_saved

MOVING = re.compile(
    r'<script[^>]*></script>|<link rel="modulepreload"[^>]*>|<meta http-equiv="refresh"[^>]*>'
)


class NewSalePage(msgspec.Struct, frozen=True):
    """The form; once it is valid, also the plan and a preview of the queue page."""

    staff: Staff
    form: SaleForm
    zones: list[str]
    plan: list[sale_plan.Step]
    doubts: list[str]
    preview: str  # a complete page; "" for none
    gateways: list[str]  # empty if there is no choice
    queue_fields: tuple[str, ...] = (*ROOM_NUMBERS, "queueing_method", "draw_entropy", "message")
    look_fields: tuple[str, ...] = LOOK


@console_page("/admin/sales/new", section="New sale", role="admin")
async def new_sale(request: Request, staff: Staff) -> Response:
    """Show the empty form."""
    return _page(request, staff, SaleForm(sale_form.BEGIN | {"zone": staff.zone}))


@console_form("/admin/sales/new", section="New sale", role="admin")
async def make_sale(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Create the sale, or show a preview, or what is wrong."""
    read = sale_form.read(form)
    if read.definition is None:
        return _page(request, staff, read, status=ValidationFailed.status)
    if form.get("do") != "make":
        return _page(request, staff, read)
    try:
        event = await events.create_sale(request.app.stores, read.definition, by=staff.by)
        await request.app.hidden.refresh()
    except AlreadyExists as refusal:
        read.wrong["event_id"] = refusal.detail
    except ValidationFailed as refusal:
        [wrong] = refusal.members["errors"]
        read.wrong[wrong["field"]] = wrong["message"]
    else:
        return redirect_to(f"/admin/rooms/{event.room_id}/overview")
    return _page(request, staff, read, status=AlreadyExists.status)


def _page(request: Request, staff: Staff, form: SaleForm, *, status: int = 200) -> Response:
    zone, definition = form.values.get("zone") or "UTC", form.definition
    page = NewSalePage(
        staff=staff,
        form=form,
        zones=sorted(zones()),
        plan=sale_plan.plan(definition, zone, datetime.now(UTC)) if definition else [],
        doubts=sale_plan.warnings(definition) if definition else [],
        preview=_preview(definition) if definition else "",
        gateways=sale_money.to_choose_from(request.app.settings.gateways),
    )
    return respond("console/new_sale.html", page, status)


def _preview(definition: EventDefinition) -> str:
    """Render the queue page as it is before anybody can join."""
    fields = {name: getattr(definition.room, name) for name in RoomSettings.__struct_fields__}
    settings = RoomSettings(**{**fields, "name": definition.name})
    event_id, room_id = EventId(definition.event_id), RoomId(definition.event_id)
    room = Room(
        room_id=room_id,
        event_id=event_id,
        settings=settings,
        state="scheduled",
        version=1,
        epoch=1,
        seed=bytes(32),
        serving_position=0,
        numbers_reserved=0,
        opened_at_ms=0,
        closed_at_ms=0,
    )
    status = RoomStatus(
        now_ms=now_ms(),
        version=1,
        epoch=1,
        state="scheduled",
        serving_position=0,
        last_number=0,
        waiting=0,
        called=0,
        active=0,
        outflow_per_minute=0,
        available=0,
        opened_at_ms=0,
    )
    apart = ("event_id", "room_id", *CANCEL_OR_MOVE_FIELDS)
    terms: dict[str, Any] = {it: getattr(definition, it) for it in Event.__struct_fields__ if it not in apart}
    head = event_head(Event(event_id=event_id, room_id=room_id, **terms))
    view = QueueView(room, status, None, head, status_document(room, status), None)
    language, look = i18n.choose([settings.locale]), look_before_it_is_saved(settings)
    return MOVING.sub("", html("room.html", room_page(view), language, look))
