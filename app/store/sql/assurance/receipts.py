"""SQL of receipts: numbered in order, without a gap, by the relay of the outbox after the sale's commit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import asyncpg
import msgspec

from app.core.payments.sums import Line, Sums, sums
from app.store.connections import Connection


class ReceiptLine(msgspec.Struct, frozen=True):
    """Tickets of one type; `price` is per ticket, in minor units, including tax."""

    name: str
    quantity: int
    price: int
    tax_rate_bp: int = 0


class Receipt(NamedTuple):
    """A sale as of the time of purchase; `amount` in minor units."""

    receipt_no: int
    reservation_id: str
    event_name: str
    lines: list[ReceiptLine]
    amount: int
    currency: str
    sold_at: datetime
    taken_off: int | None  # discount by a code; None: the amount consists of tickets and a discount only
    fee_tax_rate_bp: int
    seller: str

    @property
    def sums(self) -> Sums:
        """The parts of its amount."""
        lines = [Line(it.quantity, it.price, it.tax_rate_bp) for it in self.lines]
        worth = sum(it.quantity * it.price for it in lines)
        discount = max(0, worth - self.amount) if self.taken_off is None else self.taken_off
        return sums(lines, discount, self.amount, self.fee_tax_rate_bp)


_read_lines = msgspec.json.Decoder(list[ReceiptLine]).decode

# Sales of test rooms and free tickets have none. There is only one relay, so the counter is never contended;
# number and counter are written in one transaction, so there is no gap.
_NUMBER = """
WITH sold AS (
    SELECT reservation_id, events.event_id, events.name, items || coalesce(cancelled_items, '[]') AS items,
           reservations.amount, reservations.currency, reservations.confirmed_at,
           reservations.discount, seller,
           CASE WHEN taxed THEN tax_rates_at(event_id, reservations.created_at) END AS rates,
           row_number() OVER (ORDER BY outbox.number, it.nr) AS nr
    FROM outbox
    CROSS JOIN LATERAL unnest(outbox.subjects) WITH ORDINALITY AS it (subject, nr)
    JOIN reservations ON reservation_id = it.subject
    JOIN events USING (event_id) JOIN rooms USING (room_id)
    WHERE outbox.number = ANY($1) AND outbox.type = 'reservation.confirmed' AND reservations.amount > 0
      AND NOT coalesce((rooms.settings ->> 'test')::boolean, false)
      AND NOT EXISTS (SELECT FROM receipts WHERE receipts.reservation_id = reservations.reservation_id)
), counted AS (
    INSERT INTO receipt_counter (last) SELECT count(*) FROM sold HAVING count(*) > 0
    ON CONFLICT (one) DO UPDATE SET last = receipt_counter.last + excluded.last
    RETURNING last - (SELECT count(*) FROM sold) AS before
)
INSERT INTO receipts (receipt_no, reservation_id, event_name, lines, amount, currency, sold_at, discount,
                      fee_tax_rate_bp, seller)
SELECT before + nr, reservation_id, name,
       (SELECT jsonb_agg(jsonb_build_object('name', coalesce(ticket_types.name, line.ticket_type_id),
                                            'quantity', line.quantity, 'price', line.price,
                                            'tax_rate_bp',
                                            coalesce((rates ->> line.ticket_type_id)::int, 0)))
        FROM jsonb_to_recordset(items) AS line (ticket_type_id text, quantity bigint, price bigint)
        LEFT JOIN ticket_types ON ticket_types.event_id = sold.event_id
                              AND ticket_types.ticket_type_id = line.ticket_type_id),
       amount, currency, confirmed_at, discount, coalesce((rates ->> '')::int, 0), seller
FROM sold, counted
"""


async def number(connection: Connection, numbers: Sequence[int]) -> None:
    """Number the sales among these rows of the outbox, once each.

    The relay need not wait for the disk, but a number that somebody may have read must never be reused.
    """
    if await connection.execute(_NUMBER, numbers) != "INSERT 0 0":
        await connection.execute("SET LOCAL synchronous_commit TO DEFAULT")


async def of_order(postgres: asyncpg.Pool, reservation_id: str) -> Receipt | None:
    """The receipt of an order; None: it was not paid for, or has no number yet."""
    row = await postgres.fetchrow(
        "SELECT receipt_no, reservation_id, event_name, lines::text, amount, currency, sold_at, discount, "
        "fee_tax_rate_bp, seller "
        "FROM receipts WHERE reservation_id = $1",
        reservation_id,
    )
    return Receipt(row[0], row[1], row[2], _read_lines(row[3]), *row[4:]) if row else None
