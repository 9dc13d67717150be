"""SQL of renaming seats: their ids wherever Postgres stores them. Receipts and the log keep the old names."""

from __future__ import annotations

from collections.abc import Sequence

from app.core.catalogue.seat_names import NewName
from app.store.connections import Connection

LONG_S = 60.0  # statements over all seats of a section
_NAMES = (
    "WITH names AS MATERIALIZED (SELECT * FROM unnest($2::text[], $3::text[], $4::text[], $5::text[]) "
    "AS it (was, is_now, row_name, label)) "
)
_COLUMNS = "ticket_type_id, row_number, row_name, number, kind, label"
# Names may be swapped, so each seat goes through its new name prefixed with ~. Holds refer to seats, so new
# rows are inserted before the old ones are deleted.
_SEATS = (
    f"{_NAMES} INSERT INTO seats (event_id, seat_id, {_COLUMNS}) SELECT event_id, '~' || is_now, "
    "ticket_type_id, row_number, names.row_name, number, kind, names.label "
    "FROM seats JOIN names ON seat_id = was WHERE event_id = $1",
    f"{_NAMES} UPDATE seat_holds SET seat_id = '~' || is_now FROM names "
    "WHERE event_id = $1 AND seat_id = was",
    f"{_NAMES} DELETE FROM seats USING names WHERE event_id = $1 AND seat_id = was",
)
_FINAL = (
    f"INSERT INTO seats (event_id, seat_id, {_COLUMNS}) SELECT event_id, substr(seat_id, 2), {_COLUMNS} "
    "FROM seats WHERE event_id = $1 AND starts_with(seat_id, '~')",
    "UPDATE seat_holds SET seat_id = substr(seat_id, 2) WHERE event_id = $1 AND starts_with(seat_id, '~')",
    "DELETE FROM seats WHERE event_id = $1 AND starts_with(seat_id, '~')",
)
_LINES = """
(SELECT jsonb_agg(CASE WHEN jsonb_typeof(line -> 'seat_ids') = 'array' THEN jsonb_set(line, '{{seat_ids}}', (
     SELECT coalesce(jsonb_agg(coalesce(names.is_now, seat) ORDER BY at), '[]')
     FROM jsonb_array_elements_text(line -> 'seat_ids') WITH ORDINALITY AS seats (seat, at)
          LEFT JOIN names ON names.was = seat)) ELSE line END ORDER BY nr)
 FROM jsonb_array_elements({0}) WITH ORDINALITY AS lines (line, nr))
"""
_OF_SECTION = "event_id = $1 AND (items || coalesce(cancelled_items, '[]')) @> $6::jsonb"
_ORDERS = f"""
{_NAMES} UPDATE reservations SET items = coalesce({_LINES.format("items")}, items),
    cancelled_items = coalesce({_LINES.format("cancelled_items")}, cancelled_items)
WHERE {_OF_SECTION}
"""
_OF_TICKETS = (
    f"{_NAMES} UPDATE {{0}} AS it SET seat_id = is_now FROM names, reservations "
    "WHERE it.seat_id = was AND reservations.reservation_id = it.reservation_id "
    "AND reservations.event_id = $1"
)


async def raise_epoch(connection: Connection, room_id: str) -> None:
    """Void all decisions not yet written, and pause further ones until the room is loaded again."""
    await connection.execute("UPDATE rooms SET epoch = epoch + 1 WHERE room_id = $1", room_id)


async def lock_orders(connection: Connection, event_id: str, line: str) -> None:
    """Lock the orders with a seat of a section before its ticket type, the lock order of cancelling."""
    of_section = _OF_SECTION.replace("$6", "$2")
    await connection.execute(
        f"SELECT FROM reservations WHERE {of_section} ORDER BY reservation_id FOR UPDATE",
        *(event_id, line),
        timeout=LONG_S,
    )


async def rename(connection: Connection, event_id: str, line: str, names: Sequence[NewName]) -> int:
    """Give these seats their new ids; returns how many valid tickets now show another seat.

    `line`: what an order of the section contains, as JSON.
    """
    values = event_id, *(list(it) for it in zip(*names, strict=True))
    for statement in _SEATS:
        await connection.execute(statement, *values, timeout=LONG_S)
    for statement in _FINAL:
        await connection.execute(statement, event_id, timeout=LONG_S)
    await connection.execute(_ORDERS, *values, line, timeout=LONG_S)
    await connection.execute(_OF_TICKETS.format("void_codes"), *values, timeout=LONG_S)
    done = await connection.execute(_OF_TICKETS.format("tickets"), *values, timeout=LONG_S)
    return int(done.rpartition(" ")[2])
