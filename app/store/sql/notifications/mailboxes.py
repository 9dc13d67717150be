"""SQL of mailboxes: where a visitor of a room can be reached. Personal data, therefore only here."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import NamedTuple

import asyncpg

from app.core.model import RoomId, VisitorId
from app.store.connections import Connection

SENT_A_DAY = 3  # confirmations to one address, over all rooms
ASKING_AN_HOUR = 20  # confirmations requested from one network address, which many people may share
# In rooms that require a confirmed address: the limit of requests from one network address. The first one
# from an address is sent even if others have exhausted a mailbox's daily limit, which would keep its owner
# out.
JOINING_AN_HOUR = 100
JOINING_A_DAY = 10
TRIES_MAX = 5  # codes tried, after which only the link is accepted


class Claimable(NamedTuple):
    """A reservation's mailbox, whether a guest left it, and which account took it over, if any."""

    email: str
    guest: bool
    claimed_by: str | None


class NewMailbox(NamedTuple):
    """An address somebody left; `account_id`: it is the account's own. The hashes are for the traces."""

    room_id: str
    visitor_id: str
    email: str
    locale: str
    guest: bool
    account_id: str | None = None
    confirmed: bool = False
    recipient: bytes = b""
    client: bytes = b""


class Mailbox(NamedTuple):
    """A visitor's e-mail address; `asked`: a confirmation was sent there, or is about to be."""

    email: str
    confirmed: bool
    asked: bool


class PendingAddress(NamedTuple):
    """An address that a link confirms; `to_join`: its room requires a confirmed address."""

    email: str
    confirmed: bool
    to_join: bool


_KEEP = """
INSERT INTO mailboxes (room_id, visitor_id, email, locale, guest, account_id, confirmed_at,
                       recipient_hash, confirm_token, confirm_code)
SELECT room_id, $2, $3, $4, $5, $6, CASE WHEN $7 THEN now() END, $8, $9, $10 FROM rooms WHERE room_id = $1
ON CONFLICT (room_id, visitor_id) DO UPDATE
SET email = excluded.email, locale = excluded.locale, guest = excluded.guest,
    account_id = excluded.account_id, recipient_hash = excluded.recipient_hash
"""
# A changed address must confirm again, with another link and code.
_CHANGED = """
UPDATE mailboxes SET confirmed_at = NULL, confirm_token = $3, confirm_code = $4, confirm_tries = 0
WHERE room_id = $1 AND visitor_id = $2 AND lower(email) <> lower($5)
"""
# Unconfirmed addresses are asked once per link, within the limits.
_ASK = f"""
WITH sent AS (
    SELECT count(*) FILTER (WHERE recipient = $3) AS to_them,
           count(*) FILTER (WHERE client = $4 AND at > now() - interval '1 hour') AS from_there,
           count(*) FILTER (WHERE recipient = $3 AND client = $4) AS to_them_from_there
    FROM mail_traces
    WHERE kind = 'confirm_address' AND at > now() - interval '1 day' AND (recipient = $3 OR client = $4)
), room AS (
    SELECT coalesce(settings ->> 'identity' = 'email', false) AS to_join FROM rooms WHERE room_id = $1
), asked AS (
    INSERT INTO mails (kind, subject_id, room_id, visitor_id, recipient, guest)
    SELECT 'confirm_address', confirm_token, room_id, visitor_id, email, guest FROM mailboxes, sent, room
    WHERE room_id = $1 AND visitor_id = $2 AND confirmed_at IS NULL
      AND (to_them < {SENT_A_DAY} OR to_join AND to_them_from_there = 0 AND to_them < {JOINING_A_DAY})
      AND from_there < CASE WHEN to_join THEN {JOINING_AN_HOUR} ELSE {ASKING_AN_HOUR} END
    ON CONFLICT (kind, subject_id) DO NOTHING
    RETURNING kind
)
INSERT INTO mail_traces (kind, recipient, client) SELECT kind, $3, $4 FROM asked
"""


async def save(postgres: asyncpg.Pool, new: NewMailbox) -> None:
    """Store where e-mails to this visitor go once the address is confirmed, and request the confirmation.

    Does nothing if the room was deleted.
    """
    token, code = secrets.token_urlsafe(16), f"{secrets.randbelow(10**6):06}"
    visitor = (new.room_id, new.visitor_id)
    async with postgres.acquire() as connection, connection.transaction():
        await connection.execute(_CHANGED, *visitor, token, code, new.email)
        await connection.execute(
            _KEEP,
            *(*visitor, new.email, new.locale, new.guest, new.account_id, new.confirmed),
            *(new.recipient, token, code),
        )
        await connection.execute(
            "UPDATE mails SET recipient = $3 "
            "WHERE room_id = $1 AND visitor_id = $2 AND state = 'unconfirmed' "
            "AND NOT EXISTS (SELECT FROM buyers WHERE buyers.reservation_id = mails.reservation_id "
            "AND buyers.email <> '')",
            *(*visitor, new.email),
        )
        if not new.confirmed:
            await _request_confirmation(connection, new)


async def _request_confirmation(connection: Connection, new: NewMailbox) -> None:
    """Request the confirmation. Serialized per recipient and per client, so that concurrent requests are
    counted."""
    for side in sorted((new.recipient, new.client)):
        lock = int.from_bytes(side[:8].ljust(8, b"\0"), "big", signed=True)
        await connection.execute("SELECT pg_advisory_xact_lock($1)", lock)
    await connection.execute(_ASK, new.room_id, new.visitor_id, new.recipient, new.client)


async def of_account(postgres: asyncpg.Pool, account_id: str) -> tuple[str, bool] | None:
    """The e-mail of an account and whether it is confirmed; None: there is no such account."""
    row = await postgres.fetchrow(
        "SELECT email, email_confirmed_at IS NOT NULL FROM accounts WHERE account_id = $1", account_id
    )
    return (row[0], row[1]) if row else None


async def of_visitor(postgres: asyncpg.Pool, room_id: str, visitor_id: str) -> Mailbox | None:
    """The visitor's e-mail address, or None."""
    row = await postgres.fetchrow(
        "SELECT email, confirmed_at IS NOT NULL, EXISTS (SELECT FROM mails WHERE kind = 'confirm_address' "
        "AND subject_id = confirm_token) FROM mailboxes WHERE room_id = $1 AND visitor_id = $2",
        *(room_id, visitor_id),
    )
    return Mailbox(*row) if row else None


async def of_token(postgres: asyncpg.Pool, token: str) -> PendingAddress | None:
    """The address that a link confirms; None if the link is no longer valid."""
    row = await postgres.fetchrow(
        "SELECT email, confirmed_at IS NOT NULL, coalesce(settings ->> 'identity' = 'email', false) "
        "FROM mailboxes JOIN rooms USING (room_id) WHERE confirm_token = $1",
        token,
    )
    return PendingAddress(*row) if row else None


async def token_of_code(postgres: asyncpg.Pool, room_id: str, visitor_id: str, code: str) -> str | None:
    """The token of the link with this code; None: the code is wrong, was never sent, or too many were
    tried."""
    row = await postgres.fetchrow(
        f"""
        UPDATE mailboxes SET confirm_tries = confirm_tries + 1
        WHERE room_id = $1 AND visitor_id = $2 AND confirm_tries < {TRIES_MAX}
          AND EXISTS (SELECT FROM mails WHERE kind = 'confirm_address' AND subject_id = confirm_token)
        RETURNING confirm_token, confirm_code
        """,
        *(room_id, visitor_id),
    )
    return row["confirm_token"] if row and row["confirm_code"] == code else None


async def confirm(postgres: asyncpg.Pool, token: str) -> tuple[RoomId, VisitorId] | None:
    """Confirm the address and release the e-mails waiting for it; returns its owner. None: no address is
    waiting for this link."""
    async with postgres.acquire() as connection, connection.transaction():
        row = await connection.fetchrow(
            "UPDATE mailboxes SET confirmed_at = coalesce(confirmed_at, now()) WHERE confirm_token = $1 "
            "RETURNING room_id, visitor_id, email, account_id",
            token,
        )
        if row is None:
            return None
        # a separate statement, to see what was written while the mailbox was locked
        await connection.execute(
            "UPDATE mails SET state = 'waiting', due_at = now(), created_at = now() "
            "WHERE room_id = $1 AND visitor_id = $2 AND state = 'unconfirmed' "
            "AND lower(recipient) = lower($3)",
            *(row["room_id"], row["visitor_id"], row["email"]),
        )
        await connection.execute(
            "UPDATE accounts SET email_confirmed_at = now() "
            "WHERE account_id = $1 AND email = lower($2) AND email_confirmed_at IS NULL",
            *(row["account_id"], row["email"]),
        )
    return RoomId(row["room_id"]), VisitorId(row["visitor_id"])


async def delete(connection: Connection, room_id: str, visitor_id: str) -> None:
    """Delete this visitor's address and e-mails. The traces stay, without a name."""
    await connection.execute(
        "DELETE FROM mailboxes WHERE room_id = $1 AND visitor_id = $2", room_id, visitor_id
    )
    await connection.execute("DELETE FROM mails WHERE room_id = $1 AND visitor_id = $2", room_id, visitor_id)


async def of_reservation(postgres: asyncpg.Pool, reservation_id: str) -> Claimable | None:
    """The mailbox of a reservation; None if there is none, or no such reservation."""
    row = await postgres.fetchrow(
        """
        SELECT coalesce(nullif(buyers.email, ''), mailboxes.email), coalesce(guest, true), claimed_by
        FROM reservations JOIN events USING (event_id) LEFT JOIN mailboxes USING (room_id, visitor_id)
        LEFT JOIN buyers USING (reservation_id)
        WHERE reservation_id = $1 AND coalesce(nullif(buyers.email, ''), mailboxes.email) IS NOT NULL
        """,
        reservation_id,
    )
    return Claimable(*row) if row else None


async def claim(postgres: asyncpg.Pool, reservation_id: str, account_id: str) -> bool:
    """Let this account take over the reservation; False if another one has."""
    done = await postgres.execute(
        "UPDATE reservations SET claimed_by = $2 "
        "WHERE reservation_id = $1 AND (claimed_by IS NULL OR claimed_by = $2)",
        *(reservation_id, account_id),
    )
    return done == "UPDATE 1"


async def reachable(postgres: asyncpg.Pool, room_ids: Sequence[str]) -> list[str]:
    """Those of these rooms with reachable visitors who may be called."""
    rows = await postgres.fetch(
        "SELECT room_id FROM rooms WHERE room_id = ANY($1) AND state <> 'closed' "
        "AND EXISTS (SELECT FROM mailboxes WHERE mailboxes.room_id = rooms.room_id)",
        room_ids,
    )
    return [row["room_id"] for row in rows]
