"""SQL of the files that jobs write: orders, tickets or audit entries, one or several rows each."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

import asyncpg

from app.core.catalogue.seating import seat_words
from app.core.clock import in_zone
from app.core.currencies import major
from app.core.reservations.buyers import answered
from app.core.reservations.guests import is_guest
from app.core.text.csv_rows import plain
from app.store.connections import Connection
from app.store.sql.reservations.buyers import read_answers, read_form
from app.store.sql.reservations.money_lines import MADE_OF, MADE_OF_COLUMNS, sums_of_row
from app.store.sql.reservations.orders import LONG_S, WHERE, OrderFilter
from app.store.sql.waiting_room.rooms import readable

CHUNK = 1000
# a reader that takes nothing for this long is cut off, because the snapshot cannot be kept open forever
STALLED_S = 60


class Order(NamedTuple):
    """A row of the report. `items`: TYPE:QUANTITY:PRICE, space-separated; `event_starts_at`: in
    `event_timezone`. Money is in whole units, with the decimals of its currency."""

    reservation_id: str
    visitor_id: str
    status: str
    items: str
    amount: Decimal
    currency: str
    created_at: datetime
    expires_at: datetime
    confirmed_at: datetime | None
    ended_at: datetime | None
    codes: str
    seat_ids: str
    event_starts_at: datetime
    event_timezone: str
    event_id: str
    event_name: str
    email: str
    name: str
    phone: str
    marketing: bool
    terms_accepted_at: datetime | None
    answers: str
    net: Decimal
    tax: Decimal
    fee: Decimal
    guest: bool


class TicketLine(NamedTuple):
    """A ticket, including void ones. Times are in the event's `timezone`."""

    order: str
    event: str
    venue: str
    starts_at: datetime
    timezone: str
    ticket_type: str
    seat: str
    status: str
    price: Decimal
    currency: str
    name: str
    email: str
    phone: str
    bought_at: datetime
    code: str
    checked_in_at: datetime | None
    checked_in_by: str
    marketing: bool
    terms_accepted_at: datetime | None
    answers: str
    guest: bool


class AuditLine(NamedTuple):
    """A change by staff. Times are UTC."""

    number: int
    changed_at: datetime
    who: str
    name: str
    role: str
    action: str
    kind: str
    what: str
    before: str
    after: str
    request: str


_SELECT = f"""
SELECT reservation_id, visitor_id, status,
       (SELECT string_agg(format('%s:%s:%s', line.ticket_type_id, line.quantity, line.price), ' ' ORDER BY nr)
        FROM ROWS FROM (jsonb_to_recordset(items) AS (ticket_type_id text, quantity bigint, price bigint))
             WITH ORDINALITY AS line (ticket_type_id, quantity, price, nr)) AS items,
       amount, reservations.currency, reservations.created_at, expires_at, reservations.confirmed_at,
       ended_at,
       coalesce((SELECT string_agg(code, ' ' ORDER BY ticket_type_id, ticket_id) FROM tickets
                 WHERE tickets.reservation_id = reservations.reservation_id), '') AS codes,
       coalesce((SELECT string_agg(seat, ' ') FROM jsonb_array_elements(items) AS line,
                 jsonb_array_elements_text(line -> 'seat_ids') AS seat), '') AS seat_ids,
       {readable("starts_at")}, timezone, reservations.event_id, events.name,
       coalesce(nullif(buyers.email, ''), mailboxes.email, ''), coalesce(buyers.name, ''),
       coalesce(buyers.phone, ''), coalesce(buyers.marketing, false), buyers.terms_at,
       coalesce(buyers.answers, '{{{{}}}}'), buyer_form, {MADE_OF_COLUMNS}
FROM reservations JOIN events USING (event_id) LEFT JOIN mailboxes USING (room_id, visitor_id)
     LEFT JOIN buyers USING (reservation_id)
{{where}} ORDER BY reservations.created_at, reservation_id
"""

# For a ticket given away the current holder; a void one only has its buyer.
_TICKETS = """
SELECT reservation_id, events.name AS event, visitor_id, venue, starts_at, events.timezone, it.seat_id,
       it.code, coalesce(ticket_types.name, '') AS kind,
       CASE WHEN it.state = 'valid' AND scanned_at IS NOT NULL THEN 'checked in' ELSE it.state END AS state,
       (SELECT line.price FROM jsonb_to_recordset(items || coalesce(cancelled_items, '[]'))
                               AS line (ticket_type_id text, price bigint)
        WHERE line.ticket_type_id = it.ticket_type_id LIMIT 1) AS price,
       reservations.currency, coalesce(nullif(it.name, ''), buyers.name, '') AS name,
       coalesce(nullif(it.email, ''), nullif(buyers.email, ''), mailboxes.email, '') AS email,
       coalesce(buyers.phone, '') AS phone,
       coalesce(reservations.confirmed_at, reservations.created_at) AS bought_at,
       scanned_at, coalesce(accounts.name, check_ins.subject, '') AS checked_in_by,
       coalesce(marketing, false) AS marketing, terms_at, coalesce(answers, '{}') AS answers, buyer_form
FROM (SELECT reservation_id, ticket_id, ticket_type_id, seat_id, code, 'valid' AS state,
             holder_name AS name, holder_email AS email
      FROM tickets WHERE reservation_id = ANY($1)
      UNION ALL SELECT reservation_id, ticket_id, ticket_type_id, seat_id, code, why, '', ''
      FROM void_codes WHERE reservation_id = ANY($1)) AS it
     JOIN reservations USING (reservation_id) JOIN events USING (event_id)
     LEFT JOIN ticket_types USING (event_id, ticket_type_id)
     LEFT JOIN buyers USING (reservation_id)
     LEFT JOIN mailboxes USING (room_id, visitor_id)
     LEFT JOIN check_ins ON check_ins.ticket_id = it.ticket_id AND it.state = 'valid'
     LEFT JOIN accounts ON accounts.account_id = check_ins.subject
ORDER BY reservations.created_at, reservation_id, it.ticket_type_id, it.ticket_id, it.state
"""


async def orders(postgres: asyncpg.Pool, criteria: OrderFilter) -> AsyncIterator[list[Order]]:
    """The orders, oldest first, in one snapshot."""
    async with (
        postgres.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await connection.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{STALLED_S}s'")
        cursor = await connection.cursor(_SELECT.format(where=WHERE), *criteria, timeout=LONG_S)
        while rows := await cursor.fetch(CHUNK, timeout=LONG_S):
            yield [_order(row) for row in rows]


def _order(row: asyncpg.Record) -> Order:
    parts, currency = sums_of_row(row), row["currency"]
    *columns, answers, form = list(row)[:-MADE_OF]
    parts_of_total = (major(part, currency) for part in (parts.net, parts.tax, parts.fee))
    order = Order(*(*columns, _answers(form, answers), *parts_of_total, is_guest(row["visitor_id"])))
    return order._replace(
        items=" ".join(_in_units(line, order.currency) for line in (order.items or "").split()),
        amount=major(row["amount"], order.currency),
        event_starts_at=in_zone(order.event_starts_at, ZoneInfo(order.event_timezone)),
        event_name=plain(order.event_name),
        email=plain(order.email),
        name=plain(order.name),
        phone=plain(order.phone),
        answers=plain(order.answers),
    )


def _answers(form: str, answers: str) -> str:
    """Format answers for one cell: `Question: answer; Question: answer`."""
    given_answers = read_answers(answers)
    return (
        "; ".join(f"{label}: {text}" for label, text in answered(read_form(form), given_answers))
        if given_answers
        else ""
    )


def _in_units(line: str, currency: str) -> str:
    kind, quantity, price = line.split(":")
    return f"{kind}:{quantity}:{major(int(price), currency):f}"


async def of_ids(connection: Connection, reservation_ids: Sequence[str]) -> list[Order]:
    """These orders, oldest first."""
    rows = await connection.fetch(
        _SELECT.format(where="WHERE reservation_id = ANY($1)"), reservation_ids, timeout=LONG_S
    )
    return [_order(row) for row in rows]


async def tickets(connection: Connection, reservation_ids: Sequence[str]) -> list[TicketLine]:
    """The tickets of these orders, in order of purchase."""
    rows = await connection.fetch(_TICKETS, reservation_ids, timeout=LONG_S)
    return [_ticket(row) for row in rows]


def _ticket(row: asyncpg.Record) -> TicketLine:
    zone, currency = ZoneInfo(row["timezone"]), row["currency"]
    scanned_at, terms_at = row["scanned_at"], row["terms_at"]
    return TicketLine(
        *(row["reservation_id"], row["event"], row["venue"], in_zone(row["starts_at"], zone)),
        *(row["timezone"], row["kind"], seat_words(row["seat_id"]) if row["seat_id"] else "", row["state"]),
        major(row["price"] or 0, currency),
        *(currency, row["name"], row["email"], row["phone"]),
        *(in_zone(row["bought_at"], zone), row["code"]),
        *(in_zone(scanned_at, zone) if scanned_at else None, row["checked_in_by"]),
        *(row["marketing"], in_zone(terms_at, zone) if terms_at else None),
        _answers(row["buyer_form"], row["answers"]),
        is_guest(row["visitor_id"]),
    )


async def audit(connection: Connection, audit_ids: Sequence[str]) -> list[AuditLine]:
    """These entries of the audit log, oldest first."""
    rows = await connection.fetch(
        """
        SELECT audit_id, changed_at, subject, coalesce(accounts.name, ''), audit.role, action, kind, id,
               coalesce(before::text, ''), coalesce(after::text, ''), request_id
        FROM audit LEFT JOIN accounts ON account_id = subject
        WHERE audit_id = ANY($1) ORDER BY audit_id
        """,
        [int(it) for it in audit_ids],
        timeout=LONG_S,
    )
    return [AuditLine(*row) for row in rows]
