"""What a sale says in its e-mails in words of its own; without any they are as usual, in twelve languages."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from app.core.email import MailKind
from app.core.formats import NAME, TEXT
from app.core.model import Struct

EVENT = "{event}"  # in both: its name
EDITABLE: dict[MailKind, str] = {  # and what the console calls them
    "confirmed": "Tickets, after the purchase",
    "held": "Tickets are held",
    "your_turn": "It is your turn",
    "reminder": "Reminder, the day before",
    "cancelled": "Reservation cancelled",
    "refunded": "Refund",
    "moved": "A new date",
    "room_invite": "Invitation to the queue",
}


class MailText(Struct, frozen=True):
    """Of one kind of mail: another subject, and paragraphs that come first. Empty: as usual."""

    subject: Annotated[str, Meta(max_length=150, pattern=NAME)] = ""
    intro: Annotated[str, Meta(max_length=2000, pattern=TEXT)] = ""
