"""Tickets and buyer details on the page of a reservation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import segno
from markupsafe import Markup

from app.core.catalogue.seating import SeatName, seat_name
from app.core.reservations.buyers import Buyer, BuyerForm


@dataclass(frozen=True)
class TicketView:
    """A ticket with its code, also as a QR picture (SVG made by us, so safe to embed unescaped).

    A ticket without a code was given away. `offered_to`: the address it is offered to.
    """

    ticket_id: str
    name: str
    seat: SeatName | None
    code: str
    qr: Markup
    offered_to: str = ""


def ticket_view(names: Mapping[str, str], ticket: Mapping[str, Any], offers: Mapping[str, str]) -> TicketView:
    """Build the view of a ticket of a confirmed reservation."""
    ticket_id, type_id, code = ticket["ticket_id"], ticket["ticket_type_id"], ticket["code"]
    seat = seat_name(ticket["seat_id"]) if ticket["seat_id"] else None
    name = names.get(type_id, type_id)
    return TicketView(ticket_id, name, seat, code, qr_picture(code), offers.get(ticket_id, ""))


def qr_picture(code: str) -> Markup:
    """The QR picture of a ticket code; empty without one."""
    return Markup(segno.make(code, micro=False).svg_inline(omitsize=True, border=2) if code else "")


@dataclass(frozen=True)
class BuyerPart:
    """What a sale asks its buyer, the answers, and the names of `missing` and `wrong` fields."""

    form: BuyerForm
    buyer: Buyer
    wrong: Mapping[str, str]
