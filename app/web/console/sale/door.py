"""The door of a sale: a page that checks tickets in with a phone's camera, and the calls of its script.

Without JavaScript, codes are typed and sent as a form. With it, the page works offline for hours: it stores a
hash of each ticket code, and sends its scans when it can (`static/door.js`).
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qsl
from uuid import uuid4

import msgspec
from quart import Response

from app.catalogue import events
from app.core.clock import from_ms, to_ms
from app.core.errors import Conflict, NotFound, ValidationFailed
from app.core.model import Event, EventId, Room, RoomId
from app.core.reservations.check_ins import DoorCounts, Result, Scan, Scans
from app.core.text import typed
from app.core.text.formatting import zoned_time
from app.reservations import check_ins
from app.store.sql.reservations.check_ins import CheckedInTicket
from app.web.console.frame import console_form, console_page
from app.web.console.sale_head import SaleHead, head_of
from app.web.console.staff import Staff
from app.web.http.assets import load_assets
from app.web.http.routes import Request
from app.web.pages.render import compressed, respond

WITH_CAMERA = "camera=(self), geolocation=(), microphone=(), payment=()"
DEVICE = "This page"
FIELDS_MAX = 5
# How each verdict is shown: the kind of the message, and its text.
VERDICTS = {
    "checked_in": ("good", "Checked in"),
    "already": ("bad", "Already checked in"),
    "void": ("bad", "Void: this ticket was cancelled or given away"),
    "other_sale": ("bad", "A ticket of another sale"),
    "unknown": ("bad", "Unknown: no such ticket"),
    "undone": ("warn", "Undone"),
}


class DoorPage(msgspec.Struct, frozen=True):
    """The page; `result` is that of the code sent with its form."""

    staff: Staff
    sale: SaleHead
    room: Room
    event: Event
    counts: DoorCounts
    verdicts: dict[str, tuple[str, str]]
    code: str = ""
    result: Result | None = None
    detail: str = ""  # about the result, as text
    problem: str = ""


@console_page("/admin/rooms/<room_id>/door", section="Sales", scope="check_ins:read")
async def door(request: Request, staff: Staff) -> Response:
    """Show the check-in page."""
    return await _page(request, staff)


@console_form("/admin/rooms/<room_id>/door", section="Sales", scope="check_ins:write")
async def check_in_typed(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Check in the ticket with a typed code, or undo that."""
    event_id = await _event_id(request)
    if undone := form.get("undo"):
        try:
            await check_ins.undo(request.app.stores, event_id, undone, by=staff.by)
        except Conflict as refusal:
            return await _page(request, staff, problem=refusal.detail)
        return await _page(request, staff)
    code = form.get("code", "").strip()
    if not code or not code.isprintable():
        return await _page(request, staff, code=code, problem="Enter the code below the ticket's picture.")
    sent = Scans(device=DEVICE, scans=[Scan(scan_id=uuid4().hex, code=code[:300])])
    [result] = await check_ins.record(request.app.stores, event_id, sent, by=staff.by)
    return await _page(request, staff, code="" if result.verdict == "checked_in" else code, result=result)


@console_form("/admin/rooms/<room_id>/door/scans", section="Sales", scope="check_ins:write")
async def check_in_scans(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Record a device's scans, sent as JSON, and return the result of each."""
    try:
        sent = msgspec.json.decode(form.get("scans", ""), type=Scans)
    except msgspec.MsgspecError as error:
        raise ValidationFailed("scans", str(error)) from None
    event_id = await _event_id(request)
    results = await check_ins.record(request.app.stores, event_id, sent, by=staff.by)
    counts = await check_ins.counts(request.app.stores, event_id)
    return _json({"results": [_in_ms(it) for it in results], "counts": counts})


@console_form("/admin/rooms/<room_id>/door/undo", section="Sales", scope="check_ins:write")
async def undo_scan(request: Request, staff: Staff, form: dict[str, str]) -> Response:
    """Undo the check-in of a scan, for the script."""
    scan_id = form.get("scan_id", "")
    event_id = await _event_id(request)
    try:
        await check_ins.undo(request.app.stores, event_id, scan_id, by=staff.by)
    except Conflict:
        return _json({"undone": False, "counts": await check_ins.counts(request.app.stores, event_id)})
    return _json({"undone": True, "counts": await check_ins.counts(request.app.stores, event_id)})


@console_page("/admin/rooms/<room_id>/door/now", section="Sales", scope="check_ins:read")
async def door_now(request: Request, staff: Staff) -> Response:
    """Return the counts, and what other devices have done since `after`."""
    pairs = parse_qsl(request.query.decode("latin-1"), max_num_fields=FIELDS_MAX)
    after = from_ms(typed.whole_number(dict(pairs).get("after", ""))) or datetime.now(UTC)
    news = await check_ins.news(request.app.stores, await _event_id(request), after)
    return _json({"now_ms": to_ms(news.now), "counts": news.counts, "seen": _checked_rows(news.seen)})


@console_page("/admin/rooms/<room_id>/door/list", section="Sales", scope="check_ins:read", within_s=60)
async def door_list(request: Request, staff: Staff) -> Response:
    """Return what the script needs to work offline."""
    tickets = await check_ins.offline_list(request.app.stores, await _event_id(request))
    names = sorted({kind for _, kind in tickets.hashes})
    number = {it: f"{n % 256:02x}" for n, it in enumerate(names)}
    document = {
        "now_ms": to_ms(tickets.now),
        "whole": tickets.whole,
        "hashes": "".join(it for it, _ in tickets.hashes),
        "kinds": "".join(number[kind] for _, kind in tickets.hashes),
        "seen": _checked_rows(tickets.seen),
    }
    return _json(document)


@console_page("/admin/rooms/<room_id>/door/worker.js", section="Sales", scope="check_ins:read")
async def door_worker(request: Request, staff: Staff) -> Response:
    """Serve the service worker. Its path is below the page's, which limits its scope to that page."""
    asset = load_assets().files["door-worker.js"]
    response = Response(asset.plain, content_type=asset.content_type.decode())
    response.headers["Cache-Control"] = "private, no-cache"
    response.headers["Service-Worker-Allowed"] = request.path.removesuffix("/worker.js")
    return response


async def _page(
    request: Request, staff: Staff, *, code: str = "", result: Result | None = None, problem: str = ""
) -> Response:
    room = await request.app.queues.loaded_rooms.get(RoomId(request.params["room_id"]))
    if room.event_id is None:
        raise NotFound("This room has no tickets.")
    event, _ = await events.event(request.app.stores, room.event_id)
    counts = await check_ins.counts(request.app.stores, room.event_id)
    sale = head_of(staff, room, event, "Door")
    detail = _detail(result, event.timezone) if result else ""
    document = DoorPage(staff, sale, room, event, counts, VERDICTS, code, result, detail, problem)
    response = respond("console/door.html", document, 422 if problem else 200)
    response.headers["Permissions-Policy"] = WITH_CAMERA
    return response


def _detail(result: Result, zone: str) -> str:
    if result.verdict == "already" and result.first:
        first = result.first
        return f"at {zoned_time(to_ms(first.at), zone, 'short')} by {first.by} ({first.device})"
    return result.sale or " · ".join(part for part in (result.ticket_type, result.seat, result.name) if part)


async def _event_id(request: Request) -> EventId:
    room = await request.app.queues.loaded_rooms.get(RoomId(request.params["room_id"]))
    if room.event_id is None:
        raise NotFound("This room has no tickets.")
    return room.event_id


def _in_ms(result: Result) -> dict[str, Any]:
    """A result as the script reads it, with times in milliseconds."""
    fields: dict[str, Any] = msgspec.to_builtins(result)
    for name in ("first", "also"):
        checked = getattr(result, name)
        fields[name] = checked and {"at_ms": to_ms(checked.at), "by": checked.by, "device": checked.device}
    return fields


def _checked_rows(checked: list[CheckedInTicket]) -> list[list[object]]:
    """Rows of hash, time, who checked in, and device; the time is 0 if the check-in was undone."""
    return [
        [it.hash, to_ms(it.first.at), it.first.by, it.first.device] if it.first else [it.hash, 0, "", ""]
        for it in checked
    ]


def _json(document: object) -> Response:
    response = compressed(msgspec.json.encode(document), "application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
