"""The console's page of a sale's codes: create one or a batch, see their use, switch off, export.

Ticket types are hidden here, too: a code that names a hidden type opens it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from quart import Response

from app.catalogue import codes, events
from app.core import currencies
from app.core.catalogue.codes import CodeSet, CodeUse, NewCodes
from app.core.catalogue.definitions import TicketTypePatch
from app.core.errors import AlreadyExists, Conflict, EventNotFound, ValidationFailed
from app.core.model import Event, EventId, Room, RoomId, TicketType, TicketTypeId
from app.core.text import typed
from app.core.text.validation_messages import validation_failed
from app.store.away import stores_answer
from app.web.api.sale.codes import create_set, csv_of
from app.web.console.form_ids import new_form_id, submit_once
from app.web.console.frame import console_form, console_page
from app.web.console.query import PER_PAGE, filters_of, page_number, to_page
from app.web.console.sale import local_times
from app.web.console.sale_head import SaleHead, sale_head
from app.web.console.staff import Staff
from app.web.console.words import message_of
from app.web.http.deadlines import CALL_TIMEOUT_S
from app.web.http.routes import Request
from app.web.pages.form_fields import redirect_to
from app.web.pages.render import respond

TYPE = "type "  # + ticket_type_id: the name of a checkbox
AMOUNTS = ("off_ticket", "off_order")
COUNTS = {"count": 1, "uses_max": 1, "percent": 0}  # number fields, with the value of an empty one
TIMES = {"valid_from": 0, "valid_until": -1}  # of an ambiguous time: the earlier or the later


class CodesPage(msgspec.Struct, frozen=True):
    """The sets and the form for a new one, as filled in; or one set with its codes."""

    staff: Staff
    sale: SaleHead | None
    event: Event
    types: list[TicketType]
    sets: Sequence[CodeSet]
    form: str
    filled: dict[str, str]
    problem: str = ""
    chosen: CodeSet | None = None
    codes: Sequence[CodeUse] = ()
    total: int = 0
    number: int = 1
    more: bool = False
    to_page: str = ""
    text: str = ""

    @property
    def names(self) -> dict[str, str]:
        """The names of the ticket types, by id."""
        return {it.ticket_type_id: it.name for it in self.types}


@console_page("/admin/rooms/<room_id>/codes", section="Sales", scope="reservations:read")
async def code_sets(request: Request, staff: Staff) -> Response:
    """List all sets or, with `set`, the codes of one."""
    fields = filters_of(request)
    if "set" not in fields:
        return await _page(request, staff)
    room, event, types = await sale_of(request)
    of, number = (request.app.stores, event.event_id, fields["set"]), page_number(fields)
    code_set, text = await codes.read_set(*of), fields.get("q", "")
    first = (number - 1) * PER_PAGE
    some, total = await codes.codes_page(*of, text=text, limit=PER_PAGE, offset=first)
    head = await sale_head(request, staff, room, "Codes")
    document = CodesPage(
        *(staff, head, event, types, (), new_form_id(), {}, "", code_set, some, total, number),
        *(number * PER_PAGE < total, to_page(request, fields), text),
    )
    return respond("console/codes.html", document)


@console_page(
    "/admin/rooms/<room_id>/codes.csv", section="Sales", scope="reservations:read", within_s=CALL_TIMEOUT_S
)
async def codes_csv(request: Request, staff: Staff) -> Response:
    """Export every code of a set, with how often it was used."""
    _, event, _ = await sale_of(request)
    of = request.app.stores, event.event_id, filters_of(request).get("set", "")
    await codes.read_set(*of)
    body = await csv_of(request.app, *of[1:])
    name = f'attachment; filename="{event.event_id}-codes.csv"'
    headers = {"Cache-Control": "no-store", "Content-Disposition": name}
    return Response(body, content_type="text/csv; charset=utf-8", headers=headers)


@console_form("/admin/rooms/<room_id>/codes/create", section="Sales", role="admin", within_s=CALL_TIMEOUT_S)
async def make_codes(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Create one code or a batch."""
    _, event, _ = await sale_of(request)
    try:
        new = msgspec.convert(_sent(form, event), NewCodes)
        code_set, _ = await submit_once(
            request, staff, form, lambda: create_set(request.app, event.event_id, new, staff.by)
        )
    except msgspec.ValidationError as error:
        return await _page(
            request, staff, form, message_of(validation_failed(error)), ValidationFailed.status
        )
    except (ValidationFailed, AlreadyExists, Conflict) as refusal:
        return await _page(request, staff, form, message_of(refusal), refusal.status)
    return redirect_to(f"/admin/rooms/{request.params['room_id']}/codes?set={code_set.set_id}")


@console_form("/admin/rooms/<room_id>/codes/switch", section="Sales", role="admin")
async def switch_codes(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Switch a set, or one code of it, off or on."""
    _, event, _ = await sale_of(request)
    of, on = (request.app.stores, event.event_id, form.get("set", "")), form.get("active") == "on"
    if code := form.get("code", ""):
        await codes.switch_code(*of, code, on, by=staff.by)
    else:
        await codes.switch_set(*of, on, by=staff.by)
    return redirect_to(f"/admin/rooms/{request.params['room_id']}/codes?set={form.get('set', '')}")


@console_form("/admin/rooms/<room_id>/codes/hide", section="Sales", role="admin")
async def hide_type(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Hide a ticket type, or show it to everybody."""
    _, event, _ = await sale_of(request)
    patch, type_id = TicketTypePatch(hidden=form.get("hidden") == "on"), TicketTypeId(form.get("type", ""))
    await events.change_ticket_type(request.app.stores, event.event_id, type_id, patch, by=staff.by)
    return redirect_to(f"/admin/rooms/{request.params['room_id']}/codes")


def _sent(form: dict[str, str], event: Event) -> dict[str, Any]:
    """Convert the form to the body of the API call. Raises ValidationFailed naming the field."""
    sent: dict[str, Any] = {"name": form.get("name", "").strip(), "prefix": form.get("prefix", "").strip()}
    if code := form.get("code", "").strip():
        sent["code"] = code
    for name, usual in COUNTS.items():
        number = typed.whole_number(form.get(name, "").strip() or str(usual))
        if number is None:
            raise ValidationFailed(name, "must be a whole number")
        sent[name] = number
    for name in AMOUNTS:
        amount = typed.amount(form.get(name, "").strip() or "0", currencies.scale(event.currency))
        if amount is None:
            raise ValidationFailed(name, f"must be an amount in {event.currency}, as 10 or 7.50")
        sent[name] = amount
    for name, which in TIMES.items():
        sent[name] = _time(form.get(name, "").strip(), name, event.timezone, which)
    sent["ticket_types"] = [it.removeprefix(TYPE) for it in form if it.startswith(TYPE)]
    return sent


def _time(text: str, name: str, zone: str, which: int) -> str | None:
    if not text:
        return None
    moment = local_times.read(text, zone, "")
    if isinstance(moment, str):
        raise ValidationFailed(name, moment)
    at: datetime = moment if isinstance(moment, datetime) else moment[which].at
    return at.isoformat()


async def _page(
    request: Request, staff: Staff, filled: dict[str, str] | None = None, problem: str = "", status: int = 200
) -> Response:
    room, event, types = await sale_of(request)
    sets = await codes.sets(request.app.stores, event.event_id)
    head = await sale_head(request, staff, room, "Codes")
    document = CodesPage(staff, head, event, types, sets, new_form_id(), filled or {}, problem)
    return respond("console/codes.html", document, status)


async def sale_of(request: Request) -> tuple[Room, Event, list[TicketType]]:
    """The room, its event and its ticket types. Raises EventNotFound for a site's room."""
    with stores_answer():
        room = await request.app.queues.loaded_rooms.read(RoomId(request.params["room_id"]))
    if room.event_id is None:
        raise EventNotFound
    event, types = await events.event(request.app.stores, EventId(room.event_id))
    return room, event, types
