"""Attendees: who holds which ticket, and what staff search for them by."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal, NamedTuple

from app.core.text import typed

Presence = Literal["in", "out"]  # checked in, or not
_SEAT = re.compile(r"(?:row )?(\w{1,10})[ -]+(?:seat )?(\d{1,5})")


class Attendee(NamedTuple):
    """A ticket and its holder; `checked_in_at` None: not yet.

    `answers`, `marketing` and `terms_at` are the buyer's.
    """

    ticket_id: str
    reservation_id: str
    name: str
    email: str
    phone: str
    ticket_type: str
    seat_id: str | None
    bought_at: datetime
    checked_in_at: datetime | None
    checked_in_by: str | None
    device: str | None
    marketing: bool  # the buyer wants news
    terms_at: datetime | None  # when the buyer accepted the terms; None: the sale has none
    guest: bool  # of the organiser, rather than a buyer
    answers: dict[str, str]  # the buyer's, by question id


class AttendeeFilter(NamedTuple):
    """Which attendees of an event: those matching a search in name, e-mail, order, code or seat; None: all.

    `after`: only those that follow this one, as (bought_at, ticket_id).
    """

    event_id: str
    words: str | None = None
    presence: Presence | None = None
    guests: bool | None = None  # only guests, or only buyers
    after: tuple[datetime, str] | None = None


def seat_end(words: str) -> str:
    """The ending shared by the ids of the seats meant: row A seat 12, a 12, A-12 give `-a-12`. "": not a
    seat."""
    match = _SEAT.fullmatch(typed.words(words).lower())
    return f"-{match[1]}-{match[2]}" if match else ""
