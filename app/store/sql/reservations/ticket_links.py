"""SQL of links to the tickets bought with an address: requested, e-mailed, used once."""

from __future__ import annotations

from typing import NamedTuple

import asyncpg

from app.core.tokens.order_rights import LINK_S
from app.store.connections import Connection, Queries
from app.store.sql.reservations import transfers

LINKS_A_DAY = 3  # links to one address
ASKING_AN_HOUR = 20  # links requested from one network address, which many people may share


class LinkRequest(NamedTuple):
    """A requested link; the hashes are for the traces."""

    token_hash: bytes
    link_id: str
    email: str
    locale: str
    recipient: bytes
    client: bytes


# The traces are the same whether anything was bought with this address or not.
_ASK = f"""
WITH sent AS (
    SELECT count(*) FILTER (WHERE recipient = $5) AS to_them,
           count(*) FILTER (WHERE client = $6 AND at > now() - interval '1 hour') AS from_there
    FROM mail_traces
    WHERE kind = 'tickets_link' AND at > now() - interval '1 day' AND (recipient = $5 OR client = $6)
), counted AS (
    INSERT INTO mail_traces (kind, recipient, client)
    SELECT 'tickets_link', $5, $6 FROM sent WHERE to_them < {LINKS_A_DAY} AND from_there < {ASKING_AN_HOUR}
    RETURNING kind
), made AS (
    INSERT INTO ticket_links (token_hash, email, expires_at)
    SELECT $1, $3, now() + make_interval(secs => {LINK_S}) FROM counted
    WHERE EXISTS (SELECT FROM buyers WHERE lower(email) = lower($3) AND email <> '')
       OR EXISTS (SELECT FROM transfers WHERE lower(email) = lower($3) AND state = 'accepted')
       OR EXISTS (SELECT FROM mailboxes WHERE lower(email) = lower($3))
       OR EXISTS (SELECT FROM room_invites WHERE email = lower($3))
       OR EXISTS (SELECT FROM fans WHERE lower(email) = lower($3))
       OR EXISTS (SELECT FROM accounts WHERE email = lower($3) AND role = 'user')
    RETURNING expires_at
)
INSERT INTO mails (kind, subject_id, recipient, guest, until, locale)
SELECT 'tickets_link', $2, $3, false, expires_at, $4 FROM made
"""
_TRACES = "SELECT count(*) FROM mail_traces WHERE kind = 'tickets_link' AND recipient = $1"
_OFFERED = """
SELECT transfer_id FROM transfers JOIN tickets USING (ticket_id)
WHERE lower(transfers.email) = lower($1) AND state = 'accepted' AND holder_email = transfers.email
ORDER BY settled_at DESC LIMIT 20
"""


async def insert_request(postgres: asyncpg.Pool, link: LinkRequest) -> None:
    """Create a link and queue its e-mail, if anything is stored with this address: a purchase, a ticket given
    to it, a place in a queue, an account. With the link, its reader can also erase that data.

    Serialized per recipient and per client, so that concurrent requests are counted.
    """
    async with postgres.acquire() as connection, connection.transaction():
        for side in sorted((link.recipient, link.client)):
            lock = int.from_bytes(side[:8].ljust(8, b"\0"), "big", signed=True)
            await connection.execute("SELECT pg_advisory_xact_lock($1)", lock)
        before = await connection.fetchval(_TRACES, link.recipient)
        await connection.execute(_ASK, *link)
        if await connection.fetchval(_TRACES, link.recipient) > before:
            # Tickets given to this address were never in a reservation of its own.
            for row in await connection.fetch(_OFFERED, link.email):
                await transfers.queue_ticket_mail(connection, row["transfer_id"], link.locale)


async def is_valid(queries: Queries, token_hash: bytes) -> bool:
    """Whether a link is unused and has not expired."""
    return bool(
        await queries.fetchval(
            "SELECT EXISTS (SELECT FROM ticket_links WHERE token_hash = $1 AND expires_at > now())",
            token_hash,
        )
    )


async def use(connection: Connection, token_hash: bytes) -> str | None:
    """Use up a link; returns its address, or None if it is not valid."""
    email: str | None = await connection.fetchval(
        "DELETE FROM ticket_links WHERE token_hash = $1 AND expires_at > now() RETURNING email", token_hash
    )
    return email
