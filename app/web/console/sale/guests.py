"""A sale's guest list: give free tickets to one guest or a whole list, see check-ins, withdraw."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec
from quart import Response

from app.core.errors import Refusal, ValidationFailed
from app.core.model import Event, ReservationId, RoomId, TicketType
from app.core.reservations.guests import (
    LIST_MAX,
    TEXT_MAX,
    Guest,
    GuestCounts,
    NewGuest,
    list_of,
    read_guest,
    read_list,
)
from app.reservations import guests
from app.waiting_room import queue
from app.web.console.form_ids import new_form_id
from app.web.console.frame import console_form, console_page
from app.web.console.query import PER_PAGE, filters_of, page_number, to_page
from app.web.console.sale.codes import sale_of
from app.web.console.sale_head import SaleHead, sale_head
from app.web.console.staff import Staff
from app.web.console.words import message_of
from app.web.http.deadlines import CALL_TIMEOUT_S
from app.web.http.routes import Request
from app.web.pages.form_fields import redirect_to
from app.web.pages.render import respond

AT_ONCE = 50  # guests whose tickets are requested concurrently
FIELDS = ("name", "email", "type", "tickets")
MAILS = {  # state of the e-mail with the tickets, as the text and kind of a chip
    "sent": ("sent", "good"),
    "waiting": ("on its way", "off"),
    "handing_over": ("on its way", "off"),
}


class NotAdded(msgspec.Struct, frozen=True):
    """A guest who got no tickets, and why."""

    guest: NewGuest
    reason: str


class GuestsPage(msgspec.Struct, frozen=True):
    """One page of guests, and the forms for more, as filled in."""

    staff: Staff
    sale: SaleHead | None
    event: Event
    types: Sequence[TicketType]
    guests: Sequence[Guest]
    total: int
    counts: GuestCounts
    number: int
    to_page: str
    text: str
    added: str  # how many were just added; "" for none
    form: str
    filled: dict[str, str]
    problem: str = ""
    not_added: Sequence[NotAdded] = ()
    list_max: int = LIST_MAX

    @property
    def more(self) -> bool:
        """Whether there is another page."""
        return self.number * PER_PAGE < self.total

    def mail(self, guest: Guest) -> tuple[str, str]:
        """The state of a guest's e-mail, as a chip."""
        return MAILS.get(guest.mail, ("not sent", "warn"))


@console_page("/admin/rooms/<room_id>/guests", section="Sales", scope="reservations:read")
async def guest_list(request: Request, staff: Staff) -> Response:
    """Show the guest list."""
    return await _page(request, staff, {})


@console_form("/admin/rooms/<room_id>/guests/add", section="Sales", role="admin", within_s=CALL_TIMEOUT_S)
async def add_guest(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Give one guest their tickets."""
    _, _, types = await sale_of(request)
    try:
        guest = read_guest({name: form.get(name, "") for name in FIELDS}, types)
    except ValidationFailed as refusal:
        return await _page(request, staff, form, message_of(refusal), status=refusal.status)
    return await _add(request, staff, form, [guest])


@console_form(
    "/admin/rooms/<room_id>/guests/read",
    section="Sales",
    role="admin",
    within_s=CALL_TIMEOUT_S,
    body_max=4 * TEXT_MAX,
)
async def read_guests(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Give all guests on a list their tickets; those that fail stay in the form."""
    _, _, types = await sale_of(request)
    try:
        new = read_list(form.get("list", "")[:TEXT_MAX], types, form.get("usual", ""))
    except ValidationFailed as refusal:
        return await _page(request, staff, form, message_of(refusal), status=refusal.status)
    return await _add(request, staff, form, new)


@console_form("/admin/rooms/<room_id>/guests/withdraw", section="Sales", role="admin")
async def withdraw_guest(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Void a guest's tickets; they return to sale or stay off it."""
    _, event, _ = await sale_of(request)
    of = event.event_id, ReservationId(form.get("order", ""))
    await guests.withdraw(request.app.engine, *of, form.get("stock") != "out", by=staff.by)
    return redirect_to(f"/admin/rooms/{request.params['room_id']}/guests")


async def _add(request: Request, staff: Staff, form: dict[str, str], new: Sequence[NewGuest]) -> Response:
    """Request tickets for all of them. The same form sent again adds nobody twice."""
    _, event, types = await sale_of(request)
    app, room_id = request.app, RoomId(request.params["room_id"])
    await queue.status(app.queues, room_id)  # loads the room if Redis does not have it
    key, some = form.get("form", "")[:64] or new_form_id(), asyncio.Semaphore(AT_ONCE)

    async def add_guest(number: int, guest: NewGuest) -> NotAdded | None:
        async with some:
            of = app.engine, app.traces, event, types, guest
            try:
                await guests.add(*of, f"{key} {number}", by=staff.by)
            except Refusal as refusal:
                return NotAdded(guest, message_of(refusal))
        return None

    answers = await asyncio.gather(*(add_guest(*it) for it in enumerate(new)))
    not_added = [it for it in answers if it is not None]
    added = len(new) - len(not_added)
    if not not_added:
        return redirect_to(f"/admin/rooms/{room_id}/guests?added={added}")
    remaining = {"list": list_of([it.guest for it in not_added])} if "list" in form else form
    return await _page(request, staff, remaining, not_added=not_added, added=str(added), status=409)


async def _page(
    request: Request,
    staff: Staff,
    filled: dict[str, str],
    problem: str = "",
    *,
    not_added: Sequence[NotAdded] = (),
    added: str = "",
    status: int = 200,
) -> Response:
    room, event, types = await sale_of(request)
    fields = filters_of(request)
    number, text = page_number(fields), fields.get("q", "").strip()
    first = (number - 1) * PER_PAGE
    listed, total, counts = await guests.list_guests(
        request.app.stores, event.event_id, text, PER_PAGE, first
    )
    head = await sale_head(request, staff, room, "Guests")
    params = {name: it for name, it in fields.items() if name != "added"}
    document = GuestsPage(
        *(staff, head, event, types, listed, total, counts, number, to_page(request, params), text),
        *(added or fields.get("added", ""), new_form_id(), filled, problem, not_added),
    )
    return respond("console/guests.html", document, status)
