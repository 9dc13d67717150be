"""SQL of sales lost by Postgres and still known to Redis."""

from __future__ import annotations

from app.store.connections import Connection

_RESTORE = """
WITH taken AS (
    UPDATE reservations SET status = 'paying' WHERE reservation_id = $2 AND status = 'held'
    RETURNING reservation_id, amount
)
INSERT INTO payments (payment_id, reservation_id, fingerprint, method, token, amount, status, gateway)
SELECT $1, reservation_id, '', $3, '', amount, 'asked', false FROM taken
RETURNING payment_id
"""


async def begin_payment(connection: Connection, payment_id: str, reservation_id: str, method: str) -> bool:
    """Begin a payment in place of a lost one; returns whether there was a hold, expired or not.

    To be confirmed in the same transaction.
    """
    return bool(await connection.fetch(_RESTORE, payment_id, reservation_id, method))
