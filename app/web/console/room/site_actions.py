"""What staff do to a room by hand besides its stages: call visitors, reset it, delete it."""

from __future__ import annotations

import hashlib

from quart import Response

from app.core.errors import Conflict, ValidationFailed
from app.core.model import RoomId
from app.core.text import typed
from app.waiting_room import emptying
from app.waiting_room.advance import COUNT_MAX, advance
from app.web.console.frame import console_form
from app.web.console.room.cockpit import room_response
from app.web.console.staff import Staff
from app.web.console.words import message_of
from app.web.http.routes import Request
from app.web.pages.form_fields import redirect_to


@console_form("/admin/rooms/<room_id>/advance", section="Sites")
async def let_in(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Call the first visitors of the queue, in addition to the rate. The same form sent again calls
    nobody."""
    room_id, count = _room_id(request), typed.whole_number(form.get("count", ""))
    if count is None or not 1 <= count <= COUNT_MAX:
        problem = f"Enter how many to let in: a whole number from 1 to {COUNT_MAX:,}."
        return await room_response(request, staff, form, problem, ValidationFailed.status)
    named = f"{staff.account.subject} {form.get('form', '')}".encode()
    advance_id = hashlib.blake2b(named, digest_size=16).hexdigest() if form.get("form") else ""
    try:
        done = await advance(request.app.queues, room_id, count, advance_id=advance_id, by=staff.by)
    except Conflict as refusal:
        return await room_response(request, staff, form, message_of(refusal), refusal.status)
    request.app.status_board.outdated(room_id)
    return redirect_to(f"/admin/rooms/{room_id}?advanced={done.called}&limit={done.limit}")


@console_form("/admin/rooms/<room_id>/reset", section="Sites")
async def start_anew(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Reset the room: remove everybody, and start again at number 1."""
    room_id = _room_id(request)
    try:
        await emptying.reset_room(request.app.queues, room_id, by=staff.by)
    except Conflict as refusal:
        return await room_response(request, staff, {}, message_of(refusal), refusal.status)
    request.app.status_board.outdated(room_id)
    return redirect_to(f"/admin/rooms/{room_id}?reset=1")


@console_form("/admin/rooms/<room_id>/delete", section="Sites")
async def drop_room(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Delete the room. If there are visitors in it, the form has to confirm how many."""
    room_id = _room_id(request)
    try:
        await emptying.delete_room(request.app.queues, room_id, force="force" in form, by=staff.by)
    except Conflict as refusal:
        return await room_response(request, staff, {}, message_of(refusal), refusal.status)
    request.app.status_board.outdated(room_id)
    return redirect_to(f"/admin/sites?deleted={room_id}")


def _room_id(request: Request) -> RoomId:
    return RoomId(request.params["room_id"])
