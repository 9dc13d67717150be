"""The console's pages of sales: all rooms with their live numbers; one room and its controls."""

from __future__ import annotations

from typing import Any

import msgspec
from quart import Response

from app import room_control, waiting_room
from app.core.errors import Conflict, ValidationFailed
from app.core.model import Room, RoomId, RoomStatus
from app.core.rules import RoomAction
from app.web.console import console_form, console_page
from app.web.console_staff import Staff
from app.web.http import Request
from app.web.page_forms import see
from app.web.page_render import respond

STEPS: tuple[RoomAction, ...] = ("open", "pause", "resume", "close")
NUMBERS = ("admission_rate_per_minute", "active_visitors_max")


class RoomsPage(msgspec.Struct, frozen=True):
    """All rooms."""

    staff: Staff
    rooms: list[tuple[Room, RoomStatus]]


class RoomPage(msgspec.Struct, frozen=True):
    """One room: its live numbers and its controls."""

    staff: Staff
    room: Room
    status: RoomStatus
    problem: str = ""


@console_page("/admin", section="Sales")
async def rooms(request: Request, staff: Staff) -> Response:
    """The rooms."""
    found = await waiting_room.rooms(request.app.line, public_only=False)
    return respond("console/rooms.html", RoomsPage(staff, found))


@console_page("/admin/rooms/<room_id>", section="Sales")
async def room(request: Request, staff: Staff) -> Response:
    """One room."""
    return await _room(request, staff)


@console_form("/admin/rooms/<room_id>/state", section="Sales")
async def step(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Open, pause, resume or close."""
    asked = next((it for it in STEPS if it == form.get("step")), None)
    if asked is None:
        return await _room(request, staff, "There is no such step.", ValidationFailed.status)
    room_id = RoomId(request.params["room_id"])
    try:
        await room_control.set_state(request.app.line, room_id, asked, by=staff.by)
    except Conflict as refusal:
        return await _room(request, staff, refusal.detail, refusal.status)
    request.app.board.outdated(room_id)
    return see(f"/admin/rooms/{room_id}")


@console_form("/admin/rooms/<room_id>/settings", section="Sales")
async def settings(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Change the rate, the cap and the message."""
    patch: dict[str, Any] = {name: _number(form[name]) for name in NUMBERS if name in form}
    if "message" in form:
        patch["message"] = form["message"].replace("\r\n", "\n")
    room_id = RoomId(request.params["room_id"])
    try:
        await room_control.configure(request.app.line, room_id, patch, by=staff.by)
    except ValidationFailed as refusal:
        return await _room(request, staff, refusal.detail, refusal.status)
    request.app.board.outdated(room_id)
    return see(f"/admin/rooms/{room_id}")


async def _room(request: Request, staff: Staff, problem: str = "", status: int = 200) -> Response:
    found, live = await waiting_room.status(request.app.line, RoomId(request.params["room_id"]))
    return respond("console/room.html", RoomPage(staff, found, live, problem), status)


def _number(text: str) -> int | str | None:
    """A setting's number; empty is none, and anything else is left to the settings to refuse by name."""
    text = text.strip()
    if not text:
        return None
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 18 else text
