"""The verdict finds what is wrong: each list, with books that must fill it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from app.core.model import EventId, RoomId
from app.store.connections import Stores
from load.judging.books import Books, Count, OwnedTickets, read_books
from load.judging.verdict import AdmissionSample, judge, over_admitted
from tests.support.sales import a_session, a_shop, reserve_tickets

HELD, SOLD = OwnedTickets("ann", False, {"floor": 2}), OwnedTickets("bob", True, {"floor": 1})
GOOD = Books(
    stock={"floor": Count(5, 2, 2, 1)},
    holds={"r1": HELD, "r2": SOLD},
    allowance={"ann": 2, "bob": 1},
    in_flight=frozenset(),
    counters={"floor": Count(5, 2, 2, 1)},
    rows={"r1": HELD, "r2": SOLD},
    statuses={"r1": "held", "r2": "confirmed"},
    issued={"floor": 1},
    unreleased=frozenset(),
    missing=frozenset(),
)
NOBODY: dict[str, Any] = {"rows": {"r2": SOLD}, "counters": {"floor": Count(5, 4, 0, 1)}}

WRONG: dict[str, tuple[str, dict[str, Any]]] = {
    "counters above the total": ("oversold", {"counters": {"floor": Count(2, -1, 2, 1)}}),
    "rows above the total": ("oversold", {"counters": {"floor": Count(2, 2, 0, 0)}}),
    "tickets above the total": ("oversold", {"issued": {"floor": 6}}),
    "Redis below zero": ("oversold", {"stock": {"floor": Count(2, -1, 2, 1)}}),
    "a promise without a row": ("lost", {"missing": frozenset(["r9"])}),
    "a row that Redis does not know": ("lost", {"holds": {"r2": SOLD}}),
    "a sold ticket without a code": ("lost", {"issued": {"floor": 0}}),
    "tickets that vanished": ("stranded", {"stock": {"floor": Count(5, 1, 2, 1)}}),
    "a hold without a row": ("stranded", NOBODY),
    "an allowance nobody can use": ("stranded", {"allowance": {"ann": 3, "bob": 1}}),
    "sold in one store, held in the other": (
        "stranded",
        {"holds": {"r1": HELD, "r2": replace(SOLD, sold=False)}, "stock": {"floor": Count(5, 2, 3, 0)}},
    ),
    "another total": ("stranded", {"stock": {"floor": Count(6, 3, 2, 1)}}),
    "a submission nobody settles": ("stranded", {"in_flight": frozenset(["r3"])}),
    "an ending Redis was never told of": ("stranded", {"unreleased": frozenset(["r2"])}),
}


def test_books_that_agree_are_good() -> None:
    verdict = judge(GOOD)
    assert verdict.good
    assert str(verdict) == "oversold 0, lost 0, stranded 0, over-admitted 0"


@pytest.mark.parametrize(("name", "wrong"), WRONG.values(), ids=WRONG.keys())
def test_what_is_wrong_is_named(name: str, wrong: dict[str, Any]) -> None:
    verdict = judge(replace(GOOD, **wrong))
    assert getattr(verdict, name)
    assert not verdict.good
    assert name in str(verdict)


def _per_second(admissions: Callable[[int], int], given_back: Callable[[int], int]) -> list[AdmissionSample]:
    """A minute of seconds at a rate of one per second."""
    return [AdmissionSample(s * 1000, admissions(s), given_back(s), float(s)) for s in range(60)]


def test_the_rate_with_its_burst_is_allowed_and_one_more_is_not() -> None:
    assert not list(over_admitted(_per_second(lambda s: s + 5, lambda _: 0), burst=5))
    late_burst = _per_second(lambda s: s + (6 if s > 30 else 0), lambda _: 0)
    assert list(over_admitted(late_burst, burst=5))


def test_no_shows_given_back_may_be_admitted_again_but_not_be_saved_up_above_the_burst() -> None:
    at_30 = _per_second(lambda s: s + (6 if s > 30 else 0), lambda s: 6 if s > 30 else 0)
    assert not list(over_admitted(at_30, burst=0))
    ten_later = _per_second(lambda s: s + (6 if s > 30 else 0), lambda s: 6 if s > 20 else 0)
    assert not list(over_admitted(ten_later, burst=6))
    assert list(over_admitted(ten_later, burst=5))


async def test_the_books_are_read_from_both_stores(stores: Stores) -> None:
    async with a_shop(stores) as engine:
        reserved = await reserve_tickets(engine, await a_session(stores), "floor:2,balcony:1")
    promised = [reserved.reservation_id, "never-made"]
    books = await read_books(stores, RoomId("hall"), EventId("gala"), promised)
    assert books.rows.keys() == books.holds.keys() == {reserved.reservation_id}
    assert books.counters["floor"] == books.stock["floor"] == Count(10, 8, 2, 0)
    assert books.missing == {"never-made"}
    assert judge(replace(books, missing=frozenset())).good
