"""SQL of attendees: the tickets of a sale, page by page, filtered by a search."""

from __future__ import annotations

import asyncpg

from app.core.reservations.attendees import Attendee, AttendeeFilter, seat_end
from app.core.reservations.guests import PREFIX
from app.core.text.typed import ticket_code
from app.store.connections import Queries
from app.store.sql.reservations.buyers import read_answers
from app.store.sql.reservations.orders import LONG_S

# The address the ticket was given to, else the buyer's, else the visitor's in the queue.
_PAGE = """
SELECT ticket_id, reservation_id, coalesce(nullif(holder_name, ''), buyers.name, '') AS name,
       coalesce(nullif(holder_email, ''), nullif(buyers.email, ''), mailboxes.email, '') AS email,
       coalesce(buyers.phone, ''), coalesce(ticket_types.name, ''), seat_id, reservations.created_at,
       check_ins.scanned_at, coalesce(accounts.name, check_ins.subject), check_ins.device,
       coalesce(buyers.marketing, false), buyers.terms_at,
       starts_with(reservations.visitor_id, $9), coalesce(buyers.answers, '{}')
FROM reservations JOIN events USING (event_id) JOIN tickets USING (reservation_id)
     LEFT JOIN ticket_types USING (event_id, ticket_type_id)
     LEFT JOIN buyers USING (reservation_id)
     LEFT JOIN mailboxes USING (room_id, visitor_id)
     LEFT JOIN check_ins USING (ticket_id)
     LEFT JOIN accounts ON accounts.account_id = check_ins.subject
WHERE reservations.event_id = $1
  AND ($2::text IS NULL OR strpos(lower(concat_ws(' ', holder_name, buyers.name)), $2) > 0
       OR strpos(lower(concat_ws(' ', holder_email, buyers.email, mailboxes.email)), $2) > 0
       OR lower(reservation_id) = $2 OR code = $3 OR lower(seat_id) = $2
       OR ($4 <> '' AND right(seat_id, length($4)) = $4))
  AND ($5::boolean IS NULL OR (check_ins.ticket_id IS NOT NULL) = $5)
  AND ($10::boolean IS NULL OR starts_with(reservations.visitor_id, $9) = $10)
  AND ($6::timestamptz IS NULL OR (reservations.created_at, ticket_id) < ($6, $7))
ORDER BY reservations.created_at DESC, ticket_id DESC LIMIT $8
"""


async def page(queries: Queries, criteria: AttendeeFilter, limit: int) -> list[Attendee]:
    """The next page of attendees, most recent purchases first."""
    words = criteria.words.lower() if criteria.words else None
    at, ticket_id = criteria.after or (None, None)
    rows = await queries.fetch(
        _PAGE,
        *(criteria.event_id, words, ticket_code(words or ""), seat_end(words or "")),
        *(None if criteria.presence is None else criteria.presence == "in", at, ticket_id, limit),
        *(PREFIX, criteria.guests),
        timeout=LONG_S,
    )
    return [_attendee(row) for row in rows]


def _attendee(row: asyncpg.Record) -> Attendee:
    *columns, answers = row
    return Attendee(*(*columns, read_answers(answers)))
