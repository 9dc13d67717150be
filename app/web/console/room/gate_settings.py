"""The settings of a site's room: its gate, its sessions, and who passes without waiting."""

from __future__ import annotations

import msgspec
from quart import Response

from app.core.errors import Conflict, ValidationFailed
from app.core.model import Room, RoomId, RoomStatus
from app.waiting_room import control, queue
from app.web.console.frame import console_form, console_page
from app.web.console.query import filters_of
from app.web.console.room import gate_form
from app.web.console.room.gate_form import GateForm
from app.web.console.staff import Staff
from app.web.http.routes import Request
from app.web.pages.form_fields import redirect_to
from app.web.pages.render import respond


class GatePage(msgspec.Struct, frozen=True):
    """The form with the current settings, or as typed, with errors."""

    staff: Staff
    room: Room
    status: RoomStatus
    form: GateForm
    fingerprint: str
    steered: bool  # whether the autopilot controls the rate
    saved: bool = False
    overtaken: bool = False  # whether somebody else changed the room meanwhile


@console_page("/admin/rooms/<room_id>/gate", section="Sites")
async def gate_settings(request: Request, staff: Staff) -> Response:
    """Show the settings."""
    room, status = await queue.status(request.app.queues, _room_id(request))
    return _page(
        staff, (room, status), gate_form.form_of(room.settings), saved="saved" in filters_of(request)
    )


@console_form("/admin/rooms/<room_id>/gate", section="Sites")
async def save_gate(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Save all settings, or none."""
    room, status = await queue.status(request.app.queues, _room_id(request))
    read, overtaken = gate_form.read(form), form.get("version") != gate_form.fingerprint(room.settings)
    if not read.wrong and not overtaken:
        try:
            await control.configure(request.app.queues, room.room_id, read.patch, by=staff.by)
        except ValidationFailed as refusal:
            read.add_refusal(refusal)
        else:
            request.app.status_board.outdated(room.room_id)
            return redirect_to(f"/admin/rooms/{room.room_id}/gate?saved=1")
    http_status = Conflict.status if overtaken else ValidationFailed.status
    return _page(staff, (room, status), read, http_status, overtaken=overtaken)


def _page(
    staff: Staff,
    current: tuple[Room, RoomStatus],
    form: GateForm,
    http_status: int = 200,
    *,
    saved: bool = False,
    overtaken: bool = False,
) -> Response:
    settings = current[0].settings
    steered = gate_form.is_steered(settings)
    page = GatePage(staff, *current, form, gate_form.fingerprint(settings), steered, saved, overtaken)
    return respond("console/gate.html", page, http_status)


def _room_id(request: Request) -> RoomId:
    return RoomId(request.params["room_id"])
