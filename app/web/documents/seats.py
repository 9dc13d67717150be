"""Documents of seats: the seat map, and changes by staff."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from app.core.catalogue import seat_plan
from app.core.catalogue.seat_plan import Place
from app.core.catalogue.seating import FREE, HELD, SOLD, SeatRow
from app.core.clock import in_zone
from app.core.model import Event, TicketType
from app.core.waiting_room.rules import sold_until
from app.web.documents.sale import TicketTypeDocument


class SeatRowDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """A row: `states` has a character for each seat number from `first` on; `-` is a gap.

    `kinds` likewise has a character for each, present if some seats are not for everybody: `a` for an
    accessible seat, `c` for a companion seat, which is sold together with the accessible one next to it.
    `labels` has an item for each, present if seats are not named by their numbers.
    """

    row: str
    first: int
    states: str
    kinds: str = ""
    labels: list[str] = []  # safe, as msgspec copies it


class SeatSectionDocument(msgspec.Struct, frozen=True):
    """A section, which is a ticket type. `seat_id` is a pattern for the row and the number or label."""

    ticket_type_id: str
    name: str
    price: int
    seat_id: str
    free: int
    held: int
    sold: int
    total: int
    sale_from: datetime | None
    sale_until: datetime | None
    rows: list[SeatRowDocument]
    plan: Place | None = None  # its place as set by staff; null: in rings around the stage


class SeatStates(msgspec.Struct, frozen=True):
    """The meaning of the characters in `states`."""

    f: str = "free"
    h: str = "held"
    s: str = "sold"
    b: str = "blocked"


class SeatMapDocument(msgspec.Struct, frozen=True):
    """The seats of an event, the best rows of a section first, with the state of each."""

    event_id: str
    currency: str
    states: SeatStates
    sections: list[SeatSectionDocument]
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class CachedSeatMap:
    """A seat map cached for a moment: the document, and its bytes."""

    published: bool
    document: SeatMapDocument
    plain: bytes
    gzipped: bytes
    tag: str  # ETag: changes with any seat, equal for both encodings and therefore weak


class SeatsChangedDocument(msgspec.Struct, frozen=True):
    """The seats changed as requested (or already so), and those left alone because somebody has them."""

    done: list[str]
    taken: list[str]


class SeatsMadeDocument(msgspec.Struct, frozen=True):
    """The created sections, each a ticket type, and their total number of seats."""

    event_id: str
    ticket_types: list[TicketTypeDocument]
    seats: int


def seat_map_document(
    event: Event, ticket_types: list[TicketType], rows: Mapping[str, Sequence[SeatRow]]
) -> SeatMapDocument:
    """The seat map; `rows` by ticket type, with live states."""
    sections = [_section(event, it, rows.get(it.ticket_type_id, ())) for it in ticket_types if it.seated]
    now = datetime.now(UTC).replace(microsecond=0)
    return SeatMapDocument(event.event_id, event.currency, SeatStates(), sections, now)


def _section(event: Event, section: TicketType, rows: Sequence[SeatRow]) -> SeatSectionDocument:
    free, held, sold = (sum(row.states.count(state) for row in rows) for state in (FREE, HELD, SOLD))
    return SeatSectionDocument(
        ticket_type_id=section.ticket_type_id,
        name=section.name,
        price=section.price,
        seat_id=f"{section.ticket_type_id}-{{row}}-{{number}}",
        free=free,
        held=held,
        sold=sold,
        total=section.total,
        sale_from=_utc(section.sale_from),
        sale_until=_utc(sold_until(event, section.sale_until)),
        rows=[_row(row) for row in rows],
        plan=seat_plan.read(section.plan),
    )


def _row(row: SeatRow) -> SeatRowDocument:
    labels = row.labels.split(",") if row.labels else []
    return SeatRowDocument(row.row, row.first, row.states, row.kinds, labels)


def _utc(at: datetime | None) -> datetime | None:
    return in_zone(at) if at else None
