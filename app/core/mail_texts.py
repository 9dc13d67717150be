"""What a sale says in its e-mails in words of its own; without any they are as usual, in twelve languages.

Words are of one language, or of all that have none of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from app.core.email import MailKind
from app.core.formats import NAME, TEXT
from app.core.model import Struct

OTHERS = ""  # all languages that have no words of their own
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


def read_words(text: str) -> dict[str, MailText]:
    """The words of one kind of mail by language, as the database has them."""
    return msgspec.json.decode(text, type=dict[str, MailText])


def words_in(words: Mapping[str, MailText], language: str) -> MailText:
    """What a reader of this language is told."""
    return words.get(language) or words.get(OTHERS) or MailText()
