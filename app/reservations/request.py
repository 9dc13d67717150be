"""The tickets that a reservation asks for, in the one form used by scripts, the stream and both stores.

TYPE:QUANTITY,... for counted tickets, TYPE:QUANTITY@SEAT+SEAT,... for named seats, TYPE:QUANTITY@* for the
best ones. It is the same for equal bodies, so its digest is the body's fingerprint.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

from app.core.catalogue.seating import natural_order, type_of
from app.core.clock import from_ms
from app.core.errors import CodeRefused, NotOnSale, ValidationFailed
from app.core.reservations.requested_tickets import BestAvailable, NamedSeats, RequestedTickets, Together

BEST = "*"
GUEST = "*"  # in place of a code: free, and exempt from visitors' limits; no real code looks like this
_WHY = {
    "unknown": "There is no such code for this event.",
    "used_up": "This code has been used up.",
    "other": "This code is not for these tickets.",
    "from": "This code is valid from {}.",
    "until": "This code was valid until {}.",
}
_MESSAGES = {
    "unknown_type": "is not on sale here",
    "seated_type": "is sold by the seat; use seat_ids or best_available",
    "no_seats": "has no seats; use items",
    "unknown_seat": "is not a seat of this event",
}


class TicketRequest(NamedTuple):
    """A parsed request; `fields` maps each ticket type and seat to the body field that first names it."""

    items: str
    fingerprint: str
    fields: dict[str, str]

    def refusal(self, word: str, detail: str) -> ValidationFailed:
        """The refusal for something the stock does not know; `detail` as `submit.lua` returns it."""
        for name in detail.split("+"):
            field = self.fields.get(name)
            if field is not None:
                seat = field.startswith("seat_ids[")
                return ValidationFailed(field, _MESSAGES["unknown_seat" if seat else word])
        raise ValueError(f"{detail!r} was not requested")


def code_refused(detail: str) -> CodeRefused:
    """Why a code was refused; `detail` as the scripts return it: unknown, used_up, other, from|until:MS."""
    reason, _, ms = detail.partition(":")
    at = from_ms(int(ms or 0))
    moment = at.isoformat(timespec="seconds").replace("+00:00", "Z") if at else ""
    return CodeRefused(_WHY[reason].format(moment), reason=reason)


def coded(request: TicketRequest, code: str | None) -> TicketRequest:
    """The same request, made with a code."""
    return _request(f"{request.items}!{code.upper()}", request.fields) if code else request


def not_on_sale(detail: str, fields: Mapping[str, str]) -> NotOnSale:
    """Why these tickets are not on sale now; `detail` as the scripts return it: TYPE:from|until:MS."""
    name, word, ms = detail.split(":")
    at = from_ms(int(ms))
    moment = at.isoformat(timespec="seconds").replace("+00:00", "Z") if at else "long ago"
    when = f"is on sale from {moment}" if word == "from" else f"was on sale until {moment}"
    field = fields.get(name)
    return NotOnSale(f"{field}: {name} {when}." if field else f"{name} {when}.")


def ticket_request(tickets: RequestedTickets) -> TicketRequest:
    """Parse the tickets that a body asks for. Raises ValidationFailed naming the field."""
    if isinstance(tickets, Together):
        counted, seats = ticket_request(tickets.items), ticket_request(tickets.seats)
        for name in counted.fields.keys() & seats.fields.keys():
            raise ValidationFailed(seats.fields[name], "is of a ticket type that is also among the items")
        return _request(f"{counted.items},{seats.items}", {**counted.fields, **seats.fields})
    if isinstance(tickets, NamedSeats):
        return _named(tickets)
    if isinstance(tickets, BestAvailable):
        return _best(tickets.ticket_type_id, tickets.quantity)
    return _counted(tuple([(it.ticket_type_id, it.quantity) for it in tickets]))


@lru_cache(maxsize=4096)
def _counted(lines: tuple[tuple[str, int], ...]) -> TicketRequest:
    """Cached, because the bodies of a sale are mostly the same few."""
    if not lines:
        raise ValidationFailed("items", "names no tickets")
    names = [name for name, _ in lines]
    for i, (name, quantity) in enumerate(lines):
        if name in names[:i]:
            raise ValidationFailed(f"items[{i}].ticket_type_id", "is named twice")
        if quantity < 1:
            raise ValidationFailed(f"items[{i}].quantity", "must be 1 or more")
    fields = {name: f"items[{i}].ticket_type_id" for i, name in enumerate(names)}
    return _request(",".join(f"{name}:{quantity}" for name, quantity in sorted(lines)), fields)


def _named(tickets: NamedSeats) -> TicketRequest:
    fields: dict[str, str] = {}
    for i, seat in enumerate(tickets.seat_ids):
        if seat in fields:
            raise ValidationFailed(f"seat_ids[{i}]", "is named twice")
        fields[seat] = f"seat_ids[{i}]"
        fields.setdefault(type_of(seat), f"seat_ids[{i}]")
    lines = []
    for name, group in groupby(sorted(tickets.seat_ids, key=natural_order), key=type_of):
        seats = list(group)
        lines.append(f"{name}:{len(seats)}@{'+'.join(seats)}")
    return _request(",".join(lines), fields)


@lru_cache(maxsize=4096)
def _best(name: str, quantity: int) -> TicketRequest:
    if quantity < 1:
        raise ValidationFailed("best_available.quantity", "must be 1 or more")
    return _request(f"{name}:{quantity}@{BEST}", {name: "best_available.ticket_type_id"})


def _request(items: str, fields: dict[str, str]) -> TicketRequest:
    digest = hashlib.blake2b(items.encode(), digest_size=12).digest()
    return TicketRequest(items, base64.urlsafe_b64encode(digest).decode(), fields)
