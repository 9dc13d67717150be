"""Taking tickets out of an order: nothing is lost or duplicated, and only its own tickets can be taken."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.model import Item, TicketTypeId
from app.core.payments.refunds import CancelledTicket, divide, share


def counted(name: str, quantity: int) -> Item:
    return Item(ticket_type_id=TicketTypeId(name), quantity=quantity, price=len(name) * 100)


def seated(name: str, numbers: list[int]) -> Item:
    seats = [f"{name}-a-{number}" for number in numbers]
    return Item(ticket_type_id=TicketTypeId(name), quantity=len(seats), price=7000, seat_ids=seats)


def tickets_of(items: list[Item]) -> list[CancelledTicket]:
    return [
        CancelledTicket(ticket_type_id=it.ticket_type_id, seat_id=seat, code="", price=it.price)
        for it in items
        for seat in (list[str | None](it.seat_ids or ()) or [None] * it.quantity)
    ]


def worth(items: list[Item]) -> int:
    return sum(it.quantity * it.price for it in items)


orders = st.tuples(
    st.lists(st.integers(1, 9), max_size=3).map(
        lambda n: [counted("c" * (i + 1), it) for i, it in enumerate(n)]
    ),
    st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=6, unique=True), max_size=2).map(
        lambda rows: [seated(f"s{i}", numbers) for i, numbers in enumerate(rows)]
    ),
).map(lambda both: [*both[0], *both[1]])


@given(orders, st.randoms(use_true_random=False))
def test_what_stays_and_what_goes_make_up_the_order(items: list[Item], random: object) -> None:
    tickets = tickets_of(items)
    random.shuffle(tickets)  # type: ignore[attr-defined]
    refunded = tickets[: len(tickets) // 2]
    kept, returned = divide(items, refunded)
    assert worth(kept) + worth(returned) == worth(items)
    assert worth(returned) == sum(it.price for it in refunded)
    assert sum(it.quantity for it in kept) == len(tickets) - len(refunded)
    seats = [seat for it in [*kept, *returned] for seat in it.seat_ids or ()]
    assert sorted(seats) == sorted(seat for it in items for seat in it.seat_ids or ())
    assert {seat for it in returned for seat in it.seat_ids or ()} == {
        it.seat_id for it in refunded if it.seat_id
    }
    assert all(it.quantity > 0 for it in [*kept, *returned])


def test_tickets_of_another_order_are_refused() -> None:
    (strange,) = tickets_of([counted("x", 1)])
    with pytest.raises(ValueError, match="not in this order"):
        divide([counted("floor", 2)], [strange])
    with pytest.raises(ValueError, match="2 of 1"):
        divide([counted("x", 1)], [strange, strange])
    (seat,) = tickets_of([seated("s", [9])])
    with pytest.raises(ValueError, match="differ"):
        divide([seated("s", [1, 2])], [seat])


@given(st.lists(st.integers(0, 100_000), min_size=1, max_size=10), st.integers(0, 1_000_000))
def test_shares_of_an_order_come_to_what_was_paid_give_or_take_the_rounding(
    prices: list[int], less: int
) -> None:
    worth = sum(prices)
    amount = max(0, worth - less)
    shares = [share(price, amount, worth) for price in prices]
    assert all(0 <= it <= price for it, price in zip(shares, prices, strict=True))
    assert abs(sum(shares) - amount) <= len(prices) / 2
    assert share(worth, amount, worth) == amount
    assert less or shares == prices
