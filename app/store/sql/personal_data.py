"""SQL of what is known of somebody by their e-mail address: all of it, and forgetting it."""

from __future__ import annotations

from typing import Any

import msgspec

from app.store.connections import Connection, Queries

LISTED_MAX = 1_000  # of each kind

# What is known, one statement for each part: rows as JSON, times as text.
_KNOWN = {
    "orders": """
        SELECT reservation_id, events.name AS event, reservations.status, reservations.amount,
               reservations.currency, reservations.created_at, buyers.email, buyers.name, buyers.phone,
               buyers.answers, buyers.marketing, buyers.terms_at
        FROM buyers JOIN reservations USING (reservation_id) JOIN events USING (event_id)
        WHERE lower(buyers.email) = lower($1)""",
    "tickets_held": """
        SELECT ticket_id, reservation_id, ticket_type_id, seat_id, holder_email, holder_name
        FROM tickets WHERE lower(holder_email) = lower($1)""",
    "tickets_offered": """
        SELECT ticket_id, email, name, state, created_at FROM transfers WHERE lower(email) = lower($1)""",
    "queues": """
        SELECT room_id, email, confirmed_at FROM mailboxes WHERE lower(email) = lower($1)""",
    "invitations": """
        SELECT room_id, email, invited_at, withdrawn_at FROM room_invites WHERE email = lower($1)""",
    "mails": """
        SELECT kind, recipient, state, created_at FROM mails WHERE lower(recipient) = lower($1)""",
    "fan_account": """
        SELECT fan_id, email, created_at,
               (SELECT count(*) FROM fan_passkeys WHERE fan_passkeys.fan_id = fans.fan_id) AS passkeys
        FROM fans WHERE lower(email) = lower($1)""",
    "account": """
        SELECT account_id, email, name, role, created_at, last_sign_in_at FROM accounts
        WHERE email = lower($1)""",
}
# Amounts, counts and codes stay: they are the books, and say of nobody who it was.
# Transfers before tickets, as with accepting one: a ticket that is accepted meanwhile is found, too.
# Mails last: one that is being written holds the row of its buyer until it is.
_FORGET = (
    "UPDATE transfers SET email = '', name = '', "
    "state = CASE state WHEN 'offered' THEN 'withdrawn' ELSE state END WHERE lower(email) = lower($1)",
    "UPDATE tickets SET holder_email = '', holder_name = '' WHERE lower(holder_email) = lower($1)",
    "WITH gone AS (DELETE FROM buyers WHERE lower(email) = lower($1) RETURNING reservation_id) "
    "DELETE FROM mails USING gone WHERE mails.reservation_id = gone.reservation_id",
    "DELETE FROM mailboxes WHERE lower(email) = lower($1)",
    "DELETE FROM room_invites WHERE email = lower($1)",
    "DELETE FROM ticket_links WHERE lower(email) = lower($1)",
    "DELETE FROM fans WHERE lower(email) = lower($1)",
    "DELETE FROM fan_steps WHERE lower(email) = lower($1)",
    "DELETE FROM mails WHERE lower(recipient) = lower($1)",
    # Of staff the account stays, with what they did: another admin deactivates it. Of who was staff once the
    # sign-ins go, too: without an account they would have the role again that it had then.
    "WITH gone AS (DELETE FROM accounts WHERE email = lower($1) AND role = 'user' "
    "AND NOT EXISTS (SELECT FROM sale_grants WHERE sale_grants.account_id = accounts.account_id) "
    "RETURNING account_id) DELETE FROM sign_ins USING gone WHERE subject = account_id",
)


async def email_of(queries: Queries, token_hash: bytes) -> str | None:
    """The address of a link to tickets that is still valid; it is not used up."""
    email: str | None = await queries.fetchval(
        "SELECT email FROM ticket_links WHERE token_hash = $1 AND expires_at > now()", token_hash
    )
    return email


async def select_known(queries: Queries, email: str) -> dict[str, Any]:
    """All that is known of somebody by their address, by kind."""
    found = {}
    for part, statement in _KNOWN.items():
        rows = await queries.fetchval(
            f"SELECT coalesce(json_agg(row_to_json(it)), '[]')::text FROM ({statement} LIMIT $2) AS it",
            *(email, LISTED_MAX),
        )
        found[part] = msgspec.Raw(rows.encode())
    return found


async def forget(connection: Connection, email: str) -> None:
    """Forget somebody by their address, in all tables."""
    for statement in _FORGET:
        await connection.execute(statement, email)
