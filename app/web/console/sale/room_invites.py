"""Invitations to a room for members: add a list, see who joined, resend, withdraw."""

from __future__ import annotations

from typing import ClassVar

import msgspec
from quart import Response

from app.core.errors import Conflict, ValidationFailed
from app.core.model import Room, RoomId, RoomStatus
from app.core.waiting_room.room_invites import FILE_MAX, RoomInvite, read_addresses
from app.waiting_room import queue, room_invites
from app.web.api.room.room_invites import links_of
from app.web.console.frame import console_form, console_page
from app.web.console.query import PER_PAGE, filters_of, page_number, to_page
from app.web.console.sale_head import SaleHead, sale_head
from app.web.console.staff import Staff
from app.web.console.words import message_of
from app.web.http.deadlines import CALL_TIMEOUT_S
from app.web.http.routes import Request
from app.web.pages.form_fields import redirect_to
from app.web.pages.render import respond

STATES = {
    "sent": ("sent", ""),
    "on_its_way": ("on its way", ""),
    "not_sent": ("not sent", "warn"),
    "used": ("used", "good"),
    "withdrawn": ("withdrawn", "off"),
}


class InvitesPage(msgspec.Struct, frozen=True):
    """One page of invitations, and the form for more, as filled in."""

    staff: Staff
    sale: SaleHead | None
    room: Room
    status: RoomStatus
    invites: list[RoomInvite]
    total: int
    number: int
    to_page: str
    text: str
    invited: str  # how many were just invited; "" for none
    filled: str = ""
    problem: str = ""
    states: ClassVar[dict[str, tuple[str, str]]] = STATES

    @property
    def more(self) -> bool:
        """Whether there is another page."""
        return self.number * PER_PAGE < self.total


@console_page("/admin/rooms/<room_id>/invites", section="Sales", scope="reservations:read")
async def invites(request: Request, staff: Staff) -> Response:
    """List the invitations."""
    return await _page(request, staff)


@console_form(
    "/admin/rooms/<room_id>/invites/add", section="Sales", within_s=CALL_TIMEOUT_S, body_max=4 * FILE_MAX
)
async def add_invites(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Invite the addresses on a list."""
    room_id, app = RoomId(request.params["room_id"]), request.app
    await app.queues.loaded_rooms.read(room_id)
    try:
        links, to = links_of(app), read_addresses(form.get("file", "")[:FILE_MAX])
        new_ids = await room_invites.invite(app.stores, app.places, links, room_id, to, by=staff.by)
    except (ValidationFailed, Conflict) as refusal:
        return await _page(request, staff, form.get("file", ""), message_of(refusal), refusal.status)
    return redirect_to(f"/admin/rooms/{room_id}/invites?invited={new_ids}")


@console_form("/admin/rooms/<room_id>/invites/send", section="Sales")
async def send_invite_again(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """E-mail a link once more."""
    room_id, app = RoomId(request.params["room_id"]), request.app
    await app.queues.loaded_rooms.read(room_id)
    links_of(app)
    await room_invites.send_again(app.stores, room_id, form.get("invite", ""), by=staff.by)
    return redirect_to(f"/admin/rooms/{room_id}/invites")


@console_form("/admin/rooms/<room_id>/invites/withdraw", section="Sales")
async def withdraw_invite(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Withdraw an invitation; a visitor who joined with it is removed."""
    room_id = RoomId(request.params["room_id"])
    await request.app.queues.loaded_rooms.read(room_id)
    await room_invites.withdraw(request.app.queues, room_id, form.get("invite", ""), by=staff.by)
    return redirect_to(f"/admin/rooms/{room_id}/invites")


async def _page(
    request: Request, staff: Staff, filled: str = "", problem: str = "", status: int = 200
) -> Response:
    room_id, fields = RoomId(request.params["room_id"]), filters_of(request)
    number, text = page_number(fields), fields.get("q", "").strip()
    room, now = await queue.status(request.app.queues, room_id)
    first = (number - 1) * PER_PAGE
    listed, total = await room_invites.listed(request.app.stores, room_id, text, PER_PAGE, first)
    head = await sale_head(request, staff, room, "Entry", now.state)
    params = {name: it for name, it in fields.items() if name != "invited"}
    document = InvitesPage(
        *(staff, head, room, now, listed, total, number, to_page(request, params), text),
        *(fields.get("invited", ""), filled, problem),
    )
    return respond("console/room_invites.html", document, status)
