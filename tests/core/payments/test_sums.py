"""The total of an order is the sum of its parts, whatever the prices, rates, discounts and fees."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from app.core.payments.sums import Fee, Line, divided, fee_of, part_refunded, sums, with_tax, without_tax

MONEY = st.integers(0, 1_000_000_000)
RATE = st.integers(0, 10_000)
LINES = st.lists(
    st.builds(Line, st.integers(1, 100), MONEY, st.sampled_from([0, 550, 700, 1900])), max_size=8
)


@given(MONEY, RATE)
def test_a_price_before_tax_is_found_again_in_the_price_with_tax(net: int, rate_bp: int) -> None:
    gross = with_tax(net, rate_bp)
    assert without_tax(gross, rate_bp) == net
    assert abs(gross * 10_000 - net * (10_000 + rate_bp)) <= 5_000


@given(LINES, MONEY, st.builds(Fee, MONEY, RATE), RATE)
def test_the_parts_of_an_order_are_the_whole(lines: list[Line], off: int, fee: Fee, fee_rate_bp: int) -> None:
    tickets = sum(it.quantity * it.price for it in lines)
    discount = min(off, tickets)
    wanted = fee_of(fee, [(it.quantity, it.price) for it in lines], tickets - discount)
    found = sums(lines, discount, tickets - discount + wanted, fee_rate_bp)
    assert found.fee == wanted
    assert found.tickets - found.discount + found.fee == found.gross == found.net + found.tax
    assert sum(it.gross for it in found.taxes) == found.gross
    assert all(0 <= it.tax <= it.gross for it in found.taxes)
    assert found.gross > 0 or found.fee == 0


@given(st.lists(MONEY, max_size=10), st.data())
def test_what_is_divided_stays_whole_and_below_each_part(weights: list[int], data: st.DataObject) -> None:
    whole = data.draw(st.integers(0, sum(weights)))
    parts = divided(whole, weights)
    assert sum(parts) == whole
    assert all(0 <= part <= weight for part, weight in zip(parts, weights, strict=True))


@given(st.integers(1, 10**11), st.data())
def test_refunds_of_parts_give_back_all_tax_and_never_more(amount: int, data: st.DataObject) -> None:
    tax = data.draw(st.integers(0, amount))
    cuts = sorted(data.draw(st.lists(st.integers(0, amount), max_size=6)))
    steps = [part_refunded(tax, upto, amount) for upto in (0, *cuts, amount)]
    each = [after - before for before, after in itertools.pairwise(steps)]
    refunds = [b - a for a, b in zip((0, *cuts), (*cuts, amount), strict=True)]
    assert sum(each) == tax
    assert all(0 <= part <= refund for part, refund in zip(each, refunds, strict=True))


def test_an_order_as_a_receipt_says_it() -> None:
    found = sums([Line(2, 4_500, 700), Line(1, 1_190, 1900)], 190, 10_000 + 330, 1900)
    assert (found.tickets, found.discount, found.fee, found.gross) == (10_190, 190, 330, 10_330)
    assert [(it.rate_bp, it.gross, it.tax) for it in found.taxes] == [(700, 8_832, 578), (1900, 1_498, 239)]
    assert not sums([Line(1, 100, 0)], 0, 100).taxed
