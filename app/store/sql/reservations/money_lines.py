"""SQL for accounting: payments and refunds, a row each, with their parts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple
from zoneinfo import ZoneInfo

import asyncpg
import msgspec

from app.core.clock import in_zone
from app.core.currencies import major
from app.core.payments.sums import FEE, Sums, lines_of, part_refunded, sums
from app.core.reservations.terms import read_items
from app.store.connections import Connection
from app.store.sql.reservations.orders import LONG_S

# The parts of an order's amount, in the last columns; read by `sums_of_row`.
MADE_OF = 4
MADE_OF_COLUMNS = """
       (items || coalesce(cancelled_items, '[]'))::text AS all_items, discount, reservations.amount AS gross,
       CASE WHEN taxed THEN tax_rates_at(reservations.event_id, reservations.created_at)::text
            ELSE jsonb_build_object()::text END AS tax_rates
"""


class MoneyLine(NamedTuple):
    """A payment, or a refund, whose amounts are negative. `amount` is gross, the sum of `net` and `tax`;
    `fee` is the booking fee contained in it. Times are in the event's `timezone`."""

    order: str
    event: str
    kind: str
    amount: Decimal
    currency: str
    method: str
    payment: str
    status: str
    at: datetime
    timezone: str
    net: Decimal
    tax: Decimal
    fee: Decimal


async def money(connection: Connection, reservation_ids: Sequence[str]) -> list[MoneyLine]:
    """The payments and refunds of these orders, in order of purchase."""
    rows = await connection.fetch(
        f"""
        SELECT reservation_id, events.name, line.kind, line.amount, reservations.currency,
               method, payment_id, line.status, line.at, timezone, {MADE_OF_COLUMNS}
        FROM payments JOIN reservations USING (reservation_id) JOIN events USING (event_id),
             LATERAL (
                 SELECT 'payment', payments.amount, 'settled', coalesce(confirmed_at, payments.created_at)
                 UNION ALL
                 SELECT 'refund', -refunds.amount, CASE state WHEN 'done' THEN 'settled' ELSE 'under way' END,
                        coalesce(refunds.settled_at, refunds.created_at)
                 FROM refunds WHERE refunds.payment_id = payments.payment_id AND state <> 'failed'
                   AND refunds.amount > 0
                 UNION ALL
                 SELECT 'refund', payments.refunded - payments.amount,
                        CASE payments.status WHEN 'refunded' THEN 'settled' ELSE 'under way' END,
                        payments.settled_at
                 WHERE payments.status <> 'succeeded' AND payments.amount > payments.refunded
             ) AS line (kind, amount, status, at)
        WHERE reservation_id = ANY($1) AND payments.status IN ('succeeded', 'refunding', 'refunded')
        ORDER BY reservations.created_at, reservation_id, payments.created_at, payment_id, line.kind, line.at
        """,
        reservation_ids,
        timeout=LONG_S,
    )
    refunded: dict[str, int] = {}
    return [_money(row, refunded) for row in rows]


def _money(row: asyncpg.Record, refunded: dict[str, int]) -> MoneyLine:
    """`refunded`: refunds of each payment in the lines before this one."""
    order, event, kind, amount, currency, method, payment, status, at, timezone = list(row)[:10]
    before = refunded.get(payment, 0)
    after = refunded[payment] = before - min(amount, 0)
    parts = sums_of_row(row)
    tax, fee = (
        it if amount > 0 else part_refunded(it, before, parts.gross) - part_refunded(it, after, parts.gross)
        for it in (parts.tax, parts.fee)
    )
    return MoneyLine(
        *(order, event, kind, major(amount, currency), currency, method, payment, status),
        *(in_zone(at, ZoneInfo(timezone)), timezone),
        *(major(it, currency) for it in (amount - tax, tax, fee)),
    )


def sums_of_row(row: asyncpg.Record) -> Sums:
    """The parts of the amount, from a row with `MADE_OF_COLUMNS`."""
    rates = msgspec.json.decode(row["tax_rates"], type=dict[str, int])
    lines = lines_of(read_items(row["all_items"]), rates)
    return sums(lines, row["discount"], row["gross"], rates.get(FEE, 0))
