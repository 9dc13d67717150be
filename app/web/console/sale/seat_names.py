"""The console's page for renaming the rows and seats of a section."""

from __future__ import annotations

import msgspec
from quart import Response

from app.catalogue import events, seat_names
from app.catalogue.seat_names import NewNames
from app.core.catalogue.seat_names import labels_text
from app.core.errors import Conflict, Refusal, Restoring, ValidationFailed
from app.core.model import TicketType
from app.web.console.frame import console_form, console_page
from app.web.console.query import filters_of
from app.web.console.sale.codes import sale_of
from app.web.console.sale_head import SaleHead, head_of
from app.web.console.staff import Staff
from app.web.console.words import message_of
from app.web.http.deadlines import CALL_TIMEOUT_S
from app.web.http.routes import Request
from app.web.pages.form_fields import redirect_to
from app.web.pages.render import respond

ROWS_SHOWN_MAX = 500
FORM_MAX = 1024 * 1024
COUNT_MAX = 9  # digits
NUMBERINGS = {
    "": "As typed below",
    "left": "1, 2, 3 from the left",
    "right": "1, 2, 3 from the right",
    "odd": "Odd numbers from the left",
    "even": "Even numbers from the left",
    "outwards": "From the middle: odd to the left, even to the right",
}


class RowLine(msgspec.Struct, frozen=True):
    """A row with its current name, and the new one as typed."""

    name: str
    seats: str
    typed_name: str
    typed_seats: str


class NamesPage(msgspec.Struct, frozen=True):
    """The rows of one section; `sold`: how many sold tickets show other seats since the last save."""

    staff: Staff
    sale: SaleHead
    sections: list[TicketType]
    section: TicketType | None
    rows: list[RowLine]
    too_many: bool
    numberings: dict[str, str]
    numbering: str
    seats: str = ""
    sold: str = ""
    problem: str = ""


@console_page("/admin/rooms/<room_id>/seats/names", section="Sales", role="admin")
async def names_page(request: Request, staff: Staff) -> Response:
    """Show the names of rows and seats."""
    return await _page(request, staff, filters_of(request))


@console_form(
    "/admin/rooms/<room_id>/seats/names",
    section="Sales",
    role="admin",
    within_s=CALL_TIMEOUT_S,
    body_max=FORM_MAX,
)
async def rename_seats(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Rename rows and seats, also on tickets already sold."""
    _, event, types = await sale_of(request)
    section = next((it for it in types if it.seated and it.ticket_type_id == form.get("section")), None)
    if section is None:
        raise ValidationFailed("section", "is not a section of this sale")
    count = sum(name.startswith("row-") for name in form)
    rows, seats = ([form.get(f"{name}-{n}", "") for n in range(count)] for name in ("row", "seats"))
    of = request.app.queues.loaded_rooms, event.event_id, section.ticket_type_id
    try:
        names = NewNames(rows, seats, form.get("numbering", ""))
        done = await seat_names.rename(*of, names, by=staff.by)
    except (ValidationFailed, Conflict, Restoring) as refusal:
        return await _page(request, staff, form, refusal)
    path = f"/admin/rooms/{request.params['room_id']}/seats/names?section={section.ticket_type_id}"
    return redirect_to(f"{path}&seats={done.seats}&sold={done.sold}")


async def _page(
    request: Request, staff: Staff, form: dict[str, str], refusal: Refusal | None = None
) -> Response:
    room, event, types = await sale_of(request)
    sections = [it for it in types if it.seated]
    chosen = next((it for it in sections if it.ticket_type_id == form.get("section")), None)
    section = chosen or next(iter(sections), None)
    rows = await events.seat_rows(request.app.stores, event.event_id, [section]) if section else {}
    its_rows = rows[section.ticket_type_id] if section else []
    lines = []
    for n, row in enumerate(its_rows[:ROWS_SHOWN_MAX]):
        seats = labels_text(row)
        typed = form.get(f"row-{n}", row.row.upper()), form.get(f"seats-{n}", seats)
        lines.append(RowLine(row.row.upper(), seats, *typed))
    document = NamesPage(
        *(staff, head_of(staff, room, event, "Seats"), sections, section, lines),
        *(len(its_rows) > ROWS_SHOWN_MAX, NUMBERINGS, form.get("numbering", "")),
        *(_count(form, "seats"), _count(form, "sold"), message_of(refusal) if refusal else ""),
    )
    return respond("console/seat_names.html", document, refusal.status if refusal else 200)


def _count(form: dict[str, str], name: str) -> str:
    """A count of what was just changed, from the address."""
    text = form.get(name, "")
    return text if text.isdecimal() and len(text) < COUNT_MAX else ""
