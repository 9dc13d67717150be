"""The autopilot form of the cockpit."""

from __future__ import annotations

from quart import Response

from app.core.errors import ValidationFailed
from app.core.model import RoomId
from app.waiting_room import control
from app.web.console.frame import console_form
from app.web.console.room.cockpit import room_response
from app.web.console.room.pilot import autopilot_from
from app.web.console.staff import Staff
from app.web.console.words import message_of
from app.web.http.routes import Request
from app.web.pages.form_fields import redirect_to


@console_form("/admin/rooms/<room_id>/autopilot", section="Sales")
async def save_autopilot(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Switch the autopilot on or off, pause or resume it, or change its settings."""
    room_id = RoomId(request.params["room_id"])
    room = await request.app.queues.loaded_rooms.read(room_id)
    try:
        changed = autopilot_from(room.settings.autopilot, form)
        await control.configure(request.app.queues, room_id, {"autopilot": changed}, by=staff.by)
    except ValidationFailed as refusal:
        return await room_response(request, staff, form, message_of(refusal), refusal.status)
    request.app.status_board.outdated(room_id)
    return redirect_to(f"/admin/rooms/{room_id}#autopilot")
