"""Tickets as a PDF, in the language of their holder: for their page, and as an attachment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from app import i18n
from app.core.catalogue.seating import SeatName
from app.core.clock import to_ms
from app.core.zones import UTC
from app.notifications.email_content import templates, tickets_of
from app.store.sql.notifications.mails import Mail

TEMPLATE = "ticket_pdf.txt"


class SoldTicket(NamedTuple):
    """A ticket with the name of its type, its seat if it has one, and its code."""

    name: str
    seat: SeatName | None
    code: str


class Show(NamedTuple):
    """What a ticket admits to; `zone` is the event's."""

    name: str
    venue: str
    starts_at_ms: int
    zone: str


def tickets_file(language: str, show: Show, tickets: Sequence[SoldTicket], order: str, holder: str) -> bytes:
    """Render the PDF, a page per ticket. Takes CPU time, so do not call it in an event loop."""
    from app.pdf.tickets import PrintedTicket, tickets_pdf  # slow to import, and many processes print nothing

    printed = []
    template = templates(language).get_template(TEMPLATE)
    for ticket in tickets:
        text = template.render(starts_at_ms=show.starts_at_ms, zone=show.zone, ticket=ticket)
        when, name, order_word, holder_word = [line for line in text.splitlines() if line]
        about = [(order_word, order)] + ([(holder_word, holder)] if holder else [])
        printed.append(PrintedTicket(show.name, when, show.venue, name, ticket.code, about))
    return tickets_pdf(printed)


def file_of(mail: Mail) -> bytes:
    """The attachment of an e-mail with tickets, empty for others. As `tickets_file`."""
    if mail.kind not in ("confirmed", "ticket"):
        return b""
    names = msgspec.json.decode(mail.type_names, type=dict[str, str])
    tickets = [SoldTicket(each.name, each.seat, each.code) for each in tickets_of(mail, names)]
    if not tickets:
        return b""
    language = i18n.choose([mail.locale or "", mail.room_locale or ""])
    show = Show(
        mail.event_name or mail.room_name, mail.venue or "", to_ms(mail.starts_at), mail.timezone or UTC
    )
    return tickets_file(
        language, show, tickets, mail.reservation_id or "", mail.holder if mail.kind == "confirmed" else ""
    )
