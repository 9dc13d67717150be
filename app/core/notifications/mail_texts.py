"""A sale's own texts in its e-mails; without any, the standard texts in twelve languages are used.

Texts are for one language, or for all languages without their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from app.core.formats import NAME, TEXT
from app.core.model import Struct
from app.core.notifications.email import MailKind

OTHERS = ""  # all languages without texts of their own
EVENT = "{event}"  # placeholder for the event's name, in both
EDITABLE: dict[MailKind, str] = {  # with the console's labels
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
    """For one kind of e-mail: another subject, and paragraphs that come first. Empty: the standard text."""

    subject: Annotated[str, Meta(max_length=150, pattern=NAME)] = ""
    intro: Annotated[str, Meta(max_length=2000, pattern=TEXT)] = ""


def read_words(text: str) -> dict[str, MailText]:
    """Decode the texts of one kind of e-mail by language, as stored in the database."""
    return msgspec.json.decode(text, type=dict[str, MailText])


def words_in(words: Mapping[str, MailText], language: str) -> MailText:
    """The texts for a reader of this language."""
    return words.get(language) or words.get(OTHERS) or MailText()
