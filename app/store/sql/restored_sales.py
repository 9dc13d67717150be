"""SQL of sales that Postgres has lost and Redis still knows."""

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
    """Begin a payment in place of one that was lost; whether there was a hold, of any age.

    To be confirmed in the same transaction.
    """
    return bool(await connection.fetch(_RESTORE, payment_id, reservation_id, method))
