"""SQL of seats and their holders."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

import asyncpg

from app.core.catalogue.seating import NEITHER, SeatRow, Section, row_of, seat_id
from app.core.model import EventId
from app.store.connections import Connection, Queries

LONG_S = 60.0  # statements that read all seats of an event
CHUNK = 10_000  # seats per INSERT


class LiveSeat(NamedTuple):
    """A seat in Postgres: `state` f, h, s or b; `?` for one still held by an ended reservation."""

    ticket_type_id: str
    state: str
    kind: str


class MarkedSeat(NamedTuple):
    """An accessible seat (a) or a companion seat (c)."""

    seat_id: str
    kind: str


class Claim(NamedTuple):
    """A seat that a held or sold reservation names, and the reservation that has it in `seat_holds`."""

    seat_id: str
    reservation_id: str
    kept_by: str | None


async def insert_seats(connection: Connection, event_id: EventId, section: Section) -> None:
    """Insert the seats of a new section."""
    await insert_rows(connection, event_id, section.ticket_type_id, enumerate(section.rows, 1))


async def insert_rows(
    connection: Connection, event_id: EventId, ticket_type_id: str, numbered: Iterable[tuple[int, SeatRow]]
) -> None:
    """Insert the seats of rows, each with the number of its row; 1 is the best."""
    rows = [
        (
            *(seat_id(ticket_type_id, it.row, seat.label), number_of_row, it.row, seat.number),
            None if seat.kind == NEITHER else seat.kind,
            None if seat.label == str(seat.number) else seat.label,
        )
        for number_of_row, it in numbered
        for seat in it.seats()
    ]
    for start in range(0, len(rows), CHUNK):
        await connection.execute(
            "INSERT INTO seats (event_id, ticket_type_id, seat_id, row_number, row_name, number, kind, "
            "label) SELECT $1, $2, * "
            "FROM unnest($3::text[], $4::int[], $5::text[], $6::int[], $7::text[], $8::text[])",
            event_id,
            ticket_type_id,
            *zip(*rows[start : start + CHUNK], strict=True),
            timeout=LONG_S,
        )


async def count_seats(queries: Queries, event_id: EventId) -> int:
    """How many seats the event has."""
    count: int = await queries.fetchval(
        "SELECT coalesce(sum(total + blocked), 0)::bigint FROM ticket_types WHERE event_id = $1 AND seated",
        event_id,
    )
    return count


async def select_rows(
    queries: Any, event_id: EventId, ticket_type_ids: Sequence[str]
) -> dict[str, list[SeatRow]]:
    """The rows of these ticket types, the best first; all seats free except those blocked by staff."""
    rows = await queries.fetch(
        """
        SELECT ticket_type_id, row_name, array_agg(number ORDER BY number) AS numbers,
               array_agg(number) FILTER (WHERE kept_as IS NOT NULL) AS blocked,
               array_agg(number ORDER BY number) FILTER (WHERE kind IS NOT NULL) AS with_kind,
               array_agg(kind ORDER BY number) FILTER (WHERE kind IS NOT NULL) AS kinds,
               array_agg(number ORDER BY number) FILTER (WHERE label IS NOT NULL) AS labelled,
               array_agg(label ORDER BY number) FILTER (WHERE label IS NOT NULL) AS labels
        FROM seats LEFT JOIN seat_holds USING (event_id, seat_id)
        WHERE event_id = $1 AND ticket_type_id = ANY($2)
        GROUP BY ticket_type_id, row_number, row_name ORDER BY ticket_type_id, row_number
        """,
        event_id,
        ticket_type_ids,
        timeout=LONG_S,
    )
    return {
        ticket_type_id: [_row(row) for row in group]
        for ticket_type_id, group in groupby(rows, key=lambda row: row["ticket_type_id"])
    }


def _row(row: asyncpg.Record) -> SeatRow:
    kinds = dict(zip(row["with_kind"] or (), row["kinds"] or (), strict=True))
    labels = dict(zip(row["labelled"] or (), row["labels"] or (), strict=True))
    return row_of(row["row_name"], row["numbers"], set(row["blocked"] or ()), kinds, labels)


async def set_kind(
    connection: Connection, event_id: EventId, seat_ids: Sequence[str], kind: str | None
) -> dict[str, str]:
    """Make these seats accessible (a), companion seats (c) or neither (None); returns seat -> ticket type."""
    rows = await connection.fetch(
        "UPDATE seats SET kind = $3 WHERE event_id = $1 AND seat_id = ANY($2) "
        "RETURNING seat_id, ticket_type_id",
        event_id,
        seat_ids,
        kind,
    )
    return {row["seat_id"]: row["ticket_type_id"] for row in rows}


async def select_taken(
    postgres: asyncpg.Pool, event_id: str, seat_ids: Sequence[str]
) -> dict[str, str | None]:
    """The taken seats among these, and by whom; None: kept off sale by staff."""
    rows = await postgres.fetch(
        "SELECT seat_id, visitor_id FROM seat_holds LEFT JOIN reservations USING (reservation_id) "
        "WHERE seat_holds.event_id = $1 AND seat_id = ANY($2)",
        event_id,
        seat_ids,
    )
    return {row["seat_id"]: row["visitor_id"] for row in rows}


async def live_seats(postgres: asyncpg.Pool, event_id: EventId) -> dict[str, LiveSeat]:
    """Every seat of the event, by its id."""
    rows = await postgres.fetch(
        """
        SELECT seats.seat_id, ticket_type_id, coalesce(kind, '.') AS kind,
               CASE WHEN kept_as IS NOT NULL THEN 'b' WHEN reservation_id IS NULL THEN 'f'
                    WHEN status IN ('held', 'paying') THEN 'h'
                    WHEN status = 'confirmed' THEN 's' ELSE '?' END AS state
        FROM seats LEFT JOIN seat_holds USING (event_id, seat_id)
                   LEFT JOIN reservations USING (reservation_id)
        WHERE seats.event_id = $1
        """,
        event_id,
        timeout=LONG_S,
    )
    return {row["seat_id"]: LiveSeat(row["ticket_type_id"], row["state"], row["kind"]) for row in rows}


async def claims(postgres: asyncpg.Pool, event_id: EventId) -> list[Claim]:
    """The seats named by held and sold reservations, each with its owner in `seat_holds`."""
    rows = await postgres.fetch(
        """
        SELECT live.seat_id, live.reservation_id, seat_holds.reservation_id AS kept_by
        FROM (SELECT reservation_id, jsonb_array_elements_text(line.seat_ids) AS seat_id
              FROM reservations, jsonb_to_recordset(items) AS line (seat_ids jsonb)
              WHERE event_id = $1 AND status IN ('held', 'paying', 'confirmed')) AS live
        LEFT JOIN seat_holds ON seat_holds.event_id = $1 AND seat_holds.seat_id = live.seat_id
        """,
        event_id,
        timeout=LONG_S,
    )
    return [Claim(*row) for row in rows]


async def marked_rows(
    queries: Queries, event_id: str, seat_ids: Collection[str]
) -> list[dict[int, MarkedSeat]]:
    """The accessible and companion seats, by number, of each row that has an accessible one of these."""
    rows = await queries.fetch(
        "SELECT ticket_type_id, row_number, number, seat_id, kind FROM seats "
        "WHERE event_id = $1 AND kind IS NOT NULL AND (ticket_type_id, row_number) IN ("
        "SELECT ticket_type_id, row_number FROM seats "
        "WHERE event_id = $1 AND seat_id = ANY($2) AND kind = 'a') "
        "ORDER BY ticket_type_id, row_number, number",
        event_id,
        list(seat_ids),
    )
    return [
        {it["number"]: MarkedSeat(it["seat_id"], it["kind"]) for it in row}
        for _, row in groupby(rows, key=lambda it: (it["ticket_type_id"], it["row_number"]))
    ]


async def seats_of_buyer(queries: Queries, event_id: str, reservation_id: str) -> set[str]:
    """All seats of the visitor who made this order, including those of their other orders."""
    rows = await queries.fetch(
        "SELECT seat_id FROM seat_holds JOIN reservations USING (reservation_id) "
        "WHERE seat_holds.event_id = $1 AND visitor_id = "
        "(SELECT visitor_id FROM reservations WHERE reservation_id = $2)",
        *(event_id, reservation_id),
    )
    return {row["seat_id"] for row in rows}


async def set_plan(queries: Queries, event_id: EventId, ticket_type_id: str, plan: str | None) -> None:
    """Store where a section stands, as JSON; None: wherever it fits."""
    await queries.execute(
        "UPDATE ticket_types SET plan = $3::jsonb WHERE event_id = $1 AND ticket_type_id = $2 AND seated",
        event_id,
        ticket_type_id,
        plan,
    )
