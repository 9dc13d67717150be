"""The seats of the booking page: the map that a script draws, and the list without a script.

Without a script a visitor opens a section, then a row of it, each by a link, and checks boxes; with one the
same place holds the list that `static/seat-list.js` makes of the map.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app.core.errors import Restoring
from app.core.model import EventId, Reservation, TicketType
from app.core.seating import FREE, NEITHER, SeatRow
from app.core.seating import seat_id as id_of_seat
from app.web.api.seats import cached_seat_map
from app.web.documents.seats import SeatRowDocument, SeatSectionDocument
from app.web.http.routes import Request

BANDS = 5  # colours of the map; more different prices share the last one
LIVING = ("held", "paying", "confirmed")


@dataclass(frozen=True)
class SeatBox:
    """A seat of the row that is opened."""

    seat_id: str
    number: str
    is_free: bool
    kind: str  # a: accessible, c: a companion's, .: neither


@dataclass(frozen=True)
class SeatLine:
    """A section or a row as the list names it, and how many of its seats are free."""

    name: str
    label: str
    free: int


@dataclass(frozen=True)
class SeatsPart:
    """The seats on the booking page. `rows` are those of `section`, `seats` those of `row`; may be none."""

    most: int  # how many more this visitor may have
    mine: str  # the seats they have, apart by spaces
    sections: Sequence[SeatLine]
    section: str
    rows: Sequence[SeatLine]
    row: str
    seats: Sequence[SeatBox]
    kept: bool  # some are not on sale
    kinds: bool  # some of `section` are accessible, or a companion's
    accessible: bool  # only those are shown


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
    """The seats of an event, None where it has none; `opened`: the section and the row asked for.

    `accessible`: of these only what has accessible seats.
    `lost`: seats that were refused just now, which the map may still call free for a second.
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
        kept=any(it.blocked for it in seated),
        kinds=any(it.kinds for it in section.rows) if section else False,
        accessible=accessible,
    )


async def _section(request: Request, event_id: EventId, name: str) -> SeatSectionDocument | None:
    """The section as it is now; the map is read only where somebody opened one."""
    if not name:
        return None
    try:
        document = (await cached_seat_map(request, event_id)).document
    except Restoring:
        return None  # available soon; until then the page shows the sections
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
    """Which colour each seated type has on the map: one for each price, the dearest first."""
    prices = sorted({it.price for it in ticket_types if it.seated}, reverse=True)
    return {it.ticket_type_id: min(prices.index(it.price), BANDS - 1) for it in ticket_types if it.seated}
