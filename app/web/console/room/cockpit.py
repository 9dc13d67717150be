"""The cockpit of a sale at `/admin/rooms/{room_id}`: live figures, graphs, and the controls.

Everything works without JavaScript, as of when the page was loaded; a script keeps the figures live.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl

import msgspec
from quart import Response

from app.catalogue import editing
from app.core.errors import Conflict, ValidationFailed
from app.core.model import Room, RoomId, RoomSettings, RoomStatus, VisitorId
from app.core.text import typed
from app.core.waiting_room.history import Point
from app.core.waiting_room.rules import RoomAction
from app.monitoring import history
from app.monitoring.history import HistoryRange
from app.store.redis.visitors import Visitor
from app.waiting_room import control, find_visitor
from app.web.console.form_ids import new_form_id
from app.web.console.frame import console_form, console_page, within
from app.web.console.page_access import may_still_open
from app.web.console.room.cockpit_document import Cockpit, last_in_queue
from app.web.console.room.gate_form import rule_words
from app.web.console.room.pilot import pilot_values
from app.web.console.sale_head import SaleHead, sale_head
from app.web.console.staff import Staff
from app.web.console.words import message_of
from app.web.http.routes import Request
from app.web.http.sse import server_sent
from app.web.pages.form_fields import redirect_to
from app.web.pages.render import respond

STEPS: tuple[RoomAction, ...] = ("open", "pause", "resume", "close")
WHOLE = "This was one edit together with other parts of the sale: whoever may edit the sale can undo it."
NUMBERS = ("admission_rate_per_minute", "active_visitors_max")
EVENTS = "/admin/rooms/<room_id>/events"
SIGNED_IN_EVERY_S = 10.0  # how soon a stream ends after its viewer was signed out or lost their rights
FIELDS_MAX = 20
TABLE_MAX = 30  # rows
RANGES: dict[HistoryRange, str] = {"5m": "5 min", "15m": "15 min", "1h": "1 h", "sale": "Whole sale"}
LIMITS = {  # why fewer visitors were called than the rate allows
    "nobody": "nobody else is waiting",
    "cap": "more would exceed the maximum inside at once",
    "tickets": "there are no more free tickets",
    "skipped": "the others were skipped for now",
}


class Effect(msgspec.Struct, frozen=True):
    """What other settings would do: the wait of the last in the queue `now` and `then`, or a problem."""

    now: str
    then: str
    field: str = ""
    problem: str = ""


class RoomPage(msgspec.Struct, frozen=True):
    """One room: its live figures and its controls."""

    staff: Staff
    sale: SaleHead | None  # None for a site's room
    room: Room
    status: RoomStatus
    live: Cockpit
    values: dict[str, str]  # of the number fields, as typed
    current_values: dict[str, str]  # of the number fields, as currently set
    effect: Effect | None
    find: str
    visitors_found: list[Visitor] | None
    rules: list[str]  # a site's bypass rules, in words
    pilot: dict[str, str]  # the autopilot's fields
    form: str  # id of the form that calls visitors by hand, so that it takes effect once
    ranges: dict[HistoryRange, str]
    range: HistoryRange  # time span of the graphs
    table: list[Point]  # the same figures as rows, newest first
    notice: str = ""
    problem: str = ""


@console_page("/admin/rooms/<room_id>", section="Sales")
async def room(request: Request, staff: Staff) -> Response:
    """Show one room."""
    return await room_response(request, staff, _fields(request))


@console_page("/admin/rooms/<room_id>/effect", section="Sales")
async def room_effect(request: Request, staff: Staff) -> Response:
    """Return what other settings would do, as JSON."""
    room, status, _ = await request.app.feeds.now(_room_id(request))
    body = msgspec.json.encode(_effect(room, status, _fields(request)))
    return Response(body, content_type="application/json", headers={"Cache-Control": "no-store"})


@console_page(EVENTS, section="Sales")
async def room_events(request: Request, staff: Staff) -> Response:
    """Open the cockpit's stream."""
    room_id = _room_id(request)
    await request.app.status_board.current(room_id)  # an unknown room is a 404, not a stream

    async def documents() -> AsyncIterator[bytes]:
        checked_at = time.monotonic()
        async for document in request.app.feeds.watch(room_id):
            yield document
            if time.monotonic() - checked_at > SIGNED_IN_EVERY_S:
                checked_at = time.monotonic()
                if not await may_still_open(request, EVENTS):
                    return

    stream: Any = server_sent("cockpit", documents(), request.app.draining)
    response = Response(stream, content_type="text/event-stream")
    response.headers.update({"Cache-Control": "no-store", "X-Accel-Buffering": "no"})
    response.timeout = None
    return response


@console_form("/admin/rooms/<room_id>/state", section="Sales")
async def step(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Open, pause, resume or close."""
    chosen = next((it for it in STEPS if it == form.get("step")), None)
    if chosen is None:
        return await room_response(request, staff, {}, "There is no such step.", ValidationFailed.status)
    room_id = _room_id(request)
    try:
        await control.set_state(request.app.queues, room_id, chosen, by=staff.by)
    except Conflict as refusal:
        return await room_response(request, staff, {}, message_of(refusal), refusal.status)
    return _changed(request, room_id)


@console_form("/admin/rooms/<room_id>/settings", section="Sales")
async def settings(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Change the rate, the maximum inside and the message."""
    patch: dict[str, Any] = _numbers(form)
    if "message" in form:
        patch["message"] = form["message"].replace("\r\n", "\n")
    room_id = _room_id(request)
    try:
        await control.configure(request.app.queues, room_id, patch, by=staff.by)
    except ValidationFailed as refusal:
        return await room_response(request, staff, form, message_of(refusal), refusal.status)
    return _changed(request, room_id)


@console_form("/admin/rooms/<room_id>/undo", section="Sales")
async def undo(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Undo the last change."""
    room_id, number = _room_id(request), form.get("audit_id", "")
    audit_id = typed.whole_number(number) or 0
    room = await request.app.queues.loaded_rooms.read(room_id)
    try:
        if last := await editing.sale_edit_of(request.app.stores, room, audit_id):
            if not staff.may("admin") or room.event_id is None:
                raise Conflict(WHOLE)
            await editing.undo(request.app.stores, room.event_id, last, by=staff.by)
        else:
            await control.undo(request.app.queues, room_id, audit_id, by=staff.by)
    except Conflict as refusal:
        return await room_response(request, staff, {}, message_of(refusal), refusal.status)
    return _changed(request, room_id)


@console_form("/admin/rooms/<room_id>/visitors/<visitor_id>/remove", section="Sales")
async def remove_visitor(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Remove a visitor for good: their place or their session."""
    room_id, visitor_id = _room_id(request), VisitorId(request.params["visitor_id"])
    await control.remove(request.app.queues, room_id, visitor_id, by=staff.by)
    request.app.status_board.outdated(room_id)
    return redirect_to(f"/admin/rooms/{room_id}?find={visitor_id}#find")


async def room_response(
    request: Request, staff: Staff, fields: dict[str, str], problem: str = "", status: int = 200
) -> Response:
    """Render the page, with what was looked up or what went wrong."""
    room, live, document = await request.app.feeds.now(_room_id(request))
    word, shown = fields.get("find", "").strip(), _range(fields)
    values = {
        "admission_rate_per_minute": str(room.settings.admission_rate_per_minute),
        "active_visitors_max": str(room.settings.active_visitors_max or ""),
        "message": room.settings.message,
    }
    page = RoomPage(
        staff=within(staff, "Sites") if room.event_id is None else staff,
        sale=await sale_head(request, staff, room, "Cockpit", live.state),
        room=room,
        status=live,
        live=document,
        current_values=values,
        values=values | {name: fields[name] for name in values if name in fields},
        effect=_effect(room, live, fields) if any(name in fields for name in NUMBERS) else None,
        find=word,
        visitors_found=await find_visitor.find(request.app.stores, room.room_id, word) if word else None,
        rules=[rule_words(it) for it in room.settings.bypass] if room.event_id is None else [],
        pilot=pilot_values(room.settings.autopilot, fields),
        form=new_form_id(),
        ranges=RANGES,
        range=shown,
        table=await _table(request, room, shown),
        notice=_notice(fields),
        problem=problem,
    )
    return respond("console/room.html", page, status)


@console_page("/admin/rooms/<room_id>/history", section="Sales", scope="stats:read")
async def room_history(request: Request, staff: Staff) -> Response:
    """Return the room's stored history as JSON, for the graphs."""
    room_id = _room_id(request)
    await request.app.status_board.current(room_id)  # an unknown room is a 404
    steps = await history.over(request.app.stores, room_id, _range(_fields(request)))
    body = msgspec.json.encode({"step_s": steps.step_s, "points": steps.points})
    return Response(body, content_type="application/json", headers={"Cache-Control": "no-store"})


def _range(fields: dict[str, str]) -> HistoryRange:
    return next((it for it in RANGES if it == fields.get("range")), "15m")


async def _table(request: Request, room: Room, span: HistoryRange) -> list[Point]:
    """A selection of the points, evenly spaced."""
    points = (await history.over(request.app.stores, room.room_id, span)).points
    return points[:: -max(1, -(-len(points) // TABLE_MAX))]


def _notice(fields: dict[str, str]) -> str:
    """The result of a form of this page, as encoded in the address."""
    number = typed.whole_number(fields.get("advanced", ""))
    if number is None:
        return "The room was reset: it is empty, and numbers start at 1." if "reset" in fields else ""
    called = f"{number:,} {'visitor was' if number == 1 else 'visitors were'} called"
    why = LIMITS.get(fields.get("limit", ""), "")
    return f"{called}: {why}." if why else f"{called}."


def _effect(room: Room, status: RoomStatus, fields: dict[str, str]) -> Effect:
    now = last_in_queue(room, status, room.settings)
    try:
        changed = control.read_settings(msgspec.to_builtins(room.settings) | _numbers(fields))
    except ValidationFailed as refusal:
        [wrong] = refusal.members["errors"]
        return Effect(now, "", wrong["field"], message_of(refusal))
    assert isinstance(changed, RoomSettings)
    return Effect(now, last_in_queue(room, status, changed))


def _changed(request: Request, room_id: RoomId) -> Response:
    """Publish the change to everybody at once."""
    request.app.status_board.outdated(room_id)
    return redirect_to(f"/admin/rooms/{room_id}")


def _room_id(request: Request) -> RoomId:
    return RoomId(request.params["room_id"])


def _fields(request: Request) -> dict[str, str]:
    """The valid fields of the query."""
    try:
        return dict(
            parse_qsl(request.query.decode("latin-1"), keep_blank_values=True, max_num_fields=FIELDS_MAX)
        )
    except ValueError:
        return {}


def _numbers(form: dict[str, str]) -> dict[str, int | str | None]:
    """Read the number fields, except those the user left as shown: they may have changed meanwhile."""
    return {
        name: _number(form[name])
        for name in NUMBERS
        if name in form and form[name] != form.get(f"{name}_was")
    }


def _number(text: str) -> int | str | None:
    """Read a setting's number: None if empty. Text that is no number stays text, so that the settings refuse
    it by name."""
    text = text.strip()
    if not text:
        return None
    number = int(text) if re.fullmatch(r"-[0-9]{1,18}", text) else typed.whole_number(text)
    return text if number is None else number
