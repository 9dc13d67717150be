"""Checking tickets in at the door: scans, what becomes of them, and what a device keeps to work offline."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

from app.core import typed
from app.core.formats import NAME, OPAQUE, At
from app.core.model import Struct

SCANS_MAX = 100  # in one call
LIST_MAX = 100_000  # tickets that a device keeps
NEWS_MAX = 500  # check-ins of other devices in one answer
LATE_S = 7 * 86_400  # a scan that is older is taken to be as old as this
HASH_BYTES = 8
CODE_MAX = 300  # characters that a device may read off a picture

Verdict = Literal["checked_in", "already", "void", "other_sale", "unknown", "undone"]


class Scan(Struct, frozen=True):
    """A code that a device has read. `scan_id` is drawn by the device: sent twice, it is one scan."""

    scan_id: Annotated[str, Meta(pattern=OPAQUE)]
    code: Annotated[str, Meta(max_length=CODE_MAX, pattern=NAME)]
    at: At | None = None  # when it was read; None: now, and the holder waits for the answer


class Scans(Struct, frozen=True):
    """What one device has read, in the order it did."""

    device: Annotated[str, Meta(min_length=1, max_length=60, pattern=NAME)]
    scans: Annotated[list[Scan], Meta(min_length=1, max_length=SCANS_MAX)]


class Checked(Struct, frozen=True):
    """When a ticket was checked in, by whom, on which device."""

    at: datetime
    by: str
    device: str


class Result(Struct, frozen=True):
    """What became of a scan.

    `first`: the check-in that counts. `also`: another device had let the holder in with a scan that was made
    later, which this one takes the place of. `sale`: whose ticket it is, if of another.
    """

    scan_id: str
    verdict: Verdict
    ticket_type: str = ""
    seat: str = ""
    name: str = ""
    sale: str = ""
    first: Checked | None = None
    also: Checked | None = None


class TypeCount(Struct, frozen=True):
    """How many tickets of a type there are, and how many were checked in."""

    name: str
    tickets: int
    checked_in: int


class DoorCounts(Struct, frozen=True):
    """The same of a sale, and of each of its types."""

    tickets: int
    checked_in: int
    types: list[TypeCount]


def code_in(text: str) -> str:
    """The ticket's code in what a device has read: the code itself, or a link that ends in it."""
    return typed.ticket_code(text.partition("?")[0].strip().rstrip("/").rpartition("/")[2])


def code_hash(event_id: str, code: str) -> str:
    """What a device keeps instead of a code, from which nobody can make a ticket."""
    return hashlib.sha256(f"{event_id}:{code}".encode()).digest()[:HASH_BYTES].hex()


def totals(types: Sequence[TypeCount]) -> DoorCounts:
    """The counts of a sale with these types."""
    return DoorCounts(
        tickets=sum(it.tickets for it in types),
        checked_in=sum(it.checked_in for it in types),
        types=list(types),
    )
