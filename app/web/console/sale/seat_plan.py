"""The console's hall plan: place sections by dragging, or by numbers."""

from __future__ import annotations

import math

import msgspec
from quart import Response

from app.catalogue import events, seat_plans
from app.core.catalogue import seat_plan
from app.core.catalogue.seat_plan import REACH, PlacedSection
from app.core.errors import Conflict, Refusal, ValidationFailed
from app.core.model import Event, TicketType
from app.web.console.frame import console_form, console_page
from app.web.console.sale.codes import sale_of
from app.web.console.sale_head import SaleHead, head_of
from app.web.console.staff import Staff
from app.web.console.words import message_of
from app.web.documents.seats import seat_map_document
from app.web.http.deadlines import CALL_TIMEOUT_S
from app.web.http.routes import Request
from app.web.pages.form_fields import redirect_to
from app.web.pages.render import respond

FIELDS = {"x": REACH, "y": REACH, "turn": 360}


class SectionLine(msgspec.Struct, frozen=True):
    """A section with its three numbers as in the form; blank: placed automatically."""

    section: TicketType
    fields: dict[str, str]


class PlanPage(msgspec.Struct, frozen=True):
    """The sections and their positions."""

    staff: Staff
    sale: SaleHead
    event: Event
    lines: list[SectionLine]
    problem: str = ""


@console_page("/admin/rooms/<room_id>/seats/plan", section="Sales")
async def plan_page(request: Request, staff: Staff) -> Response:
    """Show the plan."""
    return await _page(request, staff)


@console_page("/admin/rooms/<room_id>/seats/plan.json", section="Sales", within_s=CALL_TIMEOUT_S)
async def plan_map(request: Request, staff: Staff) -> Response:
    """Return the seats to draw the plan with, in the format of the seat map, all of them free."""
    _, event, types = await sale_of(request)
    rows = await events.seat_rows(request.app.stores, event.event_id, types)
    body = msgspec.json.encode(seat_map_document(event, types, rows))
    return Response(body, content_type="application/json", headers={"Cache-Control": "no-store"})


@console_form("/admin/rooms/<room_id>/seats/plan/save", section="Sales", role="admin")
async def save_plan(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Save the positions of the sections; with `do=automatic`, place all of them automatically."""
    _, event, types = await sale_of(request)
    try:
        placed = [] if form.get("do") == "automatic" else [it for one in types if (it := _placed(one, form))]
        await seat_plans.save(request.app.stores, event.event_id, placed, by=staff.by)
    except (ValidationFailed, Conflict) as refusal:
        return await _page(request, staff, form, refusal)
    return redirect_to(f"/admin/rooms/{request.params['room_id']}/seats/plan")


def _placed(ticket_type: TicketType, form: dict[str, str]) -> PlacedSection | None:
    """Parse the position of a section; None if blank. Raises ValidationFailed."""
    texts = {
        name: form.get(f"{name}-{ticket_type.ticket_type_id}", "").strip().replace(",", ".")
        for name in FIELDS
    }
    if not ticket_type.seated or not (texts["x"] or texts["y"]):
        return None
    numbers = {}
    for name, most in FIELDS.items():
        try:
            numbers[name] = round(float(texts[name] or 0), 2)
        except ValueError:
            numbers[name] = math.nan
        if not abs(numbers[name]) <= most:
            raise ValidationFailed(
                f"{name}-{ticket_type.ticket_type_id}", f"must be a number up to {most}: {ticket_type.name}"
            )
    return PlacedSection(ticket_type_id=ticket_type.ticket_type_id, **numbers)


async def _page(
    request: Request, staff: Staff, filled: dict[str, str] | None = None, refusal: Refusal | None = None
) -> Response:
    room, event, types = await sale_of(request)
    lines = [SectionLine(it, _fields(it, filled)) for it in types if it.seated]
    problem, status = (message_of(refusal), refusal.status) if refusal else ("", 200)
    head = head_of(staff, room, event, "Seats")
    return respond("console/seat_plan.html", PlanPage(staff, head, event, lines, problem), status)


def _fields(ticket_type: TicketType, filled: dict[str, str] | None) -> dict[str, str]:
    if filled is not None:
        return {name: filled.get(f"{name}-{ticket_type.ticket_type_id}", "") for name in FIELDS}
    place = seat_plan.read(ticket_type.plan)
    return {name: f"{getattr(place, name):g}" if place else "" for name in FIELDS}
