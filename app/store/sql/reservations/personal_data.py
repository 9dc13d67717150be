"""SQL of personal data by e-mail address: listing all of it, and deleting it."""

from __future__ import annotations

from typing import Any

import msgspec

from app.store.connections import Connection, Queries

LISTED_MAX = 1_000  # per kind

# One statement per kind of data: rows as JSON, times as text.
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
# Amounts, counts and codes stay: they are needed for accounting and identify nobody.
# Transfers before tickets, the order of accepting one, so that a ticket accepted meanwhile is found, too.
# E-mails last: one being written locks the row of its buyer until it is done.
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
    # Accounts of staff stay, with their actions: another admin deactivates them. For former staff the
    # sign-ins are deleted, too: without an account they would regain the role stored there.
    "WITH gone AS (DELETE FROM accounts WHERE email = lower($1) AND role = 'user' "
    "AND NOT EXISTS (SELECT FROM sale_grants WHERE sale_grants.account_id = accounts.account_id) "
    "RETURNING account_id) DELETE FROM sign_ins USING gone WHERE subject = account_id",
)


async def email_of(queries: Queries, token_hash: bytes) -> str | None:
    """The address of a valid link to tickets, without using it up."""
    email: str | None = await queries.fetchval(
        "SELECT email FROM ticket_links WHERE token_hash = $1 AND expires_at > now()", token_hash
    )
    return email


async def select_all(queries: Queries, email: str) -> dict[str, Any]:
    """All personal data stored with an address, by kind."""
    by_kind = {}
    for part, statement in _KNOWN.items():
        rows = await queries.fetchval(
            f"SELECT coalesce(json_agg(row_to_json(it)), '[]')::text FROM ({statement} LIMIT $2) AS it",
            *(email, LISTED_MAX),
        )
        by_kind[part] = msgspec.Raw(rows.encode())
    return by_kind


async def forget(connection: Connection, email: str) -> None:
    """Delete the personal data of an address from all tables."""
    for statement in _FORGET:
        await connection.execute(statement, email)
