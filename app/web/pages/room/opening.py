"""The opening of a sale as a calendar file with an alarm: a reminder that needs no e-mail address."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from quart import Response, current_app

from app.core.clock import from_ms, in_zone, now_ms, to_ms
from app.core.errors import NotFound
from app.core.model import Room, RoomId
from app.core.zones import UTC
from app.web.http.routes import Request
from app.web.pages.event_heads import EVENT_HEADS, EventHeads

if TYPE_CHECKING:
    from icalendar import Calendar

ALARM = timedelta(minutes=-15)


async def opening(request: Request) -> Response:
    """Download the start of the pre-queue or, without one, the opening. 404 once it has passed."""
    room_id = RoomId(request.params["room_id"])
    room = (await request.app.status_board.current(room_id)).room
    opens_at = room.settings.prequeue_at or room.settings.opens_at
    if opens_at is None or to_ms(opens_at) <= now_ms():
        raise NotFound
    heads: EventHeads = current_app.extensions[EVENT_HEADS]
    head = await heads.of_room(request.app.stores, room)
    at = in_zone(opens_at, ZoneInfo(head.zone if head else UTC))
    file = _file(room, head.name if head else room.settings.name, at, request.origin())
    response = Response(file.to_ical(), content_type="text/calendar; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{room_id}.ics"'
    response.headers["Cache-Control"] = "private, no-store"
    return response


def _file(room: Room, name: str, at: datetime, origin: str) -> Calendar:
    """Calendars that already contain it adopt a new time: same `UID`, the room's version as `SEQUENCE`."""
    from icalendar import Alarm, Calendar, Event  # slow to import, and rarely needed

    url = f"{origin}/rooms/{room.room_id}"
    entry = Event()
    entry.add("uid", f"{room.room_id}-opening@fairgate")
    entry.add("dtstamp", from_ms(now_ms()))
    entry.add("sequence", room.version)
    entry.add("dtstart", at)
    entry.add("summary", name)
    entry.add("description", url)
    entry.add("url", url)
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", name)
    alarm.add("trigger", ALARM)
    entry.add_component(alarm)
    file = Calendar()
    file.add("prodid", "-//Fairgate//Opening//EN")
    file.add("version", "2.0")
    file.add("method", "PUBLISH")
    file.add_component(entry)
    file.add_missing_timezones()
    return file
