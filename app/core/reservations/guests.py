"""Guests of a sale, who get free tickets from the organiser: entered one by one or read from a list."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from app.core.errors import ValidationFailed
from app.core.model import Struct, TicketType, TicketTypeId, VisitorId
from app.core.notifications.email import mailbox
from app.core.text import typed

PREFIX = "guest."  # of a guest's visitor_id; those of visitors contain no dot
LIST_MAX = 500  # guests added at once
TICKETS_MAX = 100  # per guest
NAME_MAX = 200
WRONG_MAX = 10  # lines named in an error
TEXT_MAX = 256 * 1024  # bytes of a list
COLUMNS = ("name", "email", "type", "tickets")
HEADINGS = {  # of columns, case-insensitive
    "name": "name",
    "guest": "name",
    "email": "email",
    "e-mail": "email",
    "mail": "email",
    "type": "type",
    "ticket": "type",
    "ticket type": "type",
    "tickets": "tickets",
    "quantity": "tickets",
    "count": "tickets",
}


class NewGuest(Struct, frozen=True):
    """A person to be given some tickets of one type; without an address no e-mail is sent."""

    name: str
    email: str
    ticket_type_id: TicketTypeId
    quantity: int


class Guest(Struct, frozen=True):
    """A guest with their tickets, and the state of the e-mail that carries them ("": there is none)."""

    reservation_id: str
    name: str
    email: str
    ticket_type: str
    given: int
    valid: int
    checked_in: int
    mail: str
    added_at: datetime


class GuestCounts(NamedTuple):
    """The number of guests of a sale, and of the valid tickets they have together."""

    guests: int
    tickets: int


def guest_visitor(signed: str) -> VisitorId:
    """The visitor_id of a guest."""
    return VisitorId(PREFIX + signed)


def is_guest(visitor_id: str) -> bool:
    """Whether an order of this visitor is a guest's."""
    return visitor_id.startswith(PREFIX)


def read_guest(cells: Mapping[str, str], types: Sequence[TicketType]) -> NewGuest:
    """Parse one guest from form fields. Raises ValidationFailed naming the field."""
    name, email = typed.words(cells.get("name", "")), cells.get("email", "").strip()
    if not 0 < len(name) <= NAME_MAX or not name.isprintable():
        raise ValidationFailed("name", f"must be 1 to {NAME_MAX} characters")
    quantity = typed.whole_number(cells.get("tickets", "").strip() or "1")
    if quantity is None or not 1 <= quantity <= TICKETS_MAX:
        raise ValidationFailed("tickets", f"must be a whole number from 1 to {TICKETS_MAX}")
    return NewGuest(name, mailbox(email) if email else "", _type(cells.get("type", ""), types), quantity)


def _type(text: str, types: Sequence[TicketType]) -> TicketTypeId:
    """The ticket type with this id, or this name in any case; optional where there is only one."""
    name = typed.folded(text)
    for it in types:
        if name in (it.ticket_type_id, typed.folded(it.name)) or (not name and len(types) == 1):
            return it.ticket_type_id
    raise ValidationFailed("type", "is not a ticket type of this sale" if name else "is required")


def read_list(text: str, types: Sequence[TicketType], usual: str = "") -> list[NewGuest]:
    """Parse the guests of a CSV file or a pasted list. Raises ValidationFailed (`list`) naming the lines.

    Columns are name, e-mail, type and tickets, or as the first line names them. `usual`: the type for lines
    without one.
    """
    rows = csv.reader(io.StringIO(text.removeprefix("\ufeff")), delimiter=_separator(text))
    columns: tuple[str, ...] = COLUMNS
    guests, wrong = list[NewGuest](), list[str]()
    try:
        for number, row in enumerate(rows, 1):
            cells = [it.strip() for it in row]
            if number == 1 and (heads := _headings(cells)):
                columns = heads
            elif any(cells):
                named = {"type": usual} | {key: it for key, it in zip(columns, cells, strict=False) if it}
                _add(guests, wrong, f"row {rows.line_num}", named, types)
    except csv.Error as error:
        raise ValidationFailed("list", f"row {rows.line_num}: {error}") from None
    if wrong:
        more = f"; and {len(wrong) - WRONG_MAX} more" if len(wrong) > WRONG_MAX else ""
        raise ValidationFailed("list", f"{'; '.join(wrong[:WRONG_MAX])}{more}")
    if not guests:
        raise ValidationFailed("list", "contains no guests")
    return guests


def list_of(guests: Sequence[NewGuest]) -> str:
    """Format guests as a list that `read_list` parses back."""
    text = io.StringIO()
    rows = [(it.name, it.email, it.ticket_type_id, it.quantity) for it in guests]
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _separator(text: str) -> str:
    line = text.partition("\n")[0]
    return max(",;\t", key=line.count)


def _headings(cells: Sequence[str]) -> tuple[str, ...]:
    """The fields of the columns, if this line is a heading; "" for a column to ignore."""
    heads = tuple(HEADINGS.get(it.lower(), "") for it in cells)
    return heads if ("name" in heads and len({*heads} - {""}) > 1) or heads == ("name",) else ()


def _add(
    guests: list[NewGuest], wrong: list[str], line: str, cells: Mapping[str, str], types: Sequence[TicketType]
) -> None:
    try:
        guests.append(read_guest(cells, types))
    except ValidationFailed as refusal:
        wrong.append(f"{line}: {refusal.detail}")
    if len(guests) > LIST_MAX:
        raise ValidationFailed("list", f"has more than {LIST_MAX} guests; add the others afterwards")
