"""Refund arithmetic: the price of an order's tickets, and what remains of the order without them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Literal, NamedTuple

import msgspec

from app.core.model import Item, Struct

RefundState = Literal["owed", "done", "failed"]
PARTS_MAX = 50  # refunds per order


class CancelledTicket(Struct, frozen=True):
    """A cancelled ticket: its code no longer opens the door; `price` is what it cost."""

    ticket_type_id: str
    seat_id: str | None
    code: str
    price: int


class Refund(NamedTuple):
    """A partial refund of an order, in minor units, and the tickets cancelled with it.

    `why`: the gateway's reason for a failed one.
    """

    refund_id: str
    payment_id: str
    reservation_id: str
    amount: int
    currency: str
    tickets: list[CancelledTicket]
    to_stock: bool
    reason: str
    state: RefundState
    why: str
    tries: int
    created_at: datetime


def share(tickets: int, amount: int, worth: int) -> int:
    """The part of `amount` paid for tickets that cost `tickets`, in an order worth `worth`.

    Less than they cost if a code reduced the order, more if a booking fee was added; halves of a minor unit
    are rounded up.
    """
    return tickets if amount == worth or not worth else (2 * tickets * amount + worth) // (2 * worth)


class Split(NamedTuple):
    """An order's items, divided into those that stay and those that go back on sale."""

    kept: list[Item]
    returned: list[Item]


def divide(items: Sequence[Item], tickets: Sequence[CancelledTicket]) -> Split:
    """Take tickets out of an order's items. Raises ValueError if they are not among them."""
    counts = Counter(it.ticket_type_id for it in tickets)
    seats = {it.seat_id for it in tickets if it.seat_id}
    kept, returned = list[Item](), list[Item]()
    for item in items:
        removed = counts.pop(item.ticket_type_id, 0)
        if removed > item.quantity:
            raise ValueError(f"{removed} of {item.quantity} tickets {item.ticket_type_id}")
        if removed < item.quantity:
            kept.append(_part(item, item.quantity - removed, seats, keep=True))
        if removed:
            returned.append(_part(item, removed, seats, keep=False))
    if counts:
        raise ValueError(f"not in this order: {sorted(counts)}")
    return Split(kept, returned)


def _part(item: Item, quantity: int, cancelled: set[str], *, keep: bool) -> Item:
    if not item.seat_ids:
        return msgspec.structs.replace(item, quantity=quantity)
    seats = [it for it in item.seat_ids if (it not in cancelled) is keep]
    if len(seats) != quantity:
        raise ValueError(f"seats of {item.ticket_type_id} and tickets differ")
    return msgspec.structs.replace(item, quantity=quantity, seat_ids=seats)
