"""Tickets as passes for wallet apps, in the language of their holder: on their page, and attached to
e-mails."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from app import i18n
from app.core.clock import to_ms
from app.core.reservations.wallet import PASS, PASSES, PassSigner, pass_file, zipped
from app.core.zones import UTC as UTC_NAME
from app.notifications import printed_tickets
from app.notifications.email_content import templates, tickets_of
from app.notifications.email_message import Attachment
from app.notifications.printed_tickets import TEMPLATE, Show, SoldTicket
from app.store.sql.notifications.mails import Mail

ICONS = ("icon.png", "icon@2x.png")  # required by the format
FOLDER = Path(__file__).parent / "wallet_icons"


def passes_file(
    signer: PassSigner, language: str, show: Show, tickets: Sequence[SoldTicket], order: str
) -> Attachment:
    """Sign the passes of these tickets. Takes CPU time, so do not call it in an event loop."""
    icons = {name: (FOLDER / name).read_bytes() for name in ICONS}
    passes = [pass_file(signer, _content(language, show, it, order), icons) for it in tickets]
    if len(passes) == 1:
        return Attachment(passes[0], PASS, "ticket.pkpass")
    return Attachment(
        zipped({f"ticket-{n}.pkpass": it for n, it in enumerate(passes, 1)}), PASSES, "tickets.pkpasses"
    )


def files_of(signer: PassSigner | None, mail: Mail) -> list[Attachment]:
    """The attachments of an e-mail with tickets; none for others. As `passes_file`."""
    pdf = printed_tickets.file_of(mail)
    if not pdf:
        return []
    files = [Attachment(pdf, "application/pdf", "tickets.pdf")]
    if signer is None:
        return files
    names = msgspec.json.decode(mail.type_names, type=dict[str, str])
    tickets = [SoldTicket(each.name, each.seat, each.code) for each in tickets_of(mail, names)]
    language = i18n.choose([mail.locale or "", mail.room_locale or ""])
    show = Show(
        mail.event_name or mail.room_name, mail.venue or "", to_ms(mail.starts_at), mail.timezone or UTC_NAME
    )
    return [*files, passes_file(signer, language, show, tickets, mail.reservation_id or "")]


def _content(language: str, show: Show, ticket: SoldTicket, order: str) -> dict[str, Any]:
    """The content of a ticket's pass. Its serial number is the code, which changes when the ticket is
    given away."""
    text = templates(language).get_template(TEMPLATE)
    lines = text.render(starts_at_ms=show.starts_at_ms, zone=show.zone, ticket=ticket).splitlines()
    when, name, order_word, _ = [line for line in lines if line]
    starts = datetime.fromtimestamp(show.starts_at_ms / 1000, UTC)
    front: dict[str, Any] = {
        "primaryFields": [{"key": "event", "value": show.name}],
        "secondaryFields": [{"key": "when", "value": when}],
        "auxiliaryFields": [{"key": "ticket", "value": name}],
        "backFields": [{"key": "order", "label": order_word, "value": order}],
    }
    if show.venue:
        front["headerFields"] = [{"key": "venue", "value": show.venue}]
    return {
        "serialNumber": ticket.code,
        "description": show.name,
        "relevantDate": starts.isoformat(timespec="seconds"),
        "foregroundColor": "rgb(25, 26, 24)",
        "labelColor": "rgb(90, 93, 87)",
        "backgroundColor": "rgb(242, 239, 231)",
        "eventTicket": front,
        "barcodes": [
            {
                "format": "PKBarcodeFormatQR",
                "message": ticket.code,
                "messageEncoding": "iso-8859-1",
                "altText": ticket.code,
            }
        ],
    }
