"""What an order comes to: tickets, what a code takes off, the booking fee, and the tax in all of it.

Everything is an integer of minor units. Prices and fees are what a fan pays, tax included; a sale whose
prices are typed before tax stores them with it (`with_tax`), and `without_tax` gives back what was typed.
A rate is in hundredths of a percent (`_bp`). Three rules of rounding, each to the nearest, halves up: the
price with tax of one ticket; the fee in percent, once an order; the net of each rate of tax, once an order.

`include/wishes.lua` decides the fee; it is here once more, so that pages can say it before.
`tests/scripts/test_fees.py` compares the two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from app.core.model import Item, Reservation

WHOLE_BP = 10_000  # 100 percent
FEE = ""  # the booking fee's name among the ticket types that a rate is for


class Fee(NamedTuple):
    """A booking fee: so much for each ticket that costs anything, and so much of what the tickets cost."""

    per_ticket: int = 0
    rate_bp: int = 0


NO_FEE = Fee()


class TaxSum(NamedTuple):
    """What an order has at one rate of tax."""

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
        """All tax in it."""
        return sum(it.tax for it in self.taxes)

    @property
    def net(self) -> int:
        """Before tax."""
        return self.gross - self.tax

    @property
    def taxed(self) -> bool:
        """Whether any rate of tax is above 0; else nothing need be said of tax."""
        return any(it.rate_bp for it in self.taxes)


class Line(NamedTuple):
    """Tickets of one type, what each costs, and the rate of tax in it."""

    quantity: int
    price: int
    rate_bp: int


def with_tax(net: int, rate_bp: int) -> int:
    """What a fan pays for what costs `net` before tax."""
    return net + _part(net, rate_bp, WHOLE_BP)


def without_tax(gross: int, rate_bp: int) -> int:
    """What it costs before tax; of what `with_tax` made exactly that."""
    return _part(gross, WHOLE_BP, WHOLE_BP + rate_bp)


def fee_of(fee: Fee, counts: Iterable[tuple[int, int]], amount: int) -> int:
    """The booking fee of an order; `counts` are quantities and what each ticket costs with a code, `amount`
    what all come to after the code. What is free has no fee."""
    paid = sum(quantity for quantity, price in counts if price > 0)
    return fee.per_ticket * paid + _part(amount, fee.rate_bp, WHOLE_BP) if amount else 0


def sums(lines: Sequence[Line], discount: int, gross: int, fee_rate_bp: int = 0) -> Sums:
    """The parts of an order for which `gross` is paid, with `discount` taken off the whole of it.

    The discount lowers all lines in proportion; what is paid above them is the fee.
    """
    costs = [it.quantity * it.price for it in lines]
    tickets = sum(costs)
    discount = min(discount, tickets)
    fee = gross - tickets + discount
    by_rate: dict[int, int] = {}
    for it, cost, off in zip(lines, costs, divided(discount, costs), strict=True):
        by_rate[it.rate_bp] = by_rate.get(it.rate_bp, 0) + cost - off
    if fee:
        by_rate[fee_rate_bp] = by_rate.get(fee_rate_bp, 0) + fee
    taxes = tuple(TaxSum(rate, of, of - without_tax(of, rate)) for rate, of in sorted(by_rate.items()) if of)
    return Sums(tickets, discount, fee, gross, taxes)


def sums_of(it: Reservation) -> Sums:
    """The parts of a reservation, with what was cancelled of it since."""
    return sums(
        lines_of((*it.items, *it.cancelled_items), it.tax_rates),
        it.discount,
        it.amount,
        it.tax_rates.get(FEE, 0),
    )


def lines_of(items: Iterable[Item], rates: Mapping[str, int]) -> list[Line]:
    """Items with their rates of tax."""
    return [Line(it.quantity, it.price, rates.get(it.ticket_type_id, 0)) for it in items]


def divided(whole: int, weights: Sequence[int]) -> list[int]:
    """The whole in parts in proportion to the weights, which add up to it; no part is above its weight if
    the whole is not above all of them."""
    total, before, done, parts = sum(weights), 0, 0, list[int]()
    for it in weights:
        before += it
        upto = _part(whole, before, total) if total else 0
        parts.append(upto - done)
        done = upto
    return parts


def given_back(part: int, refunded: int, amount: int) -> int:
    """Of a part of an order (its tax, say), what went back with `refunded` of its `amount`."""
    return _part(part, min(refunded, amount), amount) if amount else 0


def _part(whole: int, of: int, by: int) -> int:
    """whole * of / by to the nearest, halves up."""
    return (2 * whole * of + by) // (2 * by)
