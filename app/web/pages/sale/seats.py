"""The seats on the booking page: the map drawn by a script, and the list without JavaScript.

Without JavaScript, visitors open a section and then a row by links, and tick checkboxes; with it, the same
place holds the list that `static/seat-list.js` builds from the map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.core.catalogue.seating import FREE, NEITHER, SeatRow
from app.core.catalogue.seating import seat_id as id_of_seat
from app.core.errors import Restoring
from app.core.model import EventId, Reservation, TicketType
from app.web.api.sale.seats import cached_seat_map
from app.web.documents.seats import SeatRowDocument, SeatSectionDocument
from app.web.http.routes import Request

BANDS = 5  # colours of the map; any further prices share the last one
LIVING = ("held", "paying", "confirmed")


@dataclass(frozen=True)
class SeatBox:
    """A seat of the open row."""

    seat_id: str
    number: str
    is_free: bool
    kind: str  # a: accessible, c: companion seat, .: neither


@dataclass(frozen=True)
class SeatLine:
    """A section or row in the list, with its number of free seats."""

    name: str
    label: str
    free: int


@dataclass(frozen=True)
class SeatsPart:
    """The seats on the booking page: `rows` of the open `section`, `seats` of the open `row`, if any."""

    most: int  # how many more this visitor may have
    mine: str  # their own seats, separated by spaces
    sections: Sequence[SeatLine]
    section: str
    rows: Sequence[SeatLine]
    row: str
    seats: Sequence[SeatBox]
    some_not_on_sale: bool  # whether some are not on sale
    kinds: bool  # whether `section` has accessible or companion seats
    accessible: bool  # whether only those are shown


async def seats_part(
    request: Request,
    event_id: EventId,
    ticket_types: Sequence[TicketType],
    mine: Sequence[Reservation],
    most: int,
    opened: tuple[str, str],
    accessible: bool,
    lost: Sequence[str] = (),
) -> SeatsPart | None:
    """Build the seats of an event; None if it has none. `opened`: the section and row asked for.

    `accessible`: list only sections and rows with accessible seats. `lost`: seats just refused, which the map
    may still show as free for a second.
    """
    seated = [it for it in ticket_types if it.seated]
    if not seated:
        return None
    living = [it for it in mine if it.status in LIVING]
    seats = [seat for it in living for item in it.items for seat in item.seat_ids or ()]
    section = await _section(request, event_id, opened[0])
    row = _row(section, opened[1])
    rows = [it for it in section.rows if it.kinds or not accessible] if section else []
    return SeatsPart(
        most=max(0, most - sum(item.quantity for it in living for item in it.items)),
        mine=" ".join(seats),
        sections=[SeatLine(it.ticket_type_id, it.name, it.total - it.held - it.sold) for it in seated],
        section=section.ticket_type_id if section else "",
        rows=[SeatLine(it.row, it.row.upper(), it.states.count(FREE)) for it in rows],
        row=row.row if row else "",
        seats=_boxes(section, row, lost, accessible=accessible) if section and row else [],
        some_not_on_sale=any(it.blocked for it in seated),
        kinds=any(it.kinds for it in section.rows) if section else False,
        accessible=accessible,
    )


async def _section(request: Request, event_id: EventId, name: str) -> SeatSectionDocument | None:
    """The current state of the section; the map is read only once somebody opened one."""
    if not name:
        return None
    try:
        document = (await cached_seat_map(request, event_id)).document
    except Restoring:
        return None  # available soon; meanwhile the page shows the sections
    return next((it for it in document.sections if it.ticket_type_id == name), None)


def _row(section: SeatSectionDocument | None, name: str) -> SeatRowDocument | None:
    return next((it for it in section.rows if it.row == name), None) if section else None


def _boxes(
    section: SeatSectionDocument, row: SeatRowDocument, lost: Sequence[str], *, accessible: bool
) -> list[SeatBox]:
    seats = SeatRow(row.row, row.first, row.states, row.kinds, ",".join(row.labels)).seats()
    return [
        SeatBox(seat_id, it.label.upper(), it.state == FREE and seat_id not in lost, it.kind)
        for it in seats
        if (it.kind != NEITHER or not accessible)
        and (seat_id := id_of_seat(section.ticket_type_id, row.row, it.label))
    ]


def bands_of(ticket_types: Sequence[TicketType]) -> dict[str, int]:
    """The colour of each seated type on the map: one per price, the most expensive first."""
    prices = sorted({it.price for it in ticket_types if it.seated}, reverse=True)
    return {it.ticket_type_id: min(prices.index(it.price), BANDS - 1) for it in ticket_types if it.seated}
