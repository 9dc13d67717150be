"""The subjects of jobs, stored as their items in one statement, and so as of one moment."""

from __future__ import annotations

from app.store.connections import Connection
from app.store.sql.jobs.jobs import Job
from app.store.sql.reservations.orders import WHERE

CODES_A_STEP = 2_000
LIST_S = 20.0  # time limit for listing the orders of a job; a step must end before its job is cut off


async def list_orders(connection: Connection, job: Job) -> int:
    """Store the job's orders, oldest first, as of now; returns how many."""
    criteria = job.request
    return await _list(
        connection,
        f"SELECT $7, row_number() OVER (ORDER BY created_at, reservation_id), reservation_id "
        f"FROM reservations {WHERE}",
        *(criteria.event_id, criteria.status, criteria.made_from, criteria.made_to),
        *(criteria.ids, criteria.events, job.job_id),
    )


async def list_cancellable(connection: Connection, job: Job) -> int:
    """The same for orders that can be cancelled."""
    criteria = job.request
    return await _list(
        connection,
        f"SELECT $7, row_number() OVER (ORDER BY created_at, reservation_id), reservation_id "
        f"FROM reservations {WHERE} AND reservations.status IN ('held', 'paying', 'confirmed')",
        *(criteria.event_id, criteria.status, criteria.made_from, criteria.made_to),
        *(criteria.ids, criteria.events, job.job_id),
    )


async def list_sold(connection: Connection, job: Job) -> int:
    """The same for orders that were or are paid for."""
    criteria = job.request
    return await _list(
        connection,
        f"SELECT $7, row_number() OVER (ORDER BY created_at, reservation_id), reservation_id "
        f"FROM reservations {WHERE} AND (confirmed_at IS NOT NULL "
        "OR EXISTS (SELECT FROM payments WHERE payments.reservation_id = reservations.reservation_id))",
        *(criteria.event_id, criteria.status, criteria.made_from, criteria.made_to),
        *(criteria.ids, criteria.events, job.job_id),
    )


async def list_audit(connection: Connection, job: Job) -> int:
    """Store the entries of the audit log, oldest first; returns how many."""
    return await _list(
        connection,
        "SELECT $1, row_number() OVER (ORDER BY audit_id), audit_id::text FROM audit "
        "WHERE ($2::timestamptz IS NULL OR changed_at >= $2) "
        "AND ($3::timestamptz IS NULL OR changed_at <= $3)",
        *(job.job_id, job.request.made_from, job.request.made_to),
    )


async def list_buyers(connection: Connection, job: Job) -> int:
    """Store the newest order of each buyer of the event with an address; returns how many."""
    return await _list(
        connection,
        """
        SELECT $1, row_number() OVER (ORDER BY reservation_id), reservation_id FROM (
            SELECT DISTINCT ON (reservations.visitor_id, lower(coalesce(buyers.email, mailboxes.email)))
                   reservations.reservation_id
            FROM reservations JOIN events USING (event_id)
            LEFT JOIN buyers ON buyers.reservation_id = reservations.reservation_id AND buyers.email <> ''
            LEFT JOIN mailboxes ON mailboxes.room_id = events.room_id
                               AND mailboxes.visitor_id = reservations.visitor_id
            WHERE reservations.event_id = $2 AND reservations.status = 'confirmed'
              AND coalesce(buyers.email, mailboxes.email) IS NOT NULL
            ORDER BY reservations.visitor_id, lower(coalesce(buyers.email, mailboxes.email)),
                     reservations.created_at DESC) AS newest
        """,
        *(job.job_id, job.request.event_id),
    )


async def list_holders(connection: Connection, job: Job) -> int:
    """Store all orders of the event that have tickets; returns how many."""
    return await _list(
        connection,
        "SELECT $1, row_number() OVER (ORDER BY created_at, reservation_id), reservation_id "
        "FROM reservations WHERE event_id = $2 AND status = 'confirmed'",
        *(job.job_id, job.request.event_id),
    )


async def list_codes(connection: Connection, job: Job) -> int:
    """Store a step per batch of a set's codes, and a final one; returns how many codes."""
    of = job.request.event_id, (job.request.ids or [""])[0]
    await _list(
        connection,
        f"SELECT $1, number, set_id FROM code_sets, "
        f"generate_series(1, (wanted + {CODES_A_STEP - 1}) / {CODES_A_STEP} + 1) AS number "
        "WHERE event_id = $2 AND set_id = $3",
        *(job.job_id, *of),
    )
    wanted: int | None = await connection.fetchval(
        "SELECT wanted FROM code_sets WHERE event_id = $1 AND set_id = $2", *of
    )
    return wanted or 0


async def _list(connection: Connection, chosen: str, *arguments: object) -> int:
    done = await connection.execute(
        f"INSERT INTO job_items (job_id, number, reservation_id) {chosen}", *arguments, timeout=LIST_S
    )
    return int(done.rpartition(" ")[2])
