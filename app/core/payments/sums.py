"""The total of an order: tickets, discount, booking fee, and the tax included in all of it.

Everything is an integer of minor units. Prices and fees are what a fan pays, tax included; a sale whose
prices are entered before tax stores them with it (`with_tax`), and `without_tax` returns what was entered.
A rate is in hundredths of a percent (`_bp`). Rounding is to the nearest, halves up, in three places: the
price with tax of one ticket; the percentage fee, once per order; the net of each tax rate, once per order.

`include/wishes.lua` decides the fee; it is duplicated here so that pages can show it beforehand.
`tests/scripts/test_fees.py` compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from app.core.model import Item, Reservation

WHOLE_BP = 10_000  # 100 percent
FEE = ""  # key of the booking fee among the ticket types in a table of rates


class Fee(NamedTuple):
    """A booking fee: an amount for each ticket that is not free, and a share of what the tickets cost."""

    per_ticket: int = 0
    rate_bp: int = 0


NO_FEE = Fee()


class TaxSum(NamedTuple):
    """An order's total at one tax rate."""

    rate_bp: int
    gross: int
    tax: int

    @property
    def net(self) -> int:
        """Before tax."""
        return self.gross - self.tax


class Sums(NamedTuple):
    """The parts of an order: tickets - discount + fee = gross = net + tax. `taxes`: by rate, lowest first."""

    tickets: int
    discount: int
    fee: int
    gross: int
    taxes: tuple[TaxSum, ...]

    @property
    def tax(self) -> int:
        """The total tax."""
        return sum(it.tax for it in self.taxes)

    @property
    def net(self) -> int:
        """Before tax."""
        return self.gross - self.tax

    @property
    def taxed(self) -> bool:
        """Whether any tax rate is above 0; otherwise tax need not be mentioned."""
        return any(it.rate_bp for it in self.taxes)


class Line(NamedTuple):
    """Tickets of one type, the price of each, and the tax rate included in it."""

    quantity: int
    price: int
    rate_bp: int


def with_tax(net: int, rate_bp: int) -> int:
    """The price a fan pays for something that costs `net` before tax."""
    return net + _part(net, rate_bp, WHOLE_BP)


def without_tax(gross: int, rate_bp: int) -> int:
    """The price before tax; exactly inverts `with_tax`."""
    return _part(gross, WHOLE_BP, WHOLE_BP + rate_bp)


def fee_of(fee: Fee, counts: Iterable[tuple[int, int]], amount: int) -> int:
    """The booking fee of an order; `counts` are quantities and prices with the code, `amount` the total
    after the code. Free tickets have no fee."""
    paid = sum(quantity for quantity, price in counts if price > 0)
    return fee.per_ticket * paid + _part(amount, fee.rate_bp, WHOLE_BP) if amount else 0


def sums(lines: Sequence[Line], discount: int, gross: int, fee_rate_bp: int = 0) -> Sums:
    """The parts of an order for which `gross` is paid, with `discount` taken off the total.

    The discount lowers all lines in proportion; anything paid above them is the fee.
    """
    costs = [it.quantity * it.price for it in lines]
    tickets = sum(costs)
    discount = min(discount, tickets)
    fee = gross - tickets + discount
    by_rate: dict[int, int] = {}
    for line, cost, off in zip(lines, costs, divided(discount, costs), strict=True):
        by_rate[line.rate_bp] = by_rate.get(line.rate_bp, 0) + cost - off
    if fee:
        by_rate[fee_rate_bp] = by_rate.get(fee_rate_bp, 0) + fee
    taxes = tuple(TaxSum(rate, of, of - without_tax(of, rate)) for rate, of in sorted(by_rate.items()) if of)
    return Sums(tickets, discount, fee, gross, taxes)


def sums_of(reservation: Reservation) -> Sums:
    """The parts of a reservation, including what has been cancelled of it since."""
    return sums(
        lines_of((*reservation.items, *reservation.cancelled_items), reservation.tax_rates),
        reservation.discount,
        reservation.amount,
        reservation.tax_rates.get(FEE, 0),
    )


def lines_of(items: Iterable[Item], rates: Mapping[str, int]) -> list[Line]:
    """Items with their tax rates."""
    return [Line(it.quantity, it.price, rates.get(it.ticket_type_id, 0)) for it in items]


def divided(whole: int, weights: Sequence[int]) -> list[int]:
    """Split an amount in proportion to weights, such that the parts add up to it; no part exceeds its weight
    unless the amount exceeds their sum."""
    total, before, done, parts = sum(weights), 0, 0, list[int]()
    for weight in weights:
        before += weight
        upto = _part(whole, before, total) if total else 0
        parts.append(upto - done)
        done = upto
    return parts


def part_refunded(part: int, refunded: int, amount: int) -> int:
    """How much of a part of an order (its tax, say) went back with `refunded` of its `amount`."""
    return _part(part, min(refunded, amount), amount) if amount else 0


def _part(total: int, of: int, by: int) -> int:
    """whole * of / by to the nearest, halves up."""
    return (2 * total * of + by) // (2 * by)
