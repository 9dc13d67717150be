"""All reservations of a browser, across sales, and a calendar file for each."""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from quart import Response

from app.catalogue import events
from app.core.clock import from_ms, in_zone, now_ms
from app.core.errors import ReservationNotFound, StoreUnavailable
from app.core.model import Event, EventId, Reservation
from app.reservations import operations
from app.web.http.credentials import Requester, requester
from app.web.http.routes import Request
from app.web.pages.documents import event_head
from app.web.pages.render import respond
from app.web.pages.room.queue_document import QueueView
from app.web.pages.sale.booking import find_owned
from app.web.pages.sale.booking_documents import MinePage, MineView, reservation_view
from app.web.pages.visitors import NOT_A_CREDENTIAL

GOING = ("held", "paying", "confirmed")


async def mine(request: Request) -> Response:
    """Show all reservations of this browser."""
    try:
        buyer = await requester(request)
    except NOT_A_CREDENTIAL:
        buyer = Requester((), None)
    visitors = {it.room_id: it.visitor_id for it in buyer.visitors}
    reservations = await operations.of_browser(request.app.engine, visitors, list(buyer.orders))
    sales = {
        it.event_id: await _sale(request, it)
        for it in {each.event_id: each for each in reservations}.values()
    }
    views = [(it, sales[it.event_id].view(it)) for it in reservations]
    document = MinePage(
        now_ms=now_ms(),
        going=[view for it, view in views if it.status in GOING],
        ended=[view for it, view in views if it.status not in GOING],
    )
    return respond("mine.html", document)


async def tickets_of(request: Request, queue_view: QueueView) -> int:
    """How many tickets a visitor whose session ended has bought; 0 also while PostgreSQL is unavailable."""
    place, event = queue_view.place, queue_view.event
    if place is None or place.state != "done" or event is None:
        return 0
    try:
        reservations = await operations.of_visitor(
            request.app.engine, EventId(event.event_id), place.visitor_id
        )
    except StoreUnavailable:
        return 0
    return sum(item.quantity for it in reservations if it.status == "confirmed" for item in it.items)


@dataclass(frozen=True)
class Sale:
    """An event and the names of its ticket types."""

    event: Event
    names: dict[str, str]

    def view(self, reservation: Reservation) -> MineView:
        """The view of one of its reservations."""
        return MineView(event_head(self.event), reservation_view(reservation, self.names))


async def _sale(request: Request, reservation: Reservation) -> Sale:
    event, ticket_types = await events.event(request.app.stores, reservation.event_id)
    return Sale(event, {each.ticket_type_id: each.name for each in ticket_types})


async def calendar(request: Request) -> Response:
    """Download the event as a calendar file, for those with tickets. It has no end, which we do not know.

    Calendars that already contain it adopt the new time of a moved event (RFC 5545, 3.8.7.4): same `UID`,
    higher `SEQUENCE`, later `DTSTAMP`.
    """
    from icalendar import Calendar  # slow to import, and rarely needed
    from icalendar import Event as CalendarEvent

    reservation = await find_owned(request)
    event, _ = await events.event(request.app.stores, reservation.event_id)
    off = event.cancelled_at is not None  # then its orders are cancelled, which calendars have to show
    if reservation.status != "confirmed" and not (off and reservation.confirmed_at_ms):
        raise ReservationNotFound
    url = f"{request.origin()}/reservations/{reservation.reservation_id}"
    entry = CalendarEvent()
    entry.add("uid", f"{reservation.reservation_id}@fairgate")
    entry.add("dtstamp", from_ms(now_ms()))
    entry.add("sequence", await events.revision(request.app.stores, reservation.event_id))
    entry.add("dtstart", in_zone(event.starts_at, ZoneInfo(event.timezone)))
    entry.add("status", "CANCELLED" if off else "CONFIRMED")
    entry.add("summary", event.name)
    if event.venue:
        entry.add("location", event.venue)
    entry.add("description", url)
    entry.add("url", url)
    file = Calendar()
    file.add("prodid", "-//Fairgate//Tickets//EN")
    file.add("version", "2.0")
    file.add("method", "PUBLISH")
    file.add_component(entry)
    file.add_missing_timezones()
    response = Response(file.to_ical(), content_type="text/calendar; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{reservation.event_id}.ics"'
    response.headers["Cache-Control"] = "private, no-store"
    return response
