"""SQL of tickets that are given away: offered, withdrawn, accepted, each once."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import asyncpg

from app.store.connections import Connection, Queries

OFFERED_S = 7 * 86_400  # at most; and no longer than until the event
OFFERS_A_DAY = 5  # to one address


class Offer(NamedTuple):
    """A ticket offered to somebody; the hash of the address is for the traces."""

    transfer_id: str
    token_hash: bytes
    reservation_id: str
    ticket_id: str
    email: str
    name: str
    locale: str
    recipient: bytes


class HeldTicket(NamedTuple):
    """A ticket as its new or prospective holder sees it."""

    transfer_id: str
    event_id: str
    room_id: str
    event_name: str
    venue: str
    starts_at: datetime
    timezone: str
    ticket_type: str
    seat_id: str | None
    code: str
    name: str  # of the holder
    reservation_id: str


# Offering and accepting exclude each other: both lock the row of the reservation.
_OFFER = f"""
WITH counted AS (
    INSERT INTO mail_traces (kind, recipient) SELECT 'transfer_offer', $8
    WHERE {OFFERS_A_DAY} > (SELECT count(*) FROM mail_traces WHERE kind = 'transfer_offer' AND recipient = $8
                            AND at > now() - interval '1 day')
    RETURNING kind
), made AS (
    INSERT INTO transfers (transfer_id, token_hash, ticket_id, email, name, locale, expires_at)
    SELECT $1, $2, ticket_id, $5, $6, $7,
           greatest(now() + interval '1 hour', least(now() + make_interval(secs => {OFFERED_S}), starts_at))
    FROM counted, tickets JOIN reservations USING (reservation_id) JOIN events USING (event_id)
    WHERE ticket_id = $4 AND reservation_id = $3 AND reservations.status = 'confirmed'
      AND transferred_at IS NULL
      AND NOT EXISTS (SELECT FROM check_ins WHERE check_ins.ticket_id = tickets.ticket_id)
    ON CONFLICT DO NOTHING
    RETURNING expires_at
)
INSERT INTO mails (kind, subject_id, room_id, visitor_id, reservation_id, recipient, guest, until, locale)
SELECT 'transfer_offer', $1, room_id, visitor_id, reservation_id, $5, false, made.expires_at, $7
FROM made, reservations JOIN events USING (event_id) WHERE reservation_id = $3
RETURNING true
"""

_SEEN = """
SELECT transfer_id, events.event_id, events.room_id, events.name, venue, starts_at, timezone,
       ticket_types.name, seat_id, code, transfers.name, reservation_id
FROM transfers JOIN tickets USING (ticket_id) JOIN reservations USING (reservation_id)
JOIN events USING (event_id) JOIN ticket_types USING (event_id, ticket_type_id)
"""


async def offer(connection: Connection, new: Offer) -> bool:
    """Offer a ticket by e-mail. False: it is not of this reservation, was used, is already offered or
    given away, or the address was written to too often."""
    await connection.execute(
        "SELECT FROM reservations WHERE reservation_id = $1 FOR UPDATE", new.reservation_id
    )
    return bool(await connection.fetchval(_OFFER, *new))


async def withdraw(postgres: asyncpg.Pool, reservation_id: str, ticket_id: str) -> None:
    """Withdraw the offer of a ticket; does nothing if it has been accepted."""
    await postgres.execute(
        "UPDATE transfers SET state = 'withdrawn', settled_at = now() FROM tickets "
        "WHERE tickets.ticket_id = transfers.ticket_id AND transfers.ticket_id = $2 "
        "AND tickets.reservation_id = $1 AND state = 'offered'",
        *(reservation_id, ticket_id),
    )


async def offers_of(queries: Queries, reservation_id: str) -> dict[str, str]:
    """The recipients of a reservation's offered tickets, by ticket id; without expired offers."""
    rows = await queries.fetch(
        "SELECT ticket_id, transfers.email FROM transfers JOIN tickets USING (ticket_id) "
        "WHERE reservation_id = $1 AND state = 'offered' AND expires_at > now()",
        reservation_id,
    )
    return {row["ticket_id"]: row["email"] for row in rows}


async def drop_over(connection: Connection, ticket_id: str) -> None:
    """Withdraw an expired offer, so that the ticket can be offered again."""
    await connection.execute(
        "UPDATE transfers SET state = 'withdrawn', settled_at = now() "
        "WHERE ticket_id = $1 AND state = 'offered' AND expires_at <= now()",
        ticket_id,
    )


async def offered(queries: Queries, token_hash: bytes) -> HeldTicket | None:
    """The ticket that a link offers, None if the offer is no longer valid."""
    row = await queries.fetchrow(
        f"{_SEEN} WHERE token_hash = $1 AND state = 'offered' AND transfers.expires_at > now() "
        "AND reservations.status = 'confirmed'",
        token_hash,
    )
    return HeldTicket(*row) if row else None


async def held(queries: Queries, transfer_id: str) -> HeldTicket | None:
    """The ticket held through a transfer, None if it is no longer valid."""
    row = await queries.fetchrow(
        f"{_SEEN} WHERE transfer_id = $1 AND state = 'accepted' AND holder_email = transfers.email "
        "AND reservations.status = 'confirmed'",
        transfer_id,
    )
    return HeldTicket(*row) if row else None


async def accept(connection: Connection, token_hash: bytes) -> str | None:
    """Give a ticket to the person it was offered to: it gets a new code. The old one becomes void (a trigger
    records that). Returns the transfer, or None if the offer is no longer valid."""
    reservation_id = await connection.fetchval(
        "SELECT reservation_id FROM reservations JOIN tickets USING (reservation_id) "
        "JOIN transfers USING (ticket_id) WHERE token_hash = $1 AND reservations.status = 'confirmed' "
        "FOR UPDATE OF reservations",
        token_hash,
    )
    if reservation_id is None:
        return None
    transfer_id: str | None = await connection.fetchval(
        """
        WITH settled AS (
            UPDATE transfers SET state = 'accepted', settled_at = now()
            WHERE token_hash = $1 AND state = 'offered' AND expires_at > now()
              AND NOT EXISTS (SELECT FROM check_ins WHERE check_ins.ticket_id = transfers.ticket_id)
            RETURNING transfer_id, ticket_id, email, name
        )
        UPDATE tickets SET code = upper(replace(gen_random_uuid()::text, '-', '')), transferred_at = now(),
                           holder_email = settled.email, holder_name = settled.name
        FROM settled WHERE tickets.ticket_id = settled.ticket_id RETURNING transfer_id
        """,
        token_hash,
    )
    return transfer_id


async def queue_ticket_mail(connection: Connection, transfer_id: str, locale: str) -> None:
    """Queue the e-mail with the ticket to its new holder, again if it was sent before."""
    await connection.execute(
        """
        INSERT INTO mails (kind, subject_id, room_id, visitor_id, reservation_id, recipient, guest, locale)
        SELECT 'ticket', transfer_id, room_id, visitor_id, reservation_id, transfers.email, false, $2
        FROM transfers JOIN tickets USING (ticket_id) JOIN reservations USING (reservation_id)
        JOIN events USING (event_id)
        WHERE transfer_id = $1
        ON CONFLICT (kind, subject_id) DO UPDATE
        SET state = 'waiting', attempts = 0, due_at = now(), created_at = now(), locale = excluded.locale
        WHERE mails.state NOT IN ('waiting', 'handing_over')
        """,
        *(transfer_id, locale),
    )
