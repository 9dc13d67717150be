"""Attendees: who comes with which ticket, and what staff look for them by."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Literal, NamedTuple

from app.core import typed

Presence = Literal["in", "out"]  # checked in, or not
_SEAT = re.compile(r"(?:row )?(\w{1,10})[ -]+(?:seat )?(\d{1,5})")


class Attendee(NamedTuple):
    """A ticket with who holds it; `checked_in_at` None: not yet.

    What was asked for at the purchase is the buyer's.
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
    terms_at: datetime | None  # when the buyer accepted the terms
    guest: bool  # of the organiser, not a buyer
    answers: dict[str, str]  # of the buyer, by the ids of the questions


class AttendeeFilter(NamedTuple):
    """Which attendees of an event: with these words in name, e-mail, order, code or seat; None: all.

    `after`: those that come after this one, as (bought_at, ticket_id).
    """

    event_id: str
    words: str | None = None
    presence: Presence | None = None
    guests: bool | None = None  # only guests, or only buyers
    after: tuple[datetime, str] | None = None


def seat_end(words: str) -> str:
    """How the ids of seats end that somebody means: row A seat 12, a 12, A-12: `-a-12`. "" for none."""
    found = _SEAT.fullmatch(typed.words(words).lower())
    return f"-{found[1]}-{found[2]}" if found else ""
