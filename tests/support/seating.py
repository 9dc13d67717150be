"""A hall with seats for tests, in Redis and in Postgres."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from app.core.catalogue.definitions import NewSection
from app.core.catalogue.seating import Section, seat_id, whole_sections
from app.core.model import TicketType, TicketTypeId
from app.core.reservations.requested_tickets import BestAvailable, NamedSeats
from app.core.tokens.claims import BookingClaims
from app.reservations.holds import load_totals
from app.reservations.operations import ReserveResult, reserve
from app.reservations.pending import ReservationEngine
from app.store.connections import RedisClient, Stores
from app.store.keys import RoomKeys
from app.store.redis import seat_rows
from app.store.scripts import filling
from app.store.sql.catalogue import seats
from tests.support.sales import GALA, HALL, KEYS, TOTALS, a_sale, an_engine, put_on_sale, running_worker

ROWS, ROW_SEATS, PRICE = 3, 5, 7000


def a_section(name: str = "Stalls", rows: int = ROWS, seats_per_row: int = ROW_SEATS) -> Section:
    """A section with the seats `stalls-a-1` to `stalls-c-5`."""
    [made] = whole_sections([NewSection(name=name, price=PRICE, rows=rows, seats_per_row=seats_per_row)])
    return made


def type_of_section(section: Section) -> TicketType:
    """The ticket type of a section."""
    return TicketType(
        ticket_type_id=section.ticket_type_id,
        name=section.name,
        price=section.price,
        total=section.total,
        held=0,
        sold=0,
        seated=True,
    )


async def put_seats_on_sale(
    redis: RedisClient, *sections: Section, keys: RoomKeys = KEYS, **conf: int | str
) -> None:
    """The sale of `tests.support.sales` in Redis, with sections in addition to its counted tickets."""
    await put_on_sale(redis, keys, TOTALS, **conf)
    for section in sections or (a_section(),):
        ticket_type_id = section.ticket_type_id
        await filling.load_seats(redis, keys, section.rows, ticket_type_id=ticket_type_id)
        await filling.load_stock(redis, keys, [type_of_section(section)])


async def states(redis: RedisClient, keys: RoomKeys = KEYS, ticket_type: str = "stalls") -> dict[str, str]:
    """Map each row to its seats' states; asserts that runs are right and every taken seat has an owner."""
    rows = (await seat_rows.live_rows(redis, keys))[ticket_type]
    client: Any = redis
    runs: str = await client.hget(keys.seats, f"runs:{ticket_type}")
    longest = [max(map(len, re.split("[^f]", row.states))) for row in rows]
    assert len(runs) == len(rows)
    for ours, text in zip(longest, runs, strict=True):
        assert _length(text) == min(ours, 100)
    sitters: Mapping[str, str] = await client.hgetall(keys.sitters)
    taken = {
        seat_id(ticket_type, row.row, seat.label)
        for row in rows
        for seat in row.seats()
        if seat.state in "hs"
    }
    assert taken == {it for it in sitters if it.startswith(f"{ticket_type}-")}
    return {row.row: row.states for row in rows}


def _length(code: str) -> int:
    """The inverse of `run_code` in the scripts."""
    number = ord(code)
    assert number not in (37, 94)
    return number - 1 - (number > 37) - (number > 94)


@asynccontextmanager
async def a_hall(stores: Stores, *sections: Section, **sale: int) -> AsyncIterator[ReservationEngine]:
    """A sale with seats and counted tickets, a reservation engine and a worker."""
    await a_sale(stores, TOTALS, **sale)
    async with stores.postgres.acquire() as connection:
        for section in sections or (a_section(),):
            await connection.execute(
                "INSERT INTO ticket_types (event_id, ticket_type_id, name, price, total, seated) "
                "VALUES ($1, $2, $3, $4, $5, true)",
                GALA,
                section.ticket_type_id,
                section.name,
                section.price,
                section.total,
            )
            await seats.insert_seats(connection, GALA, section)
    await load_totals(stores, HALL, GALA)
    async with an_engine(stores) as engine, running_worker(stores):
        yield engine


async def reserve_seats(
    engine: ReservationEngine, claims: BookingClaims, *seat_ids: str, key: str = ""
) -> ReserveResult:
    """Reserve exactly these seats; each call has a new key by default."""
    wanted = NamedSeats(seat_ids=list(seat_ids))
    return await reserve(engine, claims, GALA, wanted, idempotency_key=key or "+".join(seat_ids))


async def reserve_best(
    engine: ReservationEngine,
    claims: BookingClaims,
    quantity: int,
    *,
    key: str = "best",
    ticket_type: str = "stalls",
) -> ReserveResult:
    """Reserve the best seats."""
    wanted = BestAvailable(ticket_type_id=TicketTypeId(ticket_type), quantity=quantity)
    return await reserve(engine, claims, GALA, wanted, idempotency_key=key)


def seats_in(reserved: ReserveResult) -> list[str]:
    """The seats of a reservation."""
    assert reserved.reservation is not None
    return [seat for it in reserved.reservation.items for seat in it.seat_ids or ()]
