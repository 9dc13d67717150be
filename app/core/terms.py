"""The terms of a hold as one string: its price, when it expires, and what it holds.

`include/granting.lua` makes it, everything else reads or repeats it:
AMOUNT|CURRENCY|CREATED_MS|EXPIRES_MS|ITEMS. It is found in three places:

- an outcome, as `settle.lua` publishes it: `held|TERMS` (`core/outcomes.py`);
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
    """`items` is a text that `items_of` reads."""

    amount: int
    currency: str
    created_at_ms: int
    expires_at_ms: int
    items: str


class Policy(NamedTuple):
    """What an event says of its holds, and no script has to know: by how many seconds one can be extended,
    and the rates of tax (`Reservation.tax_rates`)."""

    extend_s: int
    tax_rates: dict[str, int]


NO_POLICY = Policy(0, {})


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


def code_in(items: str) -> tuple[str, int] | None:
    """The code in the items of terms, and what it takes off the order; None if there is none."""
    _, mark, rest = items.partition("!")
    if not mark:
        return None
    code, _, discount = rest.partition("!")
    return code, int(discount or 0)


def with_code(items: str, code: str | None, discount: int) -> str:
    """The items with a code; `code_in` reads it."""
    return f"{items}!{code}!{discount}" if code else items


def terms_of(it: Reservation) -> str:
    """The terms of a reservation when it was made, without any extension of its hold."""
    expires_ms = it.expires_at_ms - 1000 * it.extended_s
    items = with_code(items_text(it.items), it.code, it.discount)
    return terms_text(HoldTerms(it.amount, it.currency, it.created_at_ms, expires_ms, items))


def entry_text(state: str, visitor_id: str, terms: str) -> str:
    """What the hash of holds has for a reservation."""
    return f"{state}|{visitor_id}|{terms}"


def read_entry(text: str) -> Entry:
    """What `entry_text` wrote, or `include/granting.lua`."""
    state, visitor_id, terms = text.split("|", 2)
    return Entry(state, visitor_id, read_terms(terms))


@lru_cache(maxsize=4096)
def items_of(text: str) -> tuple[Item, ...]:
    """The items of TYPE:QUANTITY:PRICE,... or, with seats, TYPE:QUANTITY:PRICE@SEAT+SEAT,...

    A code after them is left out. Few different texts make up a whole sale of counted tickets.
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
    """The same items as Redis has them; what `items_of` reads."""
    return ",".join(
        f"{it.ticket_type_id}:{it.quantity}:{it.price}" + (f"@{'+'.join(it.seat_ids)}" if it.seat_ids else "")
        for it in items
    )


def seats_of(terms: str) -> list[str]:
    """The seats in the terms of a hold."""
    return [seat for it in items_of(terms.rpartition("|")[2]) for seat in it.seat_ids or ()]
