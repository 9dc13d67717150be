"""The attendees of a sale: all ticket holders, found by name, e-mail, order or seat."""

from __future__ import annotations

from datetime import datetime
from typing import get_args
from urllib.parse import urlencode

import msgspec
from quart import Response

from app.catalogue import events
from app.core.catalogue.seating import seat_words
from app.core.errors import NotFound, ValidationFailed
from app.core.model import Event, Room, RoomId
from app.core.reservations.attendees import Attendee, AttendeeFilter, Presence
from app.core.reservations.buyers import BuyerForm, answered
from app.core.reservations.check_ins import DoorCounts
from app.reservations import check_ins
from app.store.away import stores_answer
from app.store.sql.reservations import attendees, buyers
from app.web.console.frame import console_page
from app.web.console.query import PER_PAGE, filters_of, one_of
from app.web.console.sale_head import SaleHead, head_of
from app.web.console.staff import Staff
from app.web.http.routes import Request
from app.web.pages.render import respond

PRESENCES: tuple[Presence, ...] = get_args(Presence)
WHO = {"guests": True, "buyers": False}


class AttendeeLine(msgspec.Struct, frozen=True):
    """One attendee; `seat` as text."""

    attendee: Attendee
    seat: str
    answers: list[tuple[str, str]]  # the buyer's, each with its question


class AttendeesPage(msgspec.Struct, frozen=True):
    """One page of attendees, the latest buyers first; `more`: address of the next page, or ""."""

    staff: Staff
    sale: SaleHead
    room: Room
    event: Event
    counts: DoorCounts
    query: dict[str, str]
    attendees: list[AttendeeLine]
    first: str
    more: str


@console_page("/admin/rooms/<room_id>/attendees", section="Sales", scope="reservations:read")
async def attendee_list(request: Request, staff: Staff) -> Response:
    """List the attendees that match."""
    room = await request.app.queues.loaded_rooms.get(RoomId(request.params["room_id"]))
    if room.event_id is None:
        raise NotFound("This room has no tickets.")
    fields, path = filters_of(request), request.path
    event, _ = await events.event(request.app.stores, room.event_id)
    counts = await check_ins.counts(request.app.stores, room.event_id)
    presence, after = one_of(fields, "presence", PRESENCES), _after(fields.get("after", ""))
    only = WHO.get(one_of(fields, "who", tuple(WHO)) or "")
    criteria = AttendeeFilter(room.event_id, fields.get("q"), presence, only, after)
    with stores_answer():
        listed = await attendees.page(request.app.stores.postgres, criteria, PER_PAGE + 1)
        form = await buyers.form_of(request.app.stores.postgres, room.event_id) or BuyerForm()
    lines = [_line(it, form) for it in listed[:PER_PAGE]]
    filters: dict[str, str] = {name: it for name, it in fields.items() if name in ("q", "presence", "who")}
    first = f"{path}?{urlencode(filters)}" if after else ""
    more = (
        f"{path}?{urlencode(filters | {'after': _key(lines[-1].attendee)})}" if len(listed) > PER_PAGE else ""
    )
    sale = head_of(staff, room, event, "Attendees")
    about = room, event, counts, fields, lines, first, more
    return respond("console/attendees.html", AttendeesPage(staff, sale, *about))


def _line(attendee: Attendee, form: BuyerForm) -> AttendeeLine:
    return AttendeeLine(
        attendee, seat_words(attendee.seat_id) if attendee.seat_id else "", answered(form, attendee.answers)
    )


def _key(attendee: Attendee) -> str:
    return f"{attendee.bought_at.isoformat()}_{attendee.ticket_id}"


def _after(text: str) -> tuple[datetime, str] | None:
    """Parse the key (see `_key`) of the attendee that a page starts after. Raises ValidationFailed."""
    if not text:
        return None
    at, _, ticket_id = text.partition("_")
    try:
        moment = datetime.fromisoformat(at.replace(" ", "+"))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None or not ticket_id.isalnum():
        raise ValidationFailed("after", "is no address of a page of attendees")
    return moment, ticket_id
