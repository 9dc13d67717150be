"""The scripts compute the same booking fee as `core/payments/sums.py`; it is part of no line of a hold."""

from __future__ import annotations

import msgspec
import pytest
from redis.asyncio import Redis

from app.core.catalogue import codes
from app.core.model import TicketType
from app.core.payments.sums import Fee, fee_of
from app.core.reservations.terms import code_in, items_of, read_terms
from app.store.scripts.filling import load_codes, load_stock
from app.store.scripts.stock import Request, submit
from tests.scripts.test_load_codes import a_set
from tests.support.sales import KEYS, NOW, decide, give_sessions, put_on_sale, submission, ticket_types

FEES = [Fee(150, 0), Fee(0, 333), Fee(99, 250), Fee(0, 10_000), Fee()]
ITEMS = ["floor:1", "floor:2,balcony:3", "balcony:1,free:4", "free:2"]


def types() -> list[TicketType]:
    """The sale's types, including a free one."""
    return [
        msgspec.structs.replace(it, price=0 if it.ticket_type_id == "free" else it.price)
        for it in ticket_types({"floor": 1000, "balcony": 1000, "free": 1000})
    ]


@pytest.mark.parametrize("off_order", [None, 101, 100_000])
async def test_the_amount_has_the_fee_that_the_page_shows(redis: Redis, off_order: int | None) -> None:
    await put_on_sale(redis)
    await give_sessions(redis, "ann")
    if off_order is not None:
        it = a_set(set_id="s", uses_max=99, off_order=off_order)
        await load_codes(redis, KEYS, [codes.set_field(it), codes.code_field("FANS", "s", True)])
    for n, fee in enumerate(FEES):
        await load_stock(redis, KEYS, types(), fee)
        for items in ITEMS:
            wanted = items if off_order is None else f"{items}!FANS"
            (held,) = await decide(redis, Request(f"r{n}{items}", f"v{n}{items}", wanted))
            terms = read_terms(held.terms)
            lines = [(it.quantity, it.price) for it in items_of(terms.items)]
            cost = sum(quantity * price for quantity, price in lines)
            cost -= (code_in(terms.items) or ("", 0))[1]
            assert terms.amount == cost + fee_of(fee, lines, cost)
            request = submission(f"s{n}{items}", "ann", wanted)._replace(expected=terms.amount + 1)
            (answer,) = await submit(redis, KEYS, [request], event_id="gala", backlog_max=10, now_ms=NOW)
            assert (answer.word, answer.detail) == ("price_changed", str(terms.amount))
