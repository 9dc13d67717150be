"""The terms of a hold as one string: its price, when it expires, and what it holds.

`allocate.lua` makes it, everything else reads or repeats it: AMOUNT|CURRENCY|CREATED_MS|EXPIRES_MS|ITEMS. It
is found in two places:

- an outcome, as `settle.lua` publishes it: `held|TERMS` (`core/outcomes.py`);
- the hash of holds: STATE|VISITOR|TERMS, where STATE is `held` or `sold`.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

from msgspec import UNSET

from app.core.model import Item, Reservation, TicketTypeId


class HoldTerms(NamedTuple):
    """`items` is a text that `items_of` reads."""

    amount: int
    currency: str
    created_at_ms: int
    expires_at_ms: int
    items: str


class Entry(NamedTuple):
    """What the hash of holds has for a reservation."""

    state: str
    visitor_id: str
    terms: HoldTerms


def read_terms(text: str) -> HoldTerms:
    """The terms in a string."""
    amount, currency, created_ms, expires_ms, items = text.split("|")
    return HoldTerms(int(amount), currency, int(created_ms), int(expires_ms), items)


def terms_text(terms: HoldTerms) -> str:
    """The string `read_terms` reads."""
    return f"{terms.amount}|{terms.currency}|{terms.created_at_ms}|{terms.expires_at_ms}|{terms.items}"


def terms_of(it: Reservation) -> str:
    """The terms of a reservation when it was made, without any extension of its hold."""
    expires_ms = it.expires_at_ms - 1000 * it.extended_s
    return terms_text(HoldTerms(it.amount, it.currency, it.created_at_ms, expires_ms, items_text(it.items)))


def entry_text(state: str, visitor_id: str, terms: str) -> str:
    """What the hash of holds has for a reservation."""
    return f"{state}|{visitor_id}|{terms}"


def read_entry(text: str) -> Entry:
    """What `entry_text` wrote, or `allocate.lua`."""
    state, visitor_id, terms = text.split("|", 2)
    return Entry(state, visitor_id, read_terms(terms))


@lru_cache(maxsize=4096)
def items_of(text: str) -> tuple[Item, ...]:
    """The items of TYPE:QUANTITY:PRICE,... or, with seats, TYPE:QUANTITY:PRICE@SEAT+SEAT,...

    Few different texts make up a whole sale of counted tickets.
    """
    return tuple(_item_of(line) for line in text.split(","))


def _item_of(line: str) -> Item:
    counted, _, seats = line.partition("@")
    name, quantity, price = counted.split(":")
    return Item(
        ticket_type_id=TicketTypeId(name),
        quantity=int(quantity),
        price=int(price),
        seat_ids=seats.split("+") if seats else UNSET,
    )


def items_text(items: Iterable[Item]) -> str:
    """The same items as Redis has them; what `items_of` reads."""
    return ",".join(
        f"{it.ticket_type_id}:{it.quantity}:{it.price}" + (f"@{'+'.join(it.seat_ids)}" if it.seat_ids else "")
        for it in items
    )


def seats_of(terms: str) -> list[str]:
    """The seats in the terms of a hold."""
    return [seat for it in items_of(terms.rpartition("|")[2]) for seat in it.seat_ids or ()]
