"""The terms of a hold as one string: its price, when it expires, and what it holds.

`include/granting.lua` creates it, everything else reads or copies it:
AMOUNT|CURRENCY|CREATED_MS|EXPIRES_MS|ITEMS. It occurs in three places:

- an outcome, as `settle.lua` publishes it: `held|TERMS` (`core/reservations/outcomes.py`);
- an entry of the stream, until a worker has made it durable: EPOCH|EVENT|TERMS (`submit.lua`);
- the hash of holds: STATE|VISITOR|TERMS, where STATE is `held` or `sold`.

With a code ITEMS is LINES!CODE!DISCOUNT.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from typing import NamedTuple

import msgspec
from msgspec import UNSET

from app.core.model import Item, Reservation, TicketTypeId

read_items = msgspec.json.Decoder(list[Item]).decode  # of an order's row


class HoldTerms(NamedTuple):
    """The parsed terms; `items` is a text that `items_of` reads."""

    amount: int
    currency: str
    created_at_ms: int
    expires_at_ms: int
    items: str


class Policy(NamedTuple):
    """The parts of an event's terms that no script needs: by how many seconds a hold can be extended, and
    the tax rates (`Reservation.tax_rates`)."""

    extend_s: int
    tax_rates: dict[str, int]


NO_POLICY = Policy(0, {})


class Entry(NamedTuple):
    """A reservation's entry in the hash of holds."""

    state: str
    visitor_id: str
    terms: HoldTerms


def read_terms(text: str) -> HoldTerms:
    """Parse terms."""
    amount, currency, created_ms, expires_ms, items = text.split("|")
    return HoldTerms(int(amount), currency, int(created_ms), int(expires_ms), items)


def terms_text(terms: HoldTerms) -> str:
    """Format terms; the inverse of `read_terms`."""
    return f"{terms.amount}|{terms.currency}|{terms.created_at_ms}|{terms.expires_at_ms}|{terms.items}"


def code_in(items: str) -> tuple[str, int] | None:
    """The code in the items of terms, and its discount on the order; None if there is none."""
    _, mark, rest = items.partition("!")
    if not mark:
        return None
    code, _, discount = rest.partition("!")
    return code, int(discount or 0)


def with_code(items: str, code: str | None, discount: int) -> str:
    """Append a code to items; the inverse of `code_in`."""
    return f"{items}!{code}!{discount}" if code else items


def terms_of(reservation: Reservation) -> str:
    """The original terms of a reservation, without any extension of its hold."""
    expires_ms = reservation.expires_at_ms - 1000 * reservation.extended_s
    items = with_code(items_text(reservation.items), reservation.code, reservation.discount)
    return terms_text(
        HoldTerms(reservation.amount, reservation.currency, reservation.created_at_ms, expires_ms, items)
    )


def entry_text(state: str, visitor_id: str, terms: str) -> str:
    """Format a reservation's entry in the hash of holds."""
    return f"{state}|{visitor_id}|{terms}"


def read_entry(text: str) -> Entry:
    """Parse an entry written by `entry_text` or `include/granting.lua`."""
    state, visitor_id, terms = text.split("|", 2)
    return Entry(state, visitor_id, read_terms(terms))


@lru_cache(maxsize=4096)
def items_of(text: str) -> tuple[Item, ...]:
    """Parse the items in TYPE:QUANTITY:PRICE,... or, with seats, TYPE:QUANTITY:PRICE@SEAT+SEAT,...

    A code after them is dropped. Cached: a whole sale of counted tickets has few different texts.
    """
    return tuple(_item_of(line) for line in text.partition("!")[0].split(","))


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
    """Format items as in Redis; the inverse of `items_of`."""
    return ",".join(
        f"{it.ticket_type_id}:{it.quantity}:{it.price}" + (f"@{'+'.join(it.seat_ids)}" if it.seat_ids else "")
        for it in items
    )


def seats_of(terms: str) -> list[str]:
    """The seats in the terms of a hold."""
    return [seat for it in items_of(terms.rpartition("|")[2]) for seat in it.seat_ids or ()]
