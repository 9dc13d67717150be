"""The console's seat map, where chosen seats are blocked, kept for the house, or put on sale."""

from __future__ import annotations

import msgspec
from quart import Response

from app.core.catalogue.definitions import SEATS_BLOCKED_MAX, NamedSeatIds
from app.core.errors import Conflict, Refusal, Restoring, ValidationFailed
from app.core.model import TicketType
from app.core.text.validation_messages import validation_failed
from app.reservations import seat_map
from app.web.console.frame import console_form, console_page
from app.web.console.query import filters_of
from app.web.console.sale.codes import sale_of
from app.web.console.sale.seats import change_seats, taken_words
from app.web.console.sale_head import SaleHead, head_of
from app.web.console.staff import Staff
from app.web.console.words import message_of
from app.web.documents.seats import seat_map_document
from app.web.http.deadlines import CALL_TIMEOUT_S
from app.web.http.routes import Request
from app.web.pages.form_fields import redirect_to
from app.web.pages.render import respond


class ChoicePage(msgspec.Struct, frozen=True):
    """The map, and what can be done with the seats chosen on it; `chosen`: their ids."""

    staff: Staff
    sale: SaleHead
    sections: list[TicketType]
    most: int
    chosen: str
    action: str
    notice: str = ""
    problem: str = ""


@console_page("/admin/rooms/<room_id>/seats/map", section="Sales", role="admin")
async def choice_page(request: Request, staff: Staff) -> Response:
    """Show the map."""
    changed = filters_of(request).get("changed", "")
    notice = f"Seats changed: {int(changed):,}." if changed.isdecimal() and len(changed) < 9 else ""
    return await _page(request, staff, {}, notice=notice)


@console_page("/admin/rooms/<room_id>/seats/map.json", section="Sales", role="admin", within_s=CALL_TIMEOUT_S)
async def choice_map(request: Request, staff: Staff) -> Response:
    """Return the current state of the seats, also of an unpublished sale."""
    room, event, types = await sale_of(request)
    rows = await seat_map.live_rows(request.app.queues.loaded_rooms, room.room_id)
    body = msgspec.json.encode(seat_map_document(event, types, rows))
    return Response(body, content_type="application/json", headers={"Cache-Control": "no-store"})


@console_form("/admin/rooms/<room_id>/seats/map", section="Sales", role="admin", within_s=CALL_TIMEOUT_S)
async def change_chosen(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Change the chosen seats; possible while the sale is open."""
    _, event, _ = await sale_of(request)
    try:
        ids = _chosen(form)
        changed = await change_seats(request, staff, event.event_id, ids, form.get("how", "blocked"))
    except (ValidationFailed, Conflict, Restoring) as refusal:
        return await _page(request, staff, form, refusal)
    if taken := taken_words(changed.taken):
        refused = Conflict(f"Held or sold, so left alone: {taken}. Changed: {len(changed.done)}.")
        return await _page(request, staff, {"how": form.get("how", "")}, refused)
    return redirect_to(f"/admin/rooms/{request.params['room_id']}/seats/map?changed={len(changed.done)}")


def _chosen(form: dict[str, str]) -> list[str]:
    """Parse the ids of the chosen seats. Raises ValidationFailed."""
    ids = form.get("seat_ids", "").split()
    if not ids:
        raise ValidationFailed("seat_ids", "choose at least one seat on the map")
    try:
        return msgspec.convert({"seat_ids": ids}, NamedSeatIds).seat_ids
    except msgspec.ValidationError as error:
        raise validation_failed(error) from None


async def _page(
    request: Request, staff: Staff, form: dict[str, str], refusal: Refusal | None = None, notice: str = ""
) -> Response:
    room, event, types = await sale_of(request)
    document = ChoicePage(
        staff,
        head_of(staff, room, event, "Seats"),
        [it for it in types if it.seated],
        SEATS_BLOCKED_MAX,
        form.get("seat_ids", ""),
        form.get("how", "blocked"),
        notice,
        message_of(refusal) if refusal else "",
    )
    return respond("console/seat_choice.html", document, refusal.status if refusal else 200)
