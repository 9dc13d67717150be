"""How many ticket types and seats an event has at most, and sections that grow."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from app.catalogue import events, ticket_types
from app.core.catalogue.definitions import NewSeat, NewSeats, NewSection, NewTicketType
from app.core.errors import Conflict
from app.store.connections import Stores
from tests.support.catalogue import SPRING, by, create_sale, totals

BOX = NewTicketType(ticket_type_id="box", name="Box", price=9000, quantity=4)
CIRCLE = NewSection(name="Circle", price=4000, rows=1, seats_per_row=2)
SALE = {"floor": 10, "stalls": 6}


async def grow(stores: Stores, section: str, seats: Sequence[tuple[str, int]], price: int = 7000) -> None:
    """Add these seats to a section."""
    new = [NewSeat(section=section, row=row, number=number, price=price) for row, number in seats]
    await events.create_seats(stores, SPRING, NewSeats(seats=new, grow=True), by=by("grow"))


async def test_an_event_has_only_so_many_ticket_types(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create_sale(stores)
    monkeypatch.setattr(ticket_types, "TICKET_TYPES_MAX", 2)
    with pytest.raises(Conflict, match="at most 2 ticket types"):
        await events.create_ticket_type(stores, SPRING, BOX, by=by("box"))
    with pytest.raises(Conflict, match="at most 2 ticket types"):
        await events.create_seats(stores, SPRING, NewSeats(sections=[CIRCLE]), by=by("circle"))
    assert await totals(stores) == SALE
    assert await stores.postgres.fetchval("SELECT count(*) FROM seats") == 6


async def test_an_event_has_only_so_many_seats_with_those_that_are_blocked(
    stores: Stores, monkeypatch: pytest.MonkeyPatch
) -> None:
    await create_sale(stores)
    await stores.postgres.execute("UPDATE ticket_types SET total = 5, blocked = 1 WHERE seated")
    monkeypatch.setattr(ticket_types, "SEATS_OF_EVENT_MAX", 7)
    with pytest.raises(Conflict, match="at most 7 seats"):
        await events.create_seats(stores, SPRING, NewSeats(sections=[CIRCLE]), by=by("circle"))
    with pytest.raises(Conflict, match="at most 7 seats"):
        await grow(stores, "Stalls", [("c", 1), ("c", 2)])
    assert await stores.postgres.fetchval("SELECT count(*) FROM seats") == 6
    await grow(stores, "Stalls", [("b", 3), ("c", 1)])  # one of them exists
    assert await totals(stores) == {**SALE, "stalls": 6}
    assert await stores.postgres.fetchval("SELECT count(*) FROM seats") == 7


async def test_a_section_that_is_to_grow_is_created_if_there_is_none(stores: Stores) -> None:
    await create_sale(stores)
    for _ in range(2):
        await grow(stores, "Circle", [("a", 1), ("a", 2)], 4000)
    assert await totals(stores) == {**SALE, "circle": 2}


@pytest.mark.parametrize(
    ("section", "price", "why"), [("Stalls", 7001, "another price"), ("Floor", 5000, "has no seats")]
)
async def test_what_is_on_sale_in_another_way_does_not_grow(
    stores: Stores, section: str, price: int, why: str
) -> None:
    await create_sale(stores)
    with pytest.raises(Conflict, match=why):
        await grow(stores, section, [("c", 1)], price)
    assert await totals(stores) == SALE
