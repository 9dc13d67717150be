"""Documents of seats: the seat map, and what staff change of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from app.core import seat_plan
from app.core.clock import in_zone
from app.core.model import Event, TicketType
from app.core.rules import sold_until
from app.core.seat_plan import Place
from app.core.seating import FREE, HELD, SOLD, SeatRow
from app.web.documents.sale import TicketTypeDocument


class SeatRowDocument(msgspec.Struct, frozen=True, omit_defaults=True):
    """A row: `states` has a character for each seat number from `first` on; - is a gap, no seat.

    `kinds` is there where not all of its seats are for everybody, with a character for each as well: a for an
    accessible seat, c for a companion's, which is sold with the accessible one next to it. `labels`, with
    an item for each, is there where seats are not called by their numbers.
    """

    row: str
    first: int
    states: str
    kinds: str = ""
    labels: list[str] = []  # msgspec copies it


class SeatSectionDocument(msgspec.Struct, frozen=True):
    """A section, a ticket type; `seat_id` is a pattern: put in the row and the number or label."""

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
    plan: Place | None = None  # where staff have placed it; null: in rings around the stage


class SeatStates(msgspec.Struct, frozen=True):
    """What the characters of `states` mean."""

    f: str = "free"
    h: str = "held"
    s: str = "sold"
    b: str = "blocked"


class SeatMapDocument(msgspec.Struct, frozen=True):
    """The seats of an event, the best rows of a section first, and the state of each."""

    event_id: str
    currency: str
    states: SeatStates
    sections: list[SeatSectionDocument]
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class CachedSeatMap:
    """A seat map as it is cached for a moment: the document, and its bytes."""

    published: bool
    document: SeatMapDocument
    plain: bytes
    gzipped: bytes
    tag: str  # ETag: another one when a seat changed, the same for both encodings (so a weak one)


class SeatsChangedDocument(msgspec.Struct, frozen=True):
    """The seats that are as was asked for, and those that stay as they are, because somebody has them."""

    done: list[str]
    taken: list[str]


class SeatsMadeDocument(msgspec.Struct, frozen=True):
    """The created sections, each a ticket type, and how many seats they have in all."""

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


def _section(event: Event, it: TicketType, rows: Sequence[SeatRow]) -> SeatSectionDocument:
    free, held, sold = (sum(row.states.count(state) for row in rows) for state in (FREE, HELD, SOLD))
    return SeatSectionDocument(
        ticket_type_id=it.ticket_type_id,
        name=it.name,
        price=it.price,
        seat_id=f"{it.ticket_type_id}-{{row}}-{{number}}",
        free=free,
        held=held,
        sold=sold,
        total=it.total,
        sale_from=_utc(it.sale_from),
        sale_until=_utc(sold_until(event, it.sale_until)),
        rows=[_row(row) for row in rows],
        plan=seat_plan.read(it.plan),
    )


def _row(it: SeatRow) -> SeatRowDocument:
    labels = it.labels.split(",") if it.labels else []
    return SeatRowDocument(it.row, it.first, it.states, it.kinds, labels)


def _utc(at: datetime | None) -> datetime | None:
    return in_zone(at) if at else None
