"""SQL of guests: the orders that staff created for them."""

from __future__ import annotations

from app.core.reservations.guests import PREFIX, Guest, GuestCounts
from app.store.connections import Queries
from app.store.sql.reservations.orders import LONG_S

_AFTER = "z" * 40  # sorts after any suffix of a guest's id
# The range uses the index on an event's visitors, in any collation; the rest makes it exact.
_OF_GUESTS = f"""
reservations.event_id = $1 AND visitor_id BETWEEN '{PREFIX}' AND '{PREFIX}{_AFTER}'
AND starts_with(visitor_id, '{PREFIX}') AND reservations.confirmed_at IS NOT NULL
"""
_MATCHES = (
    "($2 = '' OR strpos(lower(concat_ws(' ', buyers.name, buyers.email, reservation_id)), lower($2)) > 0)"
)
_LISTED = f"""
SELECT reservation_id, coalesce(buyers.name, '') AS name, coalesce(buyers.email, '') AS email,
       coalesce((SELECT string_agg(ticket_types.name, ', ')
                 FROM jsonb_to_recordset(items || coalesce(cancelled_items, '[]'))
                      AS line (ticket_type_id text) JOIN ticket_types USING (ticket_type_id)
                 WHERE ticket_types.event_id = reservations.event_id), '') AS ticket_type,
       (SELECT sum(quantity)::int FROM jsonb_to_recordset(items || coalesce(cancelled_items, '[]'))
               AS line (quantity int)) AS given,
       valid.tickets AS valid, valid.checked_in, coalesce(mail.state, '') AS mail, reservations.created_at
FROM reservations LEFT JOIN buyers USING (reservation_id)
CROSS JOIN LATERAL (
    SELECT count(*) AS tickets, count(check_ins.ticket_id) AS checked_in
    FROM tickets LEFT JOIN check_ins USING (ticket_id)
    WHERE tickets.reservation_id = reservations.reservation_id) AS valid
LEFT JOIN LATERAL (
    SELECT state FROM mails
    WHERE mails.reservation_id = reservations.reservation_id AND mails.kind = 'confirmed'
    ORDER BY mails.created_at DESC LIMIT 1) AS mail ON true
WHERE {_OF_GUESTS} AND {_MATCHES}
ORDER BY reservations.created_at DESC, reservation_id LIMIT $3 OFFSET $4
"""


async def select_page(queries: Queries, event_id: str, text: str, limit: int, offset: int) -> list[Guest]:
    """A page of a sale's guests, including those without a valid ticket; the last added first."""
    rows = await queries.fetch(_LISTED, event_id, text, limit, offset, timeout=LONG_S)
    return [Guest(*row) for row in rows]


async def count_matching(queries: Queries, event_id: str, text: str) -> int:
    """How many guests match this text in name, e-mail or order."""
    count: int = await queries.fetchval(
        f"SELECT count(*) FROM reservations LEFT JOIN buyers USING (reservation_id) "
        f"WHERE {_OF_GUESTS} AND {_MATCHES}",
        *(event_id, text),
        timeout=LONG_S,
    )
    return count


async def counts(queries: Queries, event_id: str) -> GuestCounts:
    """The number of guests with valid tickets, and of their tickets."""
    row = await queries.fetchrow(
        "SELECT count(DISTINCT reservation_id), count(*) "
        f"FROM reservations JOIN tickets USING (reservation_id) WHERE {_OF_GUESTS}",
        event_id,
        timeout=LONG_S,
    )
    assert row is not None
    return GuestCounts(*row)
